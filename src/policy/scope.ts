/**
 * The roles a token gets: what the principal holds, cut to the scope of the credential or trust (contract §7.5). An empty
 * scope means all held roles; a scope that leaves nothing is refused, so that narrowing never widens.
 */
export function effectiveRoles(
  held: readonly string[],
  scoped: readonly string[],
): { ok: true; roleIds: readonly string[] } | { ok: false; reason: 'no_effective_roles' } {
  const unique = [...new Set(held)];
  if (scoped.length === 0) return { ok: true, roleIds: unique };
  const roleIds = unique.filter((role) => scoped.includes(role));
  return roleIds.length > 0 ? { ok: true, roleIds } : { ok: false, reason: 'no_effective_roles' };
}
