import { limits } from './limits.ts';
import type { Normalized } from './model.ts';

/**
 * Turns verified JSON claims into what conditions read: a `Map` at every level, so that no claim name reaches a prototype.
 * Nothing is converted, trimmed or added; the walk stops at the first excess. Call it after the signature is verified.
 */
export function normalizeClaims(json: unknown): Normalized {
  let values = 0;
  let why: string | undefined;

  const refuse = (reason: string): undefined => {
    why ??= reason;
  };

  const text = (value: string): string | undefined =>
    value.length <= limits.claimCharacters
      ? value
      : refuse(`a string has more than ${limits.claimCharacters} characters`);

  const list = (items: readonly unknown[], depth: number): unknown[] => {
    const copy: unknown[] = [];
    for (const item of items) {
      copy.push(visit(item, depth + 1));
      if (why !== undefined) break;
    }
    return copy;
  };

  const map = (object: object, depth: number): Map<string, unknown> => {
    const copy = new Map<string, unknown>();
    for (const key of Object.keys(object)) {
      text(key);
      copy.set(key, visit((object as Record<string, unknown>)[key], depth + 1));
      if (why !== undefined) break;
    }
    return copy;
  };

  const visit = (value: unknown, depth: number): unknown => {
    if (depth > limits.claimDepth) return refuse(`nested more than ${limits.claimDepth} deep`);
    if (depth > 0) values += 1;
    if (values > limits.claimValues) return refuse(`more than ${limits.claimValues} values`);
    if (typeof value === 'string') return text(value);
    if (typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'number') return Number.isFinite(value) ? value : refuse('a number is not finite');
    if (typeof value !== 'object') return refuse('not JSON');
    return Array.isArray(value) ? list(value, depth) : map(value, depth);
  };

  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { ok: false, code: 'CLAIMS_TOO_COMPLEX', why: 'not an object' };
  }
  const claims = map(json, 0);
  return why === undefined ? { ok: true, claims } : { ok: false, code: 'CLAIMS_TOO_COMPLEX', why };
}
