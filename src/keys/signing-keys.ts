import { type KeyObject, sign } from 'node:crypto';
import type { Journal } from '../journal/journal.ts';
import type { CheckpointSigner } from '../journal/ports.ts';
import type { Clock, RandomBytes } from '../kernel/ports.ts';
import { privateKeyFromSeed, publicKeyFromText, publicKeyText, thumbprintOf } from './ed25519.ts';
import type { KeyPurpose, SigningKeyRecord } from './model.ts';
import type { KeySnapshot } from './snapshot.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

export interface SigningKey {
  readonly kid: string;
  /** Ed25519 over the bytes, synchronous: 64 bytes (performance.md §1: async costs more and gains nothing). */
  sign(bytes: Buffer): Buffer;
}

export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
}

export interface SigningKeys {
  /** Makes the first keys of an empty store and opens the stored ones. Throws `UnwrapFailed` on a wrong key-encryption key. */
  open(): Promise<void>;
  /** The key that signs access tokens now. */
  current(): SigningKey;
  /** The public key of a published access-token key; `undefined` when no such key is published. */
  published(kid: string): KeyObject | undefined;
  /** RFC 7517 key set of all published access-token keys. */
  jwks(): { readonly keys: readonly PublicJwk[] };
  checkpointSigner(): CheckpointSigner;
  /** The public key of an audit key, for verification of checkpoints. */
  auditKey(kid: string): KeyObject | undefined;
}

interface KeyDeps {
  readonly snapshot: KeySnapshot;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Key-encryption key, 32 bytes. */
  readonly kek: Buffer;
}

export function createSigningKeys(deps: KeyDeps): SigningKeys {
  const { snapshot, journal, clock, random, kek } = deps;
  const opened = new Map<string, SigningKey>();
  const publicKeys = new Map<string, KeyObject>();

  const find = (purpose: KeyPurpose): SigningKeyRecord | undefined => {
    for (const { value } of snapshot.values()) {
      if (value.purpose === purpose && value.state === 'current') return value;
    }
    return undefined;
  };

  /** The unique key decides when two processes start on one empty store: one insert wins. */
  const makeFirst = async (purpose: KeyPurpose): Promise<void> => {
    const seed = random(32);
    const publicKey = publicKeyText(privateKeyFromSeed(seed));
    const kid = thumbprintOf(publicKey);
    const body = {
      kid,
      purpose,
      state: 'current',
      publicKey,
      wrapped: wrapKey(seed, kid, kek, random),
      createdAtMs: clock.nowMs(),
    } as const;
    await journal.commit({
      changes: [{ op: 'insert', kind: 'signingKey', id: kid, body, unique: [`signingKey:first:${purpose}`] }],
      events: [
        {
          kind: 'management',
          operation: 'KeyService/Create',
          activity: 'create',
          outcome: 'success',
          user: { uid: 'system', name: 'Postern', type: 'System' },
          data: { kid, purpose },
        },
      ],
    });
  };

  const openCurrent = (purpose: KeyPurpose): SigningKey => {
    const record = find(purpose);
    if (record === undefined) throw new Error(`no current ${purpose} key`);
    const known = opened.get(record.kid);
    if (known !== undefined) return known;
    const privateKey = privateKeyFromSeed(unwrapKey(record.wrapped, record.kid, kek));
    if (thumbprintOf(publicKeyText(privateKey)) !== record.kid) {
      throw new Error(`the stored signing key ${record.kid} is not the key of its kid`);
    }
    const key: SigningKey = { kid: record.kid, sign: (bytes) => sign(null, bytes, privateKey) };
    opened.set(record.kid, key);
    return key;
  };

  const published = (kid: string): KeyObject | undefined => {
    const known = publicKeys.get(kid);
    if (known !== undefined) return known;
    const key = publicKeyOf(snapshot, kid, 'token');
    if (key !== undefined) publicKeys.set(kid, key);
    return key;
  };

  const open = async (): Promise<void> => {
    for (const purpose of ['token', 'audit'] as const) {
      if (find(purpose) === undefined) await makeFirst(purpose);
      openCurrent(purpose);
    }
  };

  return {
    open,
    current: () => openCurrent('token'),
    published,
    jwks: () => ({
      keys: [...snapshot.values()]
        .filter(({ value }) => value.purpose === 'token')
        .map(({ value }) => ({
          kty: 'OKP',
          crv: 'Ed25519',
          x: value.publicKey,
          kid: value.kid,
          alg: 'EdDSA',
          use: 'sig',
        })),
    }),
    checkpointSigner: () => {
      const key = openCurrent('audit');
      return { keyId: key.kid, sign: (body) => key.sign(Buffer.from(body)).toString('base64url') };
    },
    auditKey: (kid) => auditPublicKey(snapshot, kid),
  };
}

function publicKeyOf(snapshot: KeySnapshot, kid: string, purpose: KeyPurpose): KeyObject | undefined {
  const record = snapshot.get(kid)?.value;
  if (record?.purpose !== purpose || thumbprintOf(record.publicKey) !== kid) return undefined;
  return publicKeyFromText(record.publicKey);
}

/** The public key of an audit key in a store that nobody has opened the private keys of. */
export function auditPublicKey(snapshot: KeySnapshot, kid: string): KeyObject | undefined {
  return publicKeyOf(snapshot, kid, 'audit');
}
