import type { UserId } from '../kernel/ids.ts';

/** Who asks, as far as permission needs to know. Resolved anew from the propagated state on every call (contract §7.3). */
export interface Actor {
  readonly kind: 'person' | 'principal';
  readonly id: UserId;
  readonly displayName: string;
  /** Roles of the token ∩ roles held now. */
  readonly roleIds: readonly string[];
  readonly clientId: string;
  readonly requestId: string;
  readonly sourceIp: string;
}
