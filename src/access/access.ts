import { GatewayError } from '../kernel/errors.ts';
import type { UserId } from '../kernel/ids.ts';
import type { Actor } from './model.ts';
import { type Permission, permissions } from './permissions.ts';
import type { RoleCatalogue } from './roles.ts';

/** What a permission may depend on besides roles: the owners of the principal it concerns. */
export interface Owned {
  readonly ownerIds: readonly UserId[];
}

/** What a caller may do with one object; the console's buttons follow it (contract §4.2). */
export interface ObjectPermissions {
  readonly read: boolean;
  readonly edit: boolean;
  readonly delete: boolean;
  readonly extra: Readonly<Record<string, boolean>>;
}

export interface Access {
  /** What the actor may do everywhere, by role; ownership comes on top. */
  permissionsOf(actor: Actor): ReadonlySet<Permission>;
  can(actor: Actor, permission: Permission, object?: Owned): boolean;
  /** Throws `permission_denied` (403 code 7) unless `can`. Asked where the decision is, not only at the door. */
  requirePermission(actor: Actor, permission: Permission, object?: Owned): void;
}

const ownerPermissions: ReadonlySet<Permission> = new Set(permissions.owner);

export function createAccess(deps: { readonly roles: RoleCatalogue }): Access {
  const { roles } = deps;

  const permissionsOf = (actor: Actor): ReadonlySet<Permission> =>
    new Set([...permissions.signedIn, ...actor.roleIds.flatMap((id) => roles.get(id)?.permissions ?? [])]);

  const can = (actor: Actor, permission: Permission, object?: Owned): boolean =>
    permissionsOf(actor).has(permission) ||
    (object !== undefined && ownerPermissions.has(permission) && object.ownerIds.includes(actor.id));

  const requirePermission = (actor: Actor, permission: Permission, object?: Owned): void => {
    if (!can(actor, permission, object)) throw new GatewayError('permission_denied', { detail: permission });
  };

  return { permissionsOf, can, requirePermission };
}
