/** Shared by the tests of the policy room: conditions and claims that must be accepted, or the test is wrong. */

import { normalizeClaims } from '../../src/policy/claims.ts';
import { compile, evaluate } from '../../src/policy/condition.ts';
import type { CompileCode, Condition, Decision, NormalClaims } from '../../src/policy/model.ts';

export function conditionOf(text: string): Condition {
  const compiled = compile(text);
  if (!compiled.ok) throw new Error(`${text}: ${JSON.stringify(compiled.problems)}`);
  return compiled.condition;
}

export function claimsOf(json: unknown): NormalClaims {
  const normalized = normalizeClaims(json);
  if (!normalized.ok) throw new Error(normalized.why);
  return normalized.claims;
}

export function decide(text: string, json: unknown): Decision {
  return evaluate(conditionOf(text), claimsOf(json));
}

/** The codes that refuse a text, without repetitions; empty when it compiles. */
export function codesOf(text: string): readonly CompileCode[] {
  const compiled = compile(text);
  return compiled.ok ? [] : [...new Set(compiled.problems.map(({ code }) => code))];
}

export function elapsedMs(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
