import type { RoleCatalogue } from '../access/roles.ts';
import { invalidArgument } from '../kernel/errors.ts';

/** Without repeats. Refuses a role the catalogue does not know, unless it is held already: 400 code 3. */
export function assignableRoles(
  roles: RoleCatalogue,
  roleIds: readonly string[],
  held: readonly string[] = [],
): readonly string[] {
  const isAssignable = (id: string): boolean => held.includes(id) || roles.get(id) !== undefined;
  if (!roleIds.every(isAssignable)) throw invalidArgument('roleIds', 'names a role that does not exist');
  return [...new Set(roleIds)];
}
