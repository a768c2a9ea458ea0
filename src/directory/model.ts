import type { UserId } from '../kernel/ids.ts';

/** A human user. People come from the bootstrap or from a super admin; later from an identity provider. */
export interface Person {
  readonly id: UserId;
  readonly displayName: string;
  /** May be empty. */
  readonly email: string;
  readonly status: UserStatus;
  readonly roleIds: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export type UserStatus = 'ENABLED' | 'DISABLED';
