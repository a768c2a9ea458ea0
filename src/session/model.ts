import type { Cutename, UserId } from '../kernel/ids.ts';

/** A person's own client credential, `…/pcc` (contract §5.3 personal clients). Same key format as a principal's credential. */
export interface PersonalClient {
  readonly cutename: Cutename;
  readonly personId: UserId;
  readonly displayName: string;
  /** Ed25519 public key: the JWK member `x`, 43 base64url characters. */
  readonly publicKey: string;
  readonly expiresAtMs: number;
  readonly scopedRoleIds: readonly string[];
  readonly allowSourceCidrs: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}
