/** Reads condition text: parse within limits, then refuse whatever the allowlist does not name. No `node:` import: the console bundles it. */

import { type ASTNode, Environment, EvaluationError, type ParseResult } from '@marcbachmann/cel-js';
import { limits } from './limits.ts';
import type { CompileCode, CompileProblem, ConditionStats, Range } from './model.ts';

export type Node = ASTNode;
type MethodCall = Extract<Node, { op: 'rcall' }>;

export interface PatternUse {
  readonly pattern: string;
  readonly range: Range;
}

export interface Reading {
  readonly parsed: ParseResult;
  readonly stats: ConditionStats;
  /** The literal patterns of `matches`, still to be compiled. */
  readonly patterns: readonly PatternUse[];
}

const operators = new Set<string>(
  ['value', 'id', '.', '[]', 'list', 'call', 'rcall', '?:', '||', '&&', '!_', '-_'].concat([
    '==',
    '!=',
    'in',
    '<',
    '<=',
    '>',
    '>=',
    '+',
    '-',
  ]),
);
const functions = new Set(['size', 'has', 'url', 'int', 'string', 'timestamp', 'duration']);
const methods = new Set(
  ['contains', 'startsWith', 'endsWith', 'matches'].concat(['size', 'lowerAscii', 'upperAscii', 'split']),
);
const macros = new Set(['all', 'exists', 'exists_one', 'filter', 'map']);

/** The engine's environment of conditions, without functions of our own. */
export function createEnvironment(): Environment {
  return new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: true,
    limits: {
      maxAstNodes: limits.astNodes,
      maxDepth: limits.depth,
      maxListElements: limits.listElements,
      maxMapEntries: limits.mapEntries,
      maxCallArguments: limits.callArguments,
    },
  }).registerVariable('claims', 'map<string, dyn>');
}

/** Parses and walks a condition; the result is neither renamed nor type-checked yet. Never throws. */
export function readCondition(
  text: string,
  environment: Environment,
): { ok: true; reading: Reading } | { ok: false; problems: readonly CompileProblem[] } {
  if (new TextEncoder().encode(text).length > limits.conditionBytes) {
    return refuse('E_SIZE', `a condition has at most ${limits.conditionBytes} bytes`);
  }
  let parsed: ParseResult;
  try {
    parsed = environment.parse(text);
  } catch (error) {
    const summary = (error as { summary?: unknown }).summary;
    return refuse('E_PARSE', typeof summary === 'string' ? summary : 'not readable', rangeOfError(error));
  }
  const { problems, patterns, stats } = inspect(parsed.ast, environment);
  return problems.length === 0 ? { ok: true, reading: { parsed, patterns, stats } } : { ok: false, problems };
}

function refuse(
  code: CompileCode,
  message: string,
  range?: Range,
): { ok: false; problems: CompileProblem[] } {
  return { ok: false, problems: [range === undefined ? { code, message } : { code, message, range }] };
}

interface Place {
  readonly bound: readonly string[];
  readonly macroDepth: number;
  /** Inside the list that a macro runs over. */
  readonly inMacroRange: boolean;
}

function inspect(root: Node, environment: Environment) {
  const problems: CompileProblem[] = [];
  const patterns: PatternUse[] = [];
  const stats = { nodes: 0, regexes: 0, deepestMacro: 0, additions: 0 };
  let bodyNodes = 0;

  const report = (code: CompileCode, message: string, node: Node): void => {
    problems.push({ code, message, range: rangeOf(node) });
  };

  const visitMacro = (node: MethodCall, place: Place): void => {
    const [name, receiver, [variable, ...bodies]] = node.args;
    const macroDepth = place.macroDepth + 1;
    stats.deepestMacro = Math.max(stats.deepestMacro, macroDepth);
    if (macroDepth > limits.macroDepth) report('E_MACRO_DEPTH', `${name} inside another macro`, node);
    visit(receiver, { ...place, inMacroRange: true });
    const bound = variable?.op === 'id' ? [variable.args] : [];
    if (bound.some((taken) => environment.hasVariable(taken))) {
      report('E_TYPE', `the macro variable ${bound[0]} has a meaning already`, node);
    }
    for (const body of bodies) visit(body, { ...place, bound: [...place.bound, ...bound], macroDepth });
  };

  const visitPattern = (node: MethodCall): void => {
    const literal = node.args[2][0];
    stats.regexes += 1;
    if (stats.regexes === limits.patternsPerCondition + 1) {
      report('E_REGEX_COUNT', `at most ${limits.patternsPerCondition} patterns`, node);
    }
    if (literal?.op === 'value' && typeof literal.args === 'string') {
      patterns.push({ pattern: literal.args, range: rangeOf(literal) });
    } else report('E_REGEX_DYNAMIC', 'a pattern must be a string literal', literal ?? node);
  };

  const visit = (node: Node, place: Place): void => {
    stats.nodes += 1;
    if (place.macroDepth > 0) bodyNodes += 1;
    const problem = problemOf(node, place);
    if (problem !== undefined) report(problem[0], problem[1], node);
    if (node.op === '+') stats.additions += 1;
    if (node.op === 'rcall' && macros.has(node.args[0])) visitMacro(node, place);
    else {
      if (node.op === 'rcall' && node.args[0] === 'matches') visitPattern(node);
      for (const kid of kids(node)) visit(kid, place);
    }
  };

  visit(root, { bound: [], macroDepth: 0, inMacroRange: false });
  if (bodyNodes > limits.macroBodyNodes) {
    report('E_MACRO_SIZE', `macro bodies have more than ${limits.macroBodyNodes} parts together`, root);
  }
  return { problems, patterns, stats };
}

/** What the allowlist says about one node, its children apart. */
function problemOf(node: Node, place: Place): readonly [CompileCode, string] | undefined {
  switch (node.op) {
    case 'value':
      return node.args === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof node.args)
        ? undefined
        : ['E_OP', 'bytes and unsigned literals are not supported'];
    case 'id':
      return node.args === 'claims' || place.bound.includes(node.args)
        ? undefined
        : ['E_TYPE', `unknown name ${node.args}: a condition reads claims only`];
    case 'call':
      return functions.has(node.args[0])
        ? undefined
        : ['E_FUNC', `function ${node.args[0]} is not supported`];
    case 'rcall':
      return methods.has(node.args[0]) || macros.has(node.args[0])
        ? undefined
        : ['E_FUNC', `method ${node.args[0]} is not supported`];
    case '+':
      return place.macroDepth > 0 || place.inMacroRange
        ? ['E_CONCAT_IN_MACRO', '+ is not allowed in a macro or in the list it runs over']
        : undefined;
    case 'list':
      // Lists of variables, chained through `map`, would double at each step and be compared for ever.
      return place.macroDepth > 0 &&
        node.args.some((element) => element.op !== 'value' && element.op !== '-_')
        ? ['E_CONCAT_IN_MACRO', 'a list in a macro may hold literals only']
        : undefined;
    default:
      return operators.has(node.op) ? undefined : ['E_OP', `operator ${node.op} is not supported`];
  }
}

/** The child nodes, in the order of the text; the variable of a macro counts as one. */
export function kids(node: Node): readonly Node[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '!_':
    case '-_':
      return [node.args];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    default:
      return node.args;
  }
}

/** Gives calls another name. Only before the first type check: the engine binds names there. */
export function renameCalls(node: Node, names: ReadonlyMap<string, string>): void {
  if (node.op === 'call' || node.op === 'rcall') node.args[0] = names.get(node.args[0]) ?? node.args[0];
  for (const kid of kids(node)) renameCalls(kid, names);
}

/** The keys of a claim path: `claims.a["b"]` → `['a', 'b']`, `claims` → `[]`; `undefined` for any other node. */
export function claimPathOf(node: Node): readonly string[] | undefined {
  if (node.op === 'id') return node.args === 'claims' ? [] : undefined;
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [object, field] = node.args;
  const key = typeof field === 'string' ? field : field.op === 'value' ? field.args : undefined;
  const path = typeof key === 'string' ? claimPathOf(object) : undefined;
  return path === undefined || typeof key !== 'string' ? undefined : [...path, key];
}

const stringsAndComments =
  /"""(?:\\[\s\S]|(?!""")[\s\S])*"""|'''(?:\\[\s\S]|(?!''')[\s\S])*'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/.*/g;

/** The text of a node as typed, with the outer parentheses that the engine's ranges leave out. */
export function sourceOf(node: Node): string {
  const { before, after } = lostParentheses(node);
  return '('.repeat(before) + node.input.slice(node.start, node.end) + ')'.repeat(after);
}

/** Where `sourceOf` stands in the text. */
export function spanOf(node: Node): Range {
  const { before, after } = lostParentheses(node);
  let { start, end } = node;
  for (let count = 0; count < before; count += 1) start = node.input.lastIndexOf('(', start - 1);
  for (let count = 0; count < after; count += 1) end = node.input.indexOf(')', end) + 1;
  return [start, end];
}

function lostParentheses(node: Node): { before: number; after: number } {
  const slice = node.input.slice(node.start, node.end).replace(stringsAndComments, '');
  let before = 0;
  let after = 0;
  for (const sign of slice) {
    if (sign === '(') after += 1;
    else if (sign === ')' && after > 0) after -= 1;
    else if (sign === ')') before += 1;
  }
  return { before, after };
}

function rangeOf(node: Node): Range {
  return [node.start, node.end];
}

export function rangeOfError(error: unknown): Range | undefined {
  const range = (error as { range?: { start?: unknown; end?: unknown } } | null)?.range;
  return typeof range?.start === 'number' && typeof range.end === 'number'
    ? [range.start, range.end]
    : undefined;
}

/** The engine's stable error code. */
export function engineCode(error: unknown): string | undefined {
  return error instanceof EvaluationError ? error.code : undefined;
}
