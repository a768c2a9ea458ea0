/** What conditions and address lists are made of: pure data, no I/O, no clock (policy.md §5, §7). */

/** UTF-16 offsets in the condition text, end exclusive. */
export type Range = readonly [start: number, end: number];

export type CompileCode =
  | 'E_SIZE'
  | 'E_PARSE'
  | 'E_OP'
  | 'E_FUNC'
  | 'E_MACRO_DEPTH'
  | 'E_MACRO_SIZE'
  | 'E_CONCAT_IN_MACRO'
  | 'E_REGEX_DYNAMIC'
  | 'E_REGEX_SYNTAX'
  | 'E_REGEX_SIZE'
  | 'E_REGEX_REPEAT'
  | 'E_REGEX_COUNT'
  | 'E_TYPE'
  | 'E_NOT_BOOL';

export interface CompileProblem {
  readonly code: CompileCode;
  readonly message: string;
  readonly range?: Range;
  readonly suggestion?: string;
}

/** Claims as conditions see them: nested `Map`s, so that no claim name touches a prototype (policy.md §3). */
export type NormalClaims = ReadonlyMap<string, unknown>;

export interface ConditionStats {
  readonly nodes: number;
  readonly regexes: number;
  readonly deepestMacro: number;
  readonly additions: number;
}

export interface Condition {
  readonly text: string;
  readonly engine: string;
  readonly run: (claims: NormalClaims) => unknown;
  readonly stats: ConditionStats;
}

export type Compiled =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly problems: readonly CompileProblem[] };

export type Normalized =
  | { readonly ok: true; readonly claims: NormalClaims }
  | { readonly ok: false; readonly code: 'CLAIMS_TOO_COMPLEX'; readonly why: string };

export type Decision =
  | { readonly allow: true; readonly code: 'OK' }
  | { readonly allow: false; readonly code: 'CONDITION_FALSE' | 'CONDITION_NOT_BOOL' }
  | {
      readonly allow: false;
      readonly code: 'CONDITION_ERROR';
      /** Stable lower-case word: `no_such_key`, `not_a_url` …; never the engine's text. */
      readonly cause: string;
      readonly range?: Range;
    };

/** A claim that a leaf reads, by its path (`claims.a["b"]`; without `claims.` for callers). */
export type ClaimUse =
  | { readonly claim: string; readonly value: unknown }
  | { readonly claim: string; readonly missing: true };

/** One failed sub-condition as the caller may see it: its own values, no constant of the expression (policy.md §7.3). */
export interface FailedLeaf {
  readonly claims: readonly ClaimUse[];
  readonly test:
    | 'equals'
    | 'one_of'
    | 'prefix'
    | 'suffix'
    | 'contains'
    | 'pattern'
    | 'present'
    | 'compare'
    | 'list'
    | 'other';
  /** The test must not hold. */
  readonly negated: boolean;
}

/** A leaf as owners and super admins see it (policy.md §7.2). */
export interface BlamedLeaf {
  readonly atom: string;
  readonly range: Range;
  readonly want: boolean;
  readonly got: 'true' | 'false' | 'error';
  readonly uses: readonly ClaimUse[];
  /** Stable cause word when `got` is `error`. */
  readonly err: string | null;
  /** What callers are told of the kind of test. */
  readonly test: FailedLeaf['test'];
  readonly negated: boolean;
  /** Per-item results of a macro leaf, first 20 items, and the total. */
  readonly items?: { readonly total: number; readonly results: readonly ('true' | 'false' | 'error')[] };
}

export type Blame = { readonly need: 'all' | 'any'; readonly of: readonly Blame[] } | BlamedLeaf;

export interface Explanation {
  readonly state: 'true' | 'false' | 'error';
  /** Absent when the state is `true`. */
  readonly blame?: Blame;
}
