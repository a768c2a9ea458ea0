/** The workshop of the attack tables: one honest issuer with its keys, and strangers who hold keys of their own. */

import { constants, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import type { Algorithm, JsonWebKeySet } from '../../src/federation/model.ts';
import type { ReasonCode } from '../../src/kernel/error-catalogue.ts';

export interface AttackRow {
  readonly id: string;
  readonly threat: string;
  readonly title: string;
  readonly forge: (lab: Forge) => string | Promise<string>;
  readonly reason: ReasonCode;
  /** Whether signature, issuer and audience hold, so that the caller may learn the reason. */
  readonly proven: boolean;
}

export interface ForgeKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

type Header = Readonly<Record<string, unknown>>;
type Payload = Readonly<Record<string, unknown>> | string | Buffer;

export interface Forge {
  readonly issuer: string;
  readonly audience: string;
  /** Issuer of the gateway under attack. */
  readonly ownIssuer: string;
  /** Seconds since the epoch, by the clock of the gateway. */
  readonly now: number;
  /** What the provider accepts; the issuer has keys for more. */
  readonly algorithms: readonly Algorithm[];
  readonly keys: Readonly<Record<KeyName, ForgeKey>>;
  /** Same kids, other keys: not the issuer's. */
  readonly strangers: Readonly<Record<KeyName, ForgeKey>>;
  /** What the issuer publishes. */
  readonly jwks: JsonWebKeySet;
  /** Claims of an honest token, changed by the patch; `undefined` removes one. */
  claims(patch?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** Signs by the key's own algorithm whatever the header says. Text and bytes are taken as the payload itself. */
  sign(header: Header | string | Buffer, payload?: Payload, key?: ForgeKey): string;
  /** Joins parts by dots: bytes are encoded, text is taken as it is. */
  raw(parts: readonly (string | Buffer)[]): string;
}

export type KeyName = 'rsa' | 'p256' | 'p384' | 'p521' | 'ed25519';

const makers: Readonly<
  Record<KeyName, readonly [Algorithm, () => { privateKey: KeyObject; publicKey: KeyObject }]>
> = {
  rsa: ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  p256: ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  p384: ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  p521: ['ES512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ed25519: ['EdDSA', () => generateKeyPairSync('ed25519')],
};

function makeKeys(): Record<KeyName, ForgeKey> {
  const entries = Object.entries(makers).map(([kid, [alg, make]]) => [kid, { kid, alg, ...make() }] as const);
  return Object.fromEntries(entries) as Record<KeyName, ForgeKey>;
}

let made: { readonly keys: Forge['keys']; readonly strangers: Forge['keys'] } | undefined;

export function createForge(options: {
  readonly issuer: string;
  readonly audience: string;
  readonly ownIssuer: string;
  readonly nowMs: () => number;
}): Forge {
  made ??= { keys: makeKeys(), strangers: makeKeys() };
  const { keys, strangers } = made;
  const { issuer, audience, ownIssuer } = options;
  const now = (): number => Math.floor(options.nowMs() / 1000);

  const claims: Forge['claims'] = (patch = {}) => ({
    iss: issuer,
    sub: 'repo:acme/infra:ref:refs/heads/main',
    aud: audience,
    iat: now(),
    nbf: now(),
    exp: now() + 300,
    jti: 'a-token-of-the-forge',
    repository: 'acme/infra',
    ...patch,
  });

  return {
    issuer,
    audience,
    ownIssuer,
    get now() {
      return now();
    },
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    keys,
    strangers,
    jwks: { keys: Object.values(keys).map(publicJwk) },
    claims,
    sign: (header, payload = claims(), key = keys.rsa) => {
      const input = `${bytesOf(header).toString('base64url')}.${bytesOf(payload).toString('base64url')}`;
      return `${input}.${signInput(key, Buffer.from(input)).toString('base64url')}`;
    },
    raw: (parts) =>
      parts.map((part) => (typeof part === 'string' ? part : part.toString('base64url'))).join('.'),
  };
}

export const publicJwk = ({ kid, publicKey }: ForgeKey): Record<string, unknown> => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
});

const bytesOf = (value: Payload): Buffer => {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
};

/** Signs as the algorithm demands, by default the key's own. */
export function signInput(key: ForgeKey, input: Buffer, alg: Algorithm = key.alg): Buffer {
  if (alg === 'EdDSA') return signBytes(null, input, key.privateKey);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('ES')) return signBytes(hash, input, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('RS')) return signBytes(hash, input, key.privateKey);
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return signBytes(hash, input, { key: key.privateKey, padding, saltLength });
}
