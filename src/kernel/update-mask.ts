import { isDeepStrictEqual } from 'node:util';
import { invalidArgument } from './errors.ts';

/** What a caller wants changed: members by value, and optionally the paths he means (contract §3). */
export interface Update<Members> {
  readonly changes: Partial<Members>;
  /** Paths in camelCase or snake_case. Absent or empty: every member present in `changes`. */
  readonly mask?: readonly string[] | undefined;
}

interface MemberPath {
  /** The member's path on the wire, camelCase. */
  readonly path: string;
  /** A second path that clients use for it. */
  readonly alias?: string;
}

/** A member is required, or has the value that create uses when it is absent. */
type MemberRule<Value> =
  | (MemberPath & { readonly required: true })
  | (MemberPath & {
      readonly fallback: Value;
      /** Emptying it widens what the object allows; the audit says so. */
      readonly restriction?: true;
    });

/** The members that may change at all; whatever is not listed never does (threat C5). */
export type MemberRules<Members> = { readonly [Name in keyof Members]-?: MemberRule<Members[Name]> };

export interface Edit<Members> {
  /** Every listed member with its value after the update. */
  readonly next: Members;
  /** Those whose value differs from the current one: permissions are checked for these alone. */
  readonly changed: ReadonlySet<keyof Members>;
  /** For the audit: old and new values, and the restrictions that were cleared. */
  readonly record: Readonly<Record<string, unknown>>;
}

type NameOf<Members> = keyof Members & string;

const camelCase = (path: string): string =>
  path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function selectedNames<Members>(
  update: Update<Members>,
  rules: MemberRules<Members>,
  names: readonly NameOf<Members>[],
): ReadonlySet<NameOf<Members>> {
  const { changes, mask = [] } = update;
  if (mask.length === 0) return new Set(names.filter((name) => isPresent(changes, name)));
  const byPath = new Map<string, NameOf<Members>>();
  for (const name of names) {
    const { path, alias } = rules[name];
    byPath.set(path, name);
    if (alias !== undefined) byPath.set(alias, name);
  }
  const selected = new Set<NameOf<Members>>();
  for (const path of mask) {
    const name = byPath.get(camelCase(path));
    if (name === undefined) throw invalidArgument('updateMask', 'names a path that cannot be updated', path);
    selected.add(name);
  }
  return selected;
}

const isPresent = (changes: object, name: string): boolean =>
  Object.hasOwn(changes, name) && Reflect.get(changes, name) !== undefined;

function cleared<Value>(rule: MemberRule<Value>): Value {
  if ('required' in rule) throw invalidArgument(rule.path, 'is required and cannot be cleared');
  return rule.fallback;
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/**
 * Applies an update to the members that `rules` lists and to no other. A path in the mask whose member is absent
 * clears it to what create would use. Refuses unknown and immutable paths and cleared required members: 400 code 3.
 */
export function editMembers<Members extends object>(
  current: Members,
  update: Update<Members>,
  rules: MemberRules<Members>,
): Edit<Members> {
  const names = Object.keys(rules) as NameOf<Members>[];
  const selected = selectedNames(update, rules, names);
  const decided = (name: NameOf<Members>): unknown => {
    if (!selected.has(name)) return current[name];
    return isPresent(update.changes, name) ? update.changes[name] : cleared(rules[name]);
  };
  const next = Object.fromEntries(names.map((name) => [name, decided(name)])) as Members;
  const changed = new Set(names.filter((name) => !isDeepStrictEqual(current[name], next[name])));
  return { next, changed, record: describe(current, next, rules, changed) };
}

function describe<Members extends object>(
  current: Members,
  next: Members,
  rules: MemberRules<Members>,
  changed: ReadonlySet<NameOf<Members>>,
): Readonly<Record<string, unknown>> {
  const changes = Object.fromEntries(
    [...changed].map((name) => [name, { from: current[name], to: next[name] }]),
  );
  const opened = [...changed].filter((name) => 'restriction' in rules[name] && isEmptyList(next[name]));
  return opened.length === 0 ? { changes } : { changes, restrictions_cleared: opened };
}
