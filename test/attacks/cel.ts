/** What an owner of a trust could write to stop, stretch or trick the condition engine (security.md C7). */

export interface CelAttack {
  readonly id: string;
  readonly threat: 'C7';
  readonly expression: string;
  readonly claims?: unknown;
  /** `refused`: it cannot be saved. `denied`: it can, and lets nobody in. */
  readonly expect: 'refused' | 'denied';
  /** The compile code, or the cause of the denial. */
  readonly code?: string;
}

const times = (count: number, text: string, separator = ''): string =>
  Array.from({ length: count }, () => text).join(separator);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const everything = {
  sub: 'repo:acme/infra:ref:refs/heads/main',
  groups: ['dev', 'ops'],
  numbers: numbers(120),
  text: 'a'.repeat(2_000),
  long: 'a'.repeat(14_000),
};

type Row = readonly [
  id: string,
  expect: 'refused' | 'denied',
  code: string,
  expression: string,
  claims?: unknown,
];

const rows: readonly Row[] = [
  // Regular expressions
  ['regex-classic', 'denied', 'CONDITION_FALSE', 'claims.text.matches("^(a+)+b$")'],
  ['regex-alternation', 'denied', 'CONDITION_FALSE', 'claims.text.matches("^(a|aa)+b$")'],
  ['regex-nested-count', 'refused', 'E_REGEX_SYNTAX', 'claims.text.matches("((a{64}){64}){64}")'],
  ['regex-huge-count', 'refused', 'E_REGEX_REPEAT', 'claims.text.matches("a{1000}")'],
  ['regex-huge-program', 'denied', 'too_expensive', 'claims.text.matches("(.{0,60}){15}[xy]")'],
  ['regex-lookahead', 'refused', 'E_REGEX_SYNTAX', 'claims.sub.matches("(?=repo)")'],
  ['regex-backreference', 'refused', 'E_REGEX_SYNTAX', String.raw`claims.sub.matches(r"(a+)\1")`],
  ['regex-from-claim', 'refused', 'E_REGEX_DYNAMIC', 'claims.sub.matches(claims.sub)'],
  ['regex-built', 'refused', 'E_REGEX_DYNAMIC', 'claims.sub.matches("^(a" + "+)+$")'],
  ['regex-many', 'refused', 'E_REGEX_COUNT', times(9, 'claims.sub.matches("x")', '||')],
  ['regex-long', 'refused', 'E_REGEX_SIZE', `claims.sub.matches("${times(65, '(a?)')}")`],
  ['regex-long-input', 'denied', 'input_too_long', 'claims.long.matches("a")'],
  ['regex-other-name', 'refused', 'E_FUNC', 'claims.text.re2m("^(a+)+b$")'],
  [
    'regex-in-macro',
    'denied',
    'no_matching_overload',
    'claims.numbers.exists(x, x.matches("(.{0,60}){15}y"))',
  ],
  // Nesting and size
  ['text-too-long', 'refused', 'E_SIZE', times(200, 'true', '&&')],
  ['chain-of-and', 'refused', 'E_PARSE', times(130, 'true', '&&')],
  ['parentheses', 'refused', 'E_PARSE', `${times(500, '(')}true${times(500, ')')}`],
  ['chain-of-not', 'refused', 'E_PARSE', `${times(1_000, '!')}true`],
  ['brackets', 'refused', 'E_PARSE', `claims${times(40, '[claims')}${times(40, ']')} == 1`],
  ['long-list', 'refused', 'E_PARSE', `claims.n in [${times(65, '1', ',')}]`],
  ['map-literal', 'refused', 'E_OP', '{"__proto__": claims}.admin == true'],
  ['bytes', 'refused', 'E_OP', 'b"\\x00" != b"\\x01"'],
  // Macros
  ['macro-in-macro', 'refused', 'E_MACRO_DEPTH', 'claims.numbers.all(x, claims.numbers.all(y, y >= 0))'],
  ['macro-three-deep', 'refused', 'E_MACRO_DEPTH', 'claims.g.all(x, claims.g.all(y, claims.g.all(z, true)))'],
  ['macro-doubling-by-bind', 'refused', 'E_FUNC', 'cel.bind(x, claims.groups, x + x).size() > 0'],
  ['macro-doubling-by-plus', 'refused', 'E_CONCAT_IN_MACRO', 'claims.groups.map(x, x + x).size() > 0'],
  [
    'macro-doubling-by-list',
    'refused',
    'E_CONCAT_IN_MACRO',
    `claims.groups${times(9, '.map(x, [x, x])')} == [1]`,
  ],
  ['macro-long-range', 'refused', 'E_CONCAT_IN_MACRO', `(${times(9, 'claims.numbers', '+')}).all(x, x < 0)`],
  [
    'macro-long-body',
    'refused',
    'E_MACRO_SIZE',
    `claims.numbers.exists(x, ${times(20, 'x in claims.numbers', '&&')})`,
  ],
  ['macro-over-characters', 'denied', 'input_too_long', 'claims.text.split("").all(x, x == "a")'],
  ['macro-errors', 'denied', 'no_such_key', `claims.numbers.exists(x, ${times(16, 'claims.z', '||')})`],
  ['macro-hides-claims', 'refused', 'E_TYPE', '[{"sub": "root"}].exists(claims, claims.sub == "root")'],
  // Cost hidden in functions
  [
    'duration-cubic',
    'denied',
    'invalid_duration',
    'duration(claims.text) > duration("1s")',
    { text: '1'.repeat(5_000) },
  ],
  ['duration-cubic-literal', 'denied', 'invalid_duration', `duration("${times(900, '1')}") > duration("1s")`],
  [
    'search-quadratic',
    'denied',
    'too_expensive',
    times(30, 'claims.a.contains(claims.b)', '||'),
    {
      a: 'a'.repeat(8_000),
      b: `${'a'.repeat(3_000)}b${'a'.repeat(3_000)}`,
    },
  ],
  ['size-in-macro', 'denied', 'too_expensive', 'claims.numbers.exists(x, claims.long.size() < 0)'],
  // Tricks
  ['prototype', 'denied', 'no_such_key', 'claims.constructor.prototype.admin == true'],
  ['coerced-key', 'denied', 'no_such_key', 'claims[["sub"]] == claims.sub'],
  ['constant-of-the-engine', 'refused', 'E_TYPE', 'google.protobuf.Timestamp == google.protobuf.Timestamp'],
  [
    'path-traversal',
    'denied',
    'unsafe_path',
    'url(claims.sub).path.startsWith("/ns/prod/")',
    {
      sub: 'spiffe://td/ns/prod/../dev/sa/x',
    },
  ],
];

export const celAttacks: readonly CelAttack[] = rows.map(([id, expect, code, expression, claims]) => ({
  id: `cel-${id}`,
  threat: 'C7',
  expression,
  claims: claims ?? everything,
  expect,
  code,
}));
