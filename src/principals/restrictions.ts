import { invalidArgument } from '../kernel/errors.ts';
import { compileSources, type Sources } from '../policy/source-ip.ts';

/** What narrows a credential, trust or personal client: roles, addresses, life (contract §7.1, §7.4). */
export interface Restrictions {
  readonly scopedRoleIds: readonly string[];
  readonly allowSourceCidrs: readonly string[];
}

const maxEntries = 32;
const dayMs = 86_400_000;
const defaultLifetimeMs = 90 * dayMs;
const maxLifetimeMs = 180 * dayMs;

/**
 * The privilege ceiling: without repeats, ≤ 32, and each role must be held at the time of writing, so that an assignment
 * made later cannot be reserved in advance. 400 code 3.
 */
function checkScope(scopedRoleIds: readonly string[], heldRoleIds: readonly string[]): readonly string[] {
  const unique = [...new Set(scopedRoleIds)];
  if (unique.length > maxEntries)
    throw invalidArgument('scopedRoleIds', `must have at most ${maxEntries} entries`);
  if (!unique.every((id) => heldRoleIds.includes(id))) {
    throw invalidArgument('scopedRoleIds', 'must be a subset of the roles that are held');
  }
  return unique;
}

/** The ranges in canonical form, a bare address as /32 or /128; ≤ 32, each problem named. 400 code 3. */
function checkSourceCidrs(cidrs: readonly string[]): readonly string[] {
  if (cidrs.length > maxEntries)
    throw invalidArgument('allowSourceCidrs', `must have at most ${maxEntries} entries`);
  const compiled = compileSources(cidrs);
  if (compiled.ok) return [...new Set(compiled.sources.cidrs)];
  const problems = compiled.problems.map(({ value, why }) => `"${value}": ${why}`);
  throw invalidArgument('allowSourceCidrs', problems.join('; '));
}

/** Both restrictions of a new object. */
export function checkRestrictions(
  input: { readonly [Name in keyof Restrictions]?: Restrictions[Name] | undefined },
  heldRoleIds: readonly string[],
): Restrictions {
  return {
    scopedRoleIds: checkScope(input.scopedRoleIds ?? [], heldRoleIds),
    allowSourceCidrs: checkSourceCidrs(input.allowSourceCidrs ?? []),
  };
}

/** Both restrictions after an update. An unchanged scope may name roles that were taken away since (contract §7.5). */
export function recheckRestrictions(
  next: Restrictions,
  changed: ReadonlySet<string>,
  heldRoleIds: readonly string[],
): Restrictions {
  const { scopedRoleIds, allowSourceCidrs } = next;
  return {
    scopedRoleIds: changed.has('scopedRoleIds') ? checkScope(scopedRoleIds, heldRoleIds) : scopedRoleIds,
    allowSourceCidrs: changed.has('allowSourceCidrs') ? checkSourceCidrs(allowSourceCidrs) : allowSourceCidrs,
  };
}

/** When a new credential expires, milliseconds since the epoch. @param lifetimeSeconds > 0, ≤ 180 days; default 90 days. */
export function expiryOf(nowMs: number, lifetimeSeconds: number | undefined): number {
  const lifetimeMs = lifetimeSeconds === undefined ? defaultLifetimeMs : Math.floor(lifetimeSeconds * 1000);
  if (!(lifetimeMs > 0 && lifetimeMs <= maxLifetimeMs)) {
    throw invalidArgument('expires', 'must be more than 0 and at most 180 days');
  }
  return nowMs + lifetimeMs;
}

/** A stored allowlist, compiled; one that cannot be read any more denies all (threat N3). */
export function compileAllowlist(cidrs: readonly string[]): Pick<Sources, 'allows'> {
  const compiled = compileSources(cidrs);
  return compiled.ok ? compiled.sources : { allows: () => false };
}
