import { timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../kernel/ports.ts';
import { Secret } from '../kernel/secret.ts';
import { privateKeyFromSeed, publicKeyText } from '../keys/ed25519.ts';

/**
 * Client secrets (contract §2.2): `secret-token:<label>:v1:<base64url of an Ed25519 private JWK>`. Postern keeps the public
 * key only, so nothing at rest authenticates (threat T15). The seed has full entropy, hence no password hash.
 */
export interface NewClientSecret {
  readonly secret: Secret;
  /** The JWK member `x`, the only part that is stored. */
  readonly publicKey: string;
}

/** Honest secrets have 190 characters; clients may add `kid`, `use` and `alg`. */
const maxSecretLength = 1_024;
const keyLengthBytes = 32;

const derivePublicKey = (seed: Buffer): string => publicKeyText(privateKeyFromSeed(seed));

/** @param label Second part of the secret; scanners know it by this. Must not contain `:`. */
export function createClientSecret(random: RandomBytes, label: string): NewClientSecret {
  const seed = random(keyLengthBytes);
  const publicKey = derivePublicKey(seed);
  // The members in this order, and no others: some clients read `kid` into their assertions.
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey, d: seed.toString('base64url') };
  const encoded = Buffer.from(JSON.stringify(jwk)).toString('base64url');
  return { secret: new Secret(`secret-token:${label}:v1:${encoded}`), publicKey };
}

/** The bytes of canonical, unpadded base64url text; `undefined` for any other text. */
function decodeBase64url(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function parseJson(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The public key that the presented secret proves possession of: derived from `d`, never taken from `x`, which must
 * agree with it. `undefined` for text that is no secret. Never throws.
 */
export function publicKeyOfSecret(text: string): string | undefined {
  if (text.length > maxSecretLength) return undefined;
  const [scheme, label, format, encoded, ...rest] = text.split(':');
  if (scheme !== 'secret-token' || label === '' || format !== 'v1' || rest.length > 0) return undefined;
  const bytes = decodeBase64url(encoded);
  const jwk = bytes === undefined ? undefined : parseJson(bytes);
  if (jwk === undefined || jwk['kty'] !== 'OKP' || jwk['crv'] !== 'Ed25519') return undefined;
  const seed = decodeBase64url(jwk['d']);
  const claimed = decodeBase64url(jwk['x']);
  if (seed?.length !== keyLengthBytes || claimed?.length !== keyLengthBytes) return undefined;
  const publicKey = derivePublicKey(seed);
  return timingSafeEqual(claimed, Buffer.from(publicKey, 'base64url')) ? publicKey : undefined;
}

/** Whether the presented secret belongs to the stored public key; compares in constant time. */
export function secretMatches(text: string, publicKey: string): boolean {
  const proven = publicKeyOfSecret(text);
  if (proven === undefined) return false;
  const presented = Buffer.from(proven);
  const stored = Buffer.from(publicKey);
  return presented.length === stored.length && timingSafeEqual(presented, stored);
}
