import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { RandomBytes } from '../kernel/ports.ts';
import type { WrappedKey } from './model.ts';

/** The key-encryption key does not open a stored key: a wrong one was configured, or the store was altered. */
export class UnwrapFailed extends Error {
  override readonly name = 'UnwrapFailed';
}

/** Encrypts a private key under the key-encryption key (32 bytes), bound to its `kid` (threat K1). */
export function wrapKey(seed: Buffer, kid: string, kek: Buffer, random: RandomBytes): WrappedKey {
  const iv = random(12);
  const cipher = createCipheriv('aes-256-gcm', kek, iv).setAAD(Buffer.from(kid));
  const ciphertext = Buffer.concat([cipher.update(seed), cipher.final()]);
  return {
    iv: iv.toString('base64url'),
    ciphertext: ciphertext.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
  };
}

/** Throws `UnwrapFailed` when the key-encryption key, the `kid` or the stored bytes do not fit. */
export function unwrapKey(wrapped: WrappedKey, kid: string, kek: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', kek, Buffer.from(wrapped.iv, 'base64url'), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(kid)).setAuthTag(Buffer.from(wrapped.tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(wrapped.ciphertext, 'base64url')), decipher.final()]);
  } catch (cause) {
    throw new UnwrapFailed(
      `the key-encryption key does not open the signing key ${kid}; configure the one this store was created with`,
      { cause },
    );
  }
}
