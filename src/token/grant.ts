import { GatewayError } from '../kernel/errors.ts';
import { parseClientId } from '../kernel/ids.ts';
import type { Form, GrantDecision, GrantName, TokenRequest } from './model.ts';

/**
 * One grant type. `issue-token.ts` owns the phases that all grants share, so that no grant can skip one; a grant only
 * parses its parameters and decides.
 */
export interface Grant {
  readonly name: GrantName;
  /** Value of `grant_type`. */
  readonly urn: string;
  /** What the answer of a success carries beyond the token. */
  readonly answer: Readonly<Record<string, string>>;
  /** How an ordinary refusal is answered before (and, status aside, after) the caller is proven (contract §2.6). */
  readonly refusal: { readonly status: number; readonly error: string; readonly description: string };
  /** Parses and decides. Throws `GatewayError('invalid_request')` for a malformed request; every "no" is returned. */
  decide(request: TokenRequest): GrantDecision | Promise<GrantDecision>;
}

/** 400 `invalid_request` that names the parameter. */
export function invalidParameter(name: string, why: string): GatewayError {
  return new GatewayError('invalid_request', { sentence: `${name} ${why}.` });
}

/** A parameter that must be present; sent without a value it counts as omitted (RFC 6749 §3.2). */
export function requiredParameter(form: Form, name: string): string {
  const value = form.get(name);
  if (value === undefined || value === '') throw invalidParameter(name, 'is missing');
  return value;
}

const maxClientIdChars = 512;

/** A client id as the audit may keep it: text of another shape can be a secret that somebody put into the wrong field (threat A4). */
export function clientIdForAudit(text: string): string {
  const isClientId = text.length <= maxClientIdChars && parseClientId(text) !== undefined;
  return isClientId ? text : '(malformed)';
}

/** A grant type as the audit may keep it, by the same reasoning. */
export function grantTypeForAudit(text: string): string {
  return /^(?:[a-z_]{1,64}|urn:[\w:.-]{1,128})$/.test(text) ? text : '(malformed)';
}
