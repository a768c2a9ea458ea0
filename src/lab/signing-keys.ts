/** The lab imitates CI platforms: issuers that sign like the real ones, for demonstrations, tests and attack generators. */

import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { Algorithm, JsonWebKeySet } from '../federation/model.ts';
import type { Preset } from '../federation/presets.ts';
import type { RandomBytes } from '../kernel/ports.ts';

export interface SigningKey {
  readonly kid: string;
  /** Imitated certificate thumbprint, for issuers that send one. */
  readonly x5t: string;
  readonly algorithm: Algorithm;
  readonly privateKey: CryptoKey;
}

export interface SigningKeys {
  current(): SigningKey;
  /** What the issuer publishes: public members only. */
  keySet(): JsonWebKeySet;
  /** Signs with a new key from now on; the old one stays published. Returns the new `kid`. */
  rotate(): Promise<string>;
  /** Publishes the key no longer. Its tokens still verify arithmetically, so that tests see them refused for the right reason. */
  withdraw(kid: string): void;
  /** A key that is never published and claims the `kid` of the current one. */
  foreign(): Promise<SigningKey>;
}

interface Deps {
  readonly preset: Preset;
  readonly random: RandomBytes;
  /** One of the preset's algorithms; its first unless given. */
  readonly algorithm?: Algorithm;
}

/** Makes the first key; keys come from the runtime's own randomness and live only in this process. */
export async function createSigningKeys(deps: Deps): Promise<SigningKeys> {
  const published = new Map<string, JsonWebKeySet['keys'][number]>();
  let current = await makeKey(deps);
  const publish = ({ key, publicKey }: KeyPair): void => {
    published.set(key.kid, publicKey);
  };
  publish(current);

  return {
    current: () => current.key,
    keySet: () => ({ keys: [...published.values()] }),
    rotate: async () => {
      current = await makeKey(deps);
      publish(current);
      return current.key.kid;
    },
    withdraw: (kid) => {
      published.delete(kid);
    },
    foreign: async () => ({ ...(await makeKey(deps)).key, kid: current.key.kid }),
  };
}

interface KeyPair {
  readonly key: SigningKey;
  readonly publicKey: JsonWebKeySet['keys'][number];
}

async function makeKey({ preset, random, algorithm: chosen }: Deps): Promise<KeyPair> {
  const { algorithms, keyUse, algFromKey } = preset.keys;
  const algorithm = chosen ?? algorithms[0];
  if (algorithm === undefined || !algorithms.includes(algorithm)) {
    throw new Error(`preset ${preset.id} does not sign with ${algorithm ?? 'anything'}`);
  }
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    key: { kid, x5t: random(20).toString('base64url'), algorithm, privateKey },
    publicKey: {
      ...jwk,
      kid,
      ...(keyUse === undefined ? {} : { use: keyUse }),
      ...(algFromKey ? {} : { alg: algorithm }),
    },
  };
}
