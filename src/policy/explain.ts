import { evaluate } from './condition.ts';
import { metered } from './functions.ts';
import { limits } from './limits.ts';
import type {
  Blame,
  BlamedLeaf,
  ClaimUse,
  Condition,
  Explanation,
  FailedLeaf,
  NormalClaims,
} from './model.ts';
import { type Leaf, type Outcome, outcomeOf, stateOf, type Tree, traceOf, treeOf, wholeOf } from './trace.ts';

/**
 * Says why a condition does not allow these claims: the tests that would have to come out otherwise. The answer is for owners and
 * super admins; callers get `callerProjection` of it, and only once signature, issuer and audience are proven.
 */
export function explain(condition: Condition, claims: NormalClaims): Explanation {
  const decision = evaluate(condition, claims);
  if (decision.allow) return { state: 'true' };
  const state = decision.code === 'CONDITION_FALSE' ? 'false' : 'error';
  return metered(() => {
    const tree = treeOf(condition);
    const trace = traceOf(tree, claims);
    const explained = stateOf(tree, trace) === state ? blameOf(tree, true, trace, claims) : undefined;
    if (explained !== undefined) return { state, blame: explained };
    // The engine skips what does not matter, the trace does not and may run out of steps earlier.
    const cause = decision.code === 'CONDITION_ERROR' ? decision.cause : null;
    return { state, blame: describe(wholeOf(condition), true, { state, cause }, claims) };
  });
}

type Trace = ReturnType<typeof traceOf>;

/** What keeps a tree from the wished result; `undefined` when it has it. */
function blameOf(tree: Tree, want: boolean, trace: Trace, claims: NormalClaims): Blame | undefined {
  if (stateOf(tree, trace) === String(want)) return undefined;
  const blame = (part: Tree, wish: boolean) => blameOf(part, wish, trace, claims);
  switch (tree.kind) {
    case 'leaf':
      return describe(tree, want, trace.get(tree) ?? { state: 'error', cause: null }, claims);
    case 'not':
      return blame(tree.of, !want);
    case 'choice':
      return anyOf([
        allOf([blame(tree.test, true), blame(tree.yes, want)]),
        allOf([blame(tree.test, false), blame(tree.no, want)]),
      ]);
    default: {
      const parts = tree.of.map((part) => blame(part, want));
      return (tree.kind === 'and') === want ? allOf(parts) : anyOf(parts);
    }
  }
}

function allOf(parts: readonly (Blame | undefined)[]): Blame | undefined {
  const of = parts.filter((part) => part !== undefined);
  return of.length > 1 ? { need: 'all', of } : of[0];
}

/** Alternatives that want one test both ways are left out, unless there is no other. */
function anyOf(parts: readonly (Blame | undefined)[]): Blame | undefined {
  const of = parts.filter((part) => part !== undefined);
  const possible = of.filter((part) => !contradicts(part));
  const kept = possible.length > 0 ? possible : of;
  return kept.length > 1 ? { need: 'any', of: kept } : kept[0];
}

function contradicts(blame: Blame): boolean {
  const needed = certain(blame);
  return needed.some((leaf) => needed.some((other) => other.atom === leaf.atom && other.want !== leaf.want));
}

function certain(blame: Blame): readonly BlamedLeaf[] {
  if (!('need' in blame)) return [blame];
  return blame.need === 'all' ? blame.of.flatMap(certain) : [];
}

function describe(leaf: Leaf, want: boolean, outcome: Outcome, claims: NormalClaims): BlamedLeaf {
  const items = itemsOf(leaf, claims);
  return {
    atom: leaf.atom,
    range: leaf.range,
    want,
    got: outcome.state,
    uses: leaf.paths.map((path) => useOf(path, claims)),
    err: outcome.cause,
    test: leaf.test,
    negated: leaf.negated === want,
    ...(items === undefined ? {} : { items }),
  };
}

function itemsOf({ items }: Leaf, claims: NormalClaims): BlamedLeaf['items'] {
  if (items === undefined) return undefined;
  let range: unknown;
  try {
    range = items.range(claims);
  } catch {
    return undefined;
  }
  const list: readonly unknown[] =
    range instanceof Map ? [...range.keys()] : Array.isArray(range) ? range : [];
  const results = list
    .slice(0, limits.explainedItems)
    .map((item) => outcomeOf(items.body, claims, item).state);
  return { total: list.length, results };
}

function useOf(path: readonly string[], claims: NormalClaims): ClaimUse {
  const claim = path.reduce(
    (text, key) => text + (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`),
    'claims',
  );
  let value: unknown = claims;
  for (const key of path) value = value instanceof Map ? value.get(key) : undefined;
  return value === undefined
    ? { claim, missing: true }
    : { claim, value: shorten(plain(value), limits.explainedCharacters) };
}

/** Claims as JSON values again. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
}

/** The value itself, or the beginning of its text. */
function shorten(value: unknown, characters: number): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > characters ? text.slice(0, characters) : value;
}

function leavesOf(blame: Blame): readonly BlamedLeaf[] {
  return 'need' in blame ? blame.of.flatMap(leavesOf) : [blame];
}

/** What a proven caller may read: its own values and the kind of test, never what the condition compares them with (§7.3). */
export function callerProjection(explanation: Explanation): readonly FailedLeaf[] {
  if (explanation.blame === undefined) return [];
  return leavesOf(explanation.blame)
    .slice(0, limits.callerLeaves)
    .map(({ uses, test, negated }) => ({ claims: uses.map(callerUse), test, negated }));
}

function callerUse(use: ClaimUse): ClaimUse {
  const claim = use.claim.replace(/^claims\.?/, '');
  return 'value' in use
    ? { claim, value: shorten(use.value, limits.callerCharacters) }
    : { claim, missing: true };
}

/** The explanation in words, a line each, for owners (§7.2). */
export function sentences(explanation: Explanation): readonly string[] {
  return explanation.blame === undefined ? [] : linesOf(explanation.blame, '');
}

function linesOf(blame: Blame, indent: string): readonly string[] {
  if (!('need' in blame)) return [`${indent}✗ ${leafSentence(blame)}`];
  const heading = blame.need === 'all' ? 'every one of these must hold:' : 'at least one of these must hold:';
  return [indent + heading, ...blame.of.flatMap((part) => linesOf(part, `${indent}  `))];
}

function leafSentence({ atom, want, uses, err }: BlamedLeaf): string {
  const facts = uses.map((use) => {
    if ('missing' in use) return `${use.claim} is not in the token`;
    if (err !== null && err !== 'no_such_key') return `${use.claim} could not be read (${err})`;
    return `${use.claim} = ${JSON.stringify(use.value).slice(0, limits.callerCharacters)}`;
  });
  const detail = facts.length === 0 && err !== null ? [`could not be read (${err})`] : facts;
  const test = want ? atom : `must NOT hold: ${atom}`;
  return detail.length === 0 ? test : `${test}   [${detail.join(', ')}]`;
}
