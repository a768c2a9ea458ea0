import type { Owned } from '../access/access.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError } from '../kernel/errors.ts';
import type { ServicePrincipal } from './model.ts';
import type { PrincipalSnapshot } from './snapshot.ts';

/** The principal, or 404: that it exists is no secret, every signed-in caller may read its metadata. */
export function requirePrincipal(
  principals: PrincipalSnapshot,
  principalId: string,
): Entry<ServicePrincipal> {
  const entry = principals.get(principalId);
  if (entry === undefined) throw new GatewayError('not_found', { detail: 'principal' });
  return entry;
}

export function ownersOf(principal: ServicePrincipal): Owned {
  return { ownerIds: principal.owners.map(({ userId }) => userId) };
}
