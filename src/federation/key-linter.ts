import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { decodeBase64url } from './compact-jws.ts';
import { algorithmOf, type VerificationKey } from './jws-algorithms.ts';
import { type Algorithm, algorithms } from './model.ts';
import { hasRocaFingerprint, isWeakEd25519Point } from './weak-keys.ts';

type Jwk = Readonly<Record<string, unknown>>;

type LintedKey =
  | { readonly ok: true; readonly key: VerificationKey }
  /** `leaked`: private material was published; whoever reads it can sign, so nothing beside it is to be trusted. */
  | { readonly ok: false; readonly why: string; readonly leaked?: true };

export type LintedKeySet =
  | { readonly ok: true; readonly keys: readonly VerificationKey[]; readonly notes: readonly string[] }
  | { readonly ok: false; readonly why: string; readonly leaked?: true };

const maxKeys = 50;
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'] as const;
const refuse = (why: string): { readonly ok: false; readonly why: string } => ({ ok: false, why });

/**
 * Judges a remote or uploaded key set (J5): unusable keys are left out with a note; leaked private members, one `kid`
 * for two keys, too many keys or no usable key refuse the whole set.
 */
export function lintKeySet(json: unknown): LintedKeySet {
  const entries = isObject(json) ? json['keys'] : undefined;
  if (!Array.isArray(entries)) return refuse('not a key set');
  if (entries.length > maxKeys) return refuse(`more than ${maxKeys} keys`);
  const keys: VerificationKey[] = [];
  const notes: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const linted = lintKey(entry);
    if (linted.ok) keys.push(linted.key);
    else if (linted.leaked) return linted;
    else notes.push(`key ${index + 1}: ${linted.why}`);
  }
  if (hasKidConflict(keys)) return refuse('one kid names two different keys');
  if (keys.length === 0) return refuse(['no usable key', ...notes.slice(0, 3)].join('; '));
  return { ok: true, keys, notes };
}

function hasKidConflict(keys: readonly VerificationKey[]): boolean {
  const thumbprints = new Map<string, string>();
  for (const { kid, thumbprint } of keys) {
    if (kid === undefined) continue;
    if ((thumbprints.get(kid) ?? thumbprint) !== thumbprint) return true;
    thumbprints.set(kid, thumbprint);
  }
  return false;
}

/** Judges one JWK (J5) and binds it to the algorithms of its type, curve, `alg`, `use` and `key_ops`. Never throws. */
export function lintKey(jwk: unknown): LintedKey {
  if (!isObject(jwk)) return refuse('not an object');
  const { kty, kid } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return refuse('key type is not RSA, EC or OKP');
  if (privateMembers.some((name) => Object.hasOwn(jwk, name))) {
    return { ok: false, why: 'private key material is published', leaked: true };
  }
  if (kid !== undefined && typeof kid !== 'string') return refuse('kid is not a string');
  const fault = purposeFault(jwk) ?? materialFault(kty, jwk);
  if (fault !== undefined) return refuse(fault);
  const allowed = allowedAlgorithms(kty, jwk);
  if (allowed.size === 0) return refuse('alg does not fit the key');
  const keyObject = importKey(jwk);
  if (keyObject === undefined) return refuse('not a valid public key');
  return { ok: true, key: { kid, algorithms: allowed, keyObject, thumbprint: thumbprintOf(keyObject) } };
}

const isObject = (value: unknown): value is Jwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function purposeFault({ use, key_ops: operations }: Jwk): string | undefined {
  if (use !== undefined && use !== 'sig') return 'use is not sig';
  if (operations === undefined) return undefined;
  return Array.isArray(operations) && operations.includes('verify') ? undefined : 'key_ops lacks verify';
}

const curveAlgorithms: ReadonlyMap<unknown, Algorithm> = new Map<unknown, Algorithm>([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
]);
const coordinateBytes: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
]);

function allowedAlgorithms(kty: 'RSA' | 'EC' | 'OKP', { alg, crv }: Jwk): ReadonlySet<Algorithm> {
  const fitting = algorithms.filter((name) => {
    if (kty === 'RSA') return name.startsWith('RS') || name.startsWith('PS');
    return kty === 'EC' ? name === curveAlgorithms.get(crv) : name === 'EdDSA';
  });
  if (alg === undefined) return new Set(fitting);
  const named = typeof alg === 'string' ? algorithmOf(alg) : undefined;
  return new Set(fitting.filter((name) => name === named));
}

function materialFault(kty: 'RSA' | 'EC' | 'OKP', jwk: Jwk): string | undefined {
  if (kty === 'RSA') return rsaFault(bytesOf(jwk['n']), bytesOf(jwk['e']));
  if (kty === 'EC') return ecFault(jwk['crv'], bytesOf(jwk['x']), bytesOf(jwk['y']));
  if (jwk['crv'] !== 'Ed25519') return 'curve is not Ed25519';
  const point = bytesOf(jwk['x']);
  if (point?.length !== 32) return 'x is not 32 bytes of base64url';
  return isWeakEd25519Point(point) ? 'Ed25519 point of small order' : undefined;
}

const bytesOf = (value: unknown): Buffer | undefined =>
  typeof value === 'string' ? decodeBase64url(value) : undefined;

/** A verify's time grows with modulus and exponent, and `e = 1` verifies anything: both are bounded before import. */
function rsaFault(modulus: Buffer | undefined, exponent: Buffer | undefined): string | undefined {
  if (modulus === undefined || exponent === undefined) return 'n or e is not base64url';
  if (modulus.length > 1025) return 'modulus is not 2048 to 8192 bits';
  const n = toBigInt(modulus);
  const bits = n.toString(2).length;
  if (bits < 2048 || bits > 8192) return 'modulus is not 2048 to 8192 bits';
  if (n % 2n === 0n) return 'modulus is even';
  if (exponent.length > 5) return 'exponent is not odd and between 3 and 2^32';
  const e = toBigInt(exponent);
  if (e < 3n || e >= 2n ** 32n || e % 2n === 0n) return 'exponent is not odd and between 3 and 2^32';
  return hasRocaFingerprint(n) ? 'modulus carries the ROCA fingerprint' : undefined;
}

function ecFault(curve: unknown, x: Buffer | undefined, y: Buffer | undefined): string | undefined {
  const size = coordinateBytes.get(curve);
  if (size === undefined) return 'curve is not P-256, P-384 or P-521';
  return x?.length === size && y?.length === size ? undefined : 'x or y has the wrong length';
}

const toBigInt = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex') || '0'}`);

/** OpenSSL refuses points that are not on the curve here. */
function importKey(jwk: Jwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function thumbprintOf(key: KeyObject): string {
  const { kty, crv, e, n, x, y } = key.export({ format: 'jwk' });
  const required = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}
