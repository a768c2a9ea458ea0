/** Signing keys of this gateway: their life, their wrapping at rest, the documents that publish them. */

/** `next` is published but not used, `current` signs, `retired` is published until the last token it signed has expired. */
export type KeyState = 'next' | 'current' | 'retired';

/** `token` signs access tokens; `audit` signs checkpoints of the audit and is published nowhere. */
export type KeyPurpose = 'token' | 'audit';

/** A private key as it rests in the store: AES-256-GCM, additional data = `kid`; each part base64url. */
export interface WrappedKey {
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export interface SigningKeyRecord {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly state: KeyState;
  /** Ed25519 public key: the JWK member `x`. */
  readonly publicKey: string;
  readonly wrapped: WrappedKey;
  readonly createdAtMs: number;
}
