import type { Environment, ParseResult } from '@marcbachmann/cel-js';
import { LRUCache } from 'lru-cache';
import { FunctionFault, metered, ownFunctions, renames } from './functions.ts';
import {
  createEnvironment,
  engineCode,
  type PatternUse,
  rangeOfError,
  readCondition,
  renameCalls,
} from './grammar.ts';
import { limits } from './limits.ts';
import type { Compiled, CompileProblem, Condition, Decision, NormalClaims } from './model.ts';
import { compilePattern } from './pattern.ts';
import type { UrlParts } from './url.ts';

/** Stored with each trust. The last number rises with every change of limits, allowlist or own functions. */
export const engine = 'cel-js@8.0.0/policy-1';

/** The engine tells types by their constructor; only `urlOf` below makes one. */
class Url {
  constructor(parts: UrlParts) {
    Object.assign(this, parts);
  }
}

const conditions = new LRUCache<string, Condition>({ max: limits.cachedConditions });
const environment = createRuntime();

function createRuntime(): Environment {
  const duration = createEnvironment().registerVariable('text', 'string').parse('duration(text)');
  const names = ['scheme', 'host', 'port', 'path', 'query', 'fragment'] satisfies (keyof UrlParts)[];
  const runtime = createEnvironment().registerType({
    name: 'Url',
    ctor: Url,
    fields: Object.fromEntries(names.map((name) => [name, 'string'])),
  });
  const functions = ownFunctions({
    engineDuration: (text) => duration({ text }),
    urlOf: (parts) => new Url(parts),
  });
  for (const [signature, handler] of Object.entries(functions)) {
    // Declared synchronous, or the engine might answer with a Promise.
    runtime.registerFunction(signature, { handler, async: false });
  }
  return runtime;
}

/**
 * Compiles a condition: size → parse with limits → allowlist → patterns → rename → types → must be `bool`. The rename comes after
 * the allowlist, so that nobody can call our names, and before the type check, which binds them. Never throws; equal texts
 * share one program.
 */
export function compile(text: string): Compiled {
  const known = conditions.get(text);
  if (known !== undefined) return { ok: true, condition: known };
  const read = readCondition(text, environment);
  if (!read.ok) return read;
  const { parsed, patterns, stats } = read.reading;
  const problems = patterns.flatMap(patternProblem);
  if (problems.length > 0) return { ok: false, problems };
  const problem = typeProblem(text, bind(parsed));
  if (problem !== undefined) return { ok: false, problems: [problem] };
  const run = (claims: NormalClaims): unknown => metered(() => parsed({ claims }));
  const condition: Condition = Object.freeze({ text, engine, run, stats: Object.freeze(stats) });
  conditions.set(text, condition);
  return { ok: true, condition };
}

/** Decides. Allows if and only if the condition yields the value `true`; whatever else happens denies. */
export function evaluate(condition: Condition, claims: NormalClaims): Decision {
  try {
    const result = condition.run(claims);
    if (result === true) return { allow: true, code: 'OK' };
    return { allow: false, code: result === false ? 'CONDITION_FALSE' : 'CONDITION_NOT_BOOL' };
  } catch (error) {
    const range = rangeOfError(error);
    const denial = { allow: false, code: 'CONDITION_ERROR', cause: causeOf(error) } as const;
    return range === undefined ? denial : { ...denial, range };
  }
}

/** A part of an accepted condition, compiled on its own; it may yield any value or throw. Run it inside `metered`. */
export type Part = (claims: NormalClaims, item?: unknown) => unknown;

/** `variable` is the name that a macro binds for the part. */
export function compilePart(source: string, variable?: string): Part {
  const scope = variable === undefined ? environment : environment.clone().registerVariable(variable, 'dyn');
  const parsed = scope.parse(source);
  bind(parsed);
  return variable === undefined
    ? (claims) => parsed({ claims })
    : (claims, item) => parsed({ claims, [variable]: item });
}

/** The stable word for a failed evaluation; an engine's message is for nobody. */
export function causeOf(error: unknown): string {
  return (error instanceof FunctionFault ? error.code : engineCode(error)) ?? 'native';
}

function bind(parsed: ParseResult): ReturnType<ParseResult['check']> {
  renameCalls(parsed.ast, renames);
  return parsed.check();
}

function patternProblem({ pattern, range }: PatternUse): readonly CompileProblem[] {
  const compiled = compilePattern(pattern);
  return compiled.ok ? [] : [{ code: compiled.code, message: compiled.message, range }];
}

function typeProblem(text: string, checked: ReturnType<ParseResult['check']>): CompileProblem | undefined {
  if (!checked.valid) {
    const range = rangeOfError(checked.error);
    const where = range === undefined ? '' : `: ${text.slice(...range)}`;
    const message = `${checked.error?.code ?? 'native'}${where}`;
    return range === undefined ? { code: 'E_TYPE', message } : { code: 'E_TYPE', message, range };
  }
  if (checked.type === 'bool') return undefined;
  return checked.type === 'dyn'
    ? {
        code: 'E_NOT_BOOL',
        message: 'a bare claim is not a test: compare it, for example == true',
        suggestion: `${text} == true`,
      }
    : { code: 'E_NOT_BOOL', message: `a condition is true or false, not ${checked.type}` };
}
