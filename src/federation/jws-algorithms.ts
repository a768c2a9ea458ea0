import { constants, type KeyObject, verify } from 'node:crypto';
import { type Algorithm, algorithms } from './model.ts';

/** A public key that passed the linter, bound to the algorithms it may verify. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly algorithms: ReadonlySet<Algorithm>;
  readonly keyObject: KeyObject;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
}

const known: ReadonlyMap<string, Algorithm> = new Map([
  ...algorithms.map((name) => [name, name] as const),
  ['Ed25519', 'EdDSA'],
]);

/** The algorithm that a header or key names; `Ed25519` (RFC 9864) is `EdDSA`. `undefined` for `none`, HMAC and the rest. */
export function algorithmOf(name: string): Algorithm | undefined {
  return known.get(name);
}

/**
 * Verifies a signature with a key that must allow the algorithm. Synchronous on purpose: for these algorithms the
 * thread pool costs 20–30 µs more a call and lowers no latency (performance.md §1).
 */
export function verifySignature(
  alg: string,
  key: VerificationKey,
  signingInput: Buffer,
  signature: Buffer,
): boolean {
  const algorithm = algorithmOf(alg);
  if (algorithm === undefined || !key.algorithms.has(algorithm)) return false;
  if (algorithm === 'EdDSA') return verify(null, signingInput, key.keyObject, signature);
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('RS')) return verify(hash, signingInput, key.keyObject, signature);
  if (algorithm.startsWith('ES')) {
    return verify(hash, signingInput, { key: key.keyObject, dsaEncoding: 'ieee-p1363' }, signature);
  }
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return verify(hash, signingInput, { key: key.keyObject, padding, saltLength }, signature);
}
