import { causeOf, compilePart, type Part } from './condition.ts';
import { claimPathOf, createEnvironment, kids, type Node, sourceOf, spanOf } from './grammar.ts';
import type { Condition, FailedLeaf, NormalClaims, Range } from './model.ts';

/** A condition split at `&&`, `||`, `!` and `?:` into the tests that a person can talk about. */
export type Tree =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Tree[] }
  | { readonly kind: 'not'; readonly of: Tree }
  | { readonly kind: 'choice'; readonly test: Tree; readonly yes: Tree; readonly no: Tree }
  | Leaf;

export interface Leaf {
  readonly kind: 'leaf';
  readonly atom: string;
  readonly range: Range;
  readonly test: FailedLeaf['test'];
  /** Written as the opposite of `test`: `!=`. */
  readonly negated: boolean;
  /** The claims that the leaf reads, each as its keys. */
  readonly paths: readonly (readonly string[])[];
  readonly run: Part;
  /** What a macro runs over, and its body for one item. */
  readonly items?: { readonly range: Part; readonly body: Part };
}

export interface Outcome {
  readonly state: 'true' | 'false' | 'error';
  /** Stable cause word of an error. */
  readonly cause: string | null;
}

type Trace = ReadonlyMap<Leaf, Outcome>;

const environment = createEnvironment();
const trees = new WeakMap<Condition, Tree>();

/** The tests of a condition, compiled one by one; kept as long as the condition is. */
export function treeOf(condition: Condition): Tree {
  const known = trees.get(condition);
  if (known !== undefined) return known;
  const tree = split(environment.parse(condition.text).ast);
  trees.set(condition, tree);
  return tree;
}

/** The whole condition as one test. */
export function wholeOf(condition: Condition): Leaf {
  return leafOf(environment.parse(condition.text).ast);
}

function split(node: Node): Tree {
  switch (node.op) {
    case '&&':
    case '||':
      return { kind: node.op === '&&' ? 'and' : 'or', of: flatten(node, node.op).map(split) };
    case '!_':
      return { kind: 'not', of: split(node.args) };
    case '?:': {
      const [test, yes, no] = node.args;
      // Each outcome of the test repeats it; a test that chooses in its turn would double at every level.
      return chooses(test)
        ? leafOf(node)
        : { kind: 'choice', test: split(test), yes: split(yes), no: split(no) };
    }
    default:
      return leafOf(node);
  }
}

function flatten(node: Node, op: '&&' | '||'): Node[] {
  return node.op === op ? node.args.flatMap((operand) => flatten(operand, op)) : [node];
}

function chooses(node: Node): boolean {
  return node.op === '?:' || kids(node).some(chooses);
}

const quantifiers = new Set(['all', 'exists', 'exists_one']);

function leafOf(node: Node): Leaf {
  const atom = sourceOf(node);
  const leaf: Leaf = {
    kind: 'leaf',
    atom,
    range: spanOf(node),
    test: testOf(node),
    negated: node.op === '!=',
    paths: pathsOf(node),
    run: compilePart(atom),
  };
  if (node.op !== 'rcall' || !quantifiers.has(node.args[0])) return leaf;
  const [, range, [variable, body]] = node.args;
  return variable?.op === 'id' && body !== undefined
    ? {
        ...leaf,
        items: { range: compilePart(sourceOf(range)), body: compilePart(sourceOf(body), variable.args) },
      }
    : leaf;
}

const methodTests: Readonly<Record<string, FailedLeaf['test']>> = {
  startsWith: 'prefix',
  endsWith: 'suffix',
  contains: 'contains',
  matches: 'pattern',
  all: 'list',
  exists: 'list',
  exists_one: 'list',
};

function testOf(node: Node): FailedLeaf['test'] {
  switch (node.op) {
    case '==':
    case '!=':
      return 'equals';
    case '<':
    case '<=':
    case '>':
    case '>=':
      return 'compare';
    case 'in':
      if (node.args[1].op === 'list') return 'one_of';
      return claimPathOf(node.args[1])?.length === 0 ? 'present' : 'list';
    case 'call':
      return node.args[0] === 'has' ? 'present' : 'other';
    case 'rcall':
      return methodTests[node.args[0]] ?? 'other';
    default:
      return 'other';
  }
}

function pathsOf(node: Node): readonly (readonly string[])[] {
  const paths = new Map<string, readonly string[]>();
  const visit = (part: Node): void => {
    const path = claimPathOf(part) ?? presentKey(part);
    if (path !== undefined && path.length > 0) paths.set(JSON.stringify(path), path);
    else for (const kid of kids(part)) visit(kid);
  };
  visit(node);
  return [...paths.values()];
}

/** `"a" in claims.b` with a literal names the claim `a` of `claims.b` only where `claims.b` is `claims` itself. */
function presentKey(node: Node): readonly string[] | undefined {
  if (node.op !== 'in' || testOf(node) !== 'present') return undefined;
  const [key] = node.args;
  return key.op === 'value' && typeof key.args === 'string' ? [key.args] : undefined;
}

/** Runs every leaf once, also those that the engine would have skipped. Run it inside `metered`. */
export function traceOf(tree: Tree, claims: NormalClaims): Trace {
  return new Map(leavesOf(tree).map((leaf) => [leaf, outcomeOf(leaf.run, claims)]));
}

function leavesOf(tree: Tree): readonly Leaf[] {
  switch (tree.kind) {
    case 'leaf':
      return [tree];
    case 'not':
      return leavesOf(tree.of);
    case 'choice':
      return [tree.test, tree.yes, tree.no].flatMap(leavesOf);
    default:
      return tree.of.flatMap(leavesOf);
  }
}

export function outcomeOf(part: Part, claims: NormalClaims, item?: unknown): Outcome {
  try {
    const value = part(claims, item);
    if (typeof value === 'boolean') return { state: value ? 'true' : 'false', cause: null };
    return { state: 'error', cause: 'not_bool' };
  } catch (error) {
    return { state: 'error', cause: causeOf(error) };
  }
}

/** Combines the leaves as the engine does: an error counts unless the other operands decide alone. */
export function stateOf(tree: Tree, trace: Trace): Outcome['state'] {
  switch (tree.kind) {
    case 'leaf':
      return trace.get(tree)?.state ?? 'error';
    case 'not':
      return opposite(stateOf(tree.of, trace));
    case 'choice': {
      const test = stateOf(tree.test, trace);
      return test === 'error' ? test : stateOf(test === 'true' ? tree.yes : tree.no, trace);
    }
    default: {
      const decisive = tree.kind === 'and' ? 'false' : 'true';
      const states = tree.of.map((operand) => stateOf(operand, trace));
      if (states.includes(decisive)) return decisive;
      return states.includes('error') ? 'error' : opposite(decisive);
    }
  }
}

function opposite(state: Outcome['state']): Outcome['state'] {
  if (state === 'error') return state;
  return state === 'true' ? 'false' : 'true';
}
