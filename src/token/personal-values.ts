import { createHash } from 'node:crypto';
import type { Blame, BlamedLeaf, Explanation } from '../policy/model.ts';

/**
 * An explanation fit for storing: values of claims that name a person are replaced by their SHA-256, so that equal ones
 * can still be told from different ones (threat A4, contract §2.6).
 *
 * @param isPersonal Judges a claim path as the explanation names it, `claims.user_email`.
 */
export function hidePersonalValues(
  explanation: Explanation,
  isPersonal: (claim: string) => boolean,
): Explanation {
  const { blame } = explanation;
  return blame === undefined ? explanation : { ...explanation, blame: hideIn(blame, isPersonal) };
}

function hideIn(blame: Blame, isPersonal: (claim: string) => boolean): Blame {
  if ('need' in blame) return { ...blame, of: blame.of.map((part) => hideIn(part, isPersonal)) };
  return { ...blame, uses: blame.uses.map((use) => hideUse(use, isPersonal)) };
}

function hideUse(
  use: BlamedLeaf['uses'][number],
  isPersonal: (claim: string) => boolean,
): BlamedLeaf['uses'][number] {
  if ('missing' in use || !isPersonal(use.claim)) return use;
  return { claim: use.claim, value: hashPersonal(use.value) };
}

export function hashPersonal(value: unknown): string {
  return `sha256:${createHash('sha256').update(JSON.stringify(value)).digest('base64url')}`;
}
