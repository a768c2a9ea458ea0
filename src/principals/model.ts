import type { UserStatus } from '../directory/model.ts';
import type { Cutename, UserId } from '../kernel/ids.ts';

/** A machine identity (contract §4.2). Its owners are part of the record, so that the last-owner rule is one compare-and-swap. */
export interface ServicePrincipal {
  readonly id: UserId;
  readonly displayName: string;
  readonly status: UserStatus;
  readonly roleIds: readonly string[];
  readonly owners: readonly Owner[];
  readonly createdBy: UserId;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface Owner {
  readonly userId: UserId;
  readonly createdAtMs: number;
}

/** A client secret's public half, and what a token made with it may do (contract §4.3). The secret itself is never stored. */
export interface Credential {
  readonly cutename: Cutename;
  readonly principalId: UserId;
  readonly displayName: string;
  /** Ed25519 public key: the JWK member `x`, 43 base64url characters. */
  readonly publicKey: string;
  readonly expiresAtMs: number;
  readonly scopedRoleIds: readonly string[];
  readonly allowSourceCidrs: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Set when revoked: the tombstone stays until `expiresAtMs`, so that audit can say `credential_revoked`. */
  readonly revokedAtMs?: number;
}
