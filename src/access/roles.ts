import { isPermission, type Permission, permissions } from './permissions.ts';

/** Roles: the four built-in ones and what the operator's setting `roles[]` adds (contract §7.5). */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly isBuiltIn: boolean;
  /** Meant for API clients, not for people. */
  readonly isApiOnly: boolean;
}

export interface CustomRole {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly string[];
}

export interface RoleCatalogue {
  get(id: string): Role | undefined;
  /** Built-in roles first. */
  all(): readonly Role[];
}

export const superAdminRoleId = 'super-admin';

const builtIn = (id: keyof typeof permissions.byRole, name: string, isApiOnly = false): Role => ({
  id,
  name,
  permissions: permissions.byRole[id],
  isBuiltIn: true,
  isApiOnly,
});

const builtInRoles: readonly Role[] = [
  builtIn(superAdminRoleId, 'Super Administrator'),
  builtIn('read-only-admin', 'Read-Only Administrator'),
  builtIn('basic-user', 'Basic User'),
  builtIn('system-log-reader', 'Read-Only to System Logs', true),
];

/** Throws at start when a custom role takes a taken id or names a permission that does not exist. */
export function createRoleCatalogue(customRoles: readonly CustomRole[]): RoleCatalogue {
  const roles = new Map(builtInRoles.map((role) => [role.id, role]));
  for (const custom of customRoles) {
    if (roles.has(custom.id)) throw new Error(`roles: the id "${custom.id}" is taken`);
    const known = custom.permissions.filter(isPermission);
    const unknown = custom.permissions.filter((name) => !isPermission(name));
    if (unknown.length > 0)
      throw new Error(`roles: "${custom.id}" names unknown permissions: ${unknown.join(', ')}`);
    roles.set(custom.id, {
      id: custom.id,
      name: custom.name,
      permissions: known,
      isBuiltIn: false,
      isApiOnly: false,
    });
  }
  return { get: (id) => roles.get(id), all: () => [...roles.values()] };
}
