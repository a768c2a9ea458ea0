/** The one table of who may do what (contract §7.5). Nothing else in the product maps roles to permissions. */

const signedIn = [
  'principals.read',
  'providers.read',
  'roles.read',
  'users.read',
  'conditions.test',
] as const;

const inspect = ['credentials.read', 'trusts.read', 'owners.read', 'denials.read'] as const;

const manageOwn = [
  'principals.edit',
  'principals.delete',
  'credentials.manage',
  'trusts.manage',
  'owners.manage',
] as const;

const administer = [
  'principals.create',
  'principals.assignRoles',
  'providers.manage',
  'bindings.manage',
  'users.manage',
  'keys.manage',
  'tokens.introspect',
] as const;

const oversee = ['trusts.search', 'systemlog.read', 'keys.read', 'bindings.read'] as const;

const all = [...signedIn, ...inspect, ...manageOwn, ...administer, ...oversee] as const;

export type Permission = (typeof all)[number];

export const permissions = {
  /** What every signed-in caller may do, whatever his roles. */
  signedIn,
  /** What an owner may do with his principal; `trusts.search` and `systemlog.read` reach his own principals only. */
  owner: [...inspect, ...manageOwn, 'trusts.search', 'systemlog.read'],
  byRole: {
    'super-admin': all,
    'read-only-admin': [...signedIn, ...inspect, ...oversee],
    'basic-user': signedIn,
    'system-log-reader': [...signedIn, 'systemlog.read'],
  },
} as const satisfies {
  signedIn: readonly Permission[];
  owner: readonly Permission[];
  byRole: Readonly<Record<string, readonly Permission[]>>;
};

const names: ReadonlySet<string> = new Set(all);

export function isPermission(name: string): name is Permission {
  return names.has(name);
}
