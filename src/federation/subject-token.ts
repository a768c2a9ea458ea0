import type { ReasonCode } from '../kernel/error-catalogue.ts';
import type { DecodedToken } from './compact-jws.ts';
import { algorithmOf, type VerificationKey, verifySignature } from './jws-algorithms.ts';
import type { VerificationRules } from './model.ts';

/**
 * The checks of a subject token after decoding, each pure and independent of the others: the exchange stops at the
 * first refusal, the tester shows them all. Order, and what may be told when, is contract §7.9.
 */
export type CheckResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: ReasonCode; readonly detail: string };

const skewSeconds = 30;
const pass: CheckResult = { ok: true };
const refuse = (reason: ReasonCode, detail: string): CheckResult => ({ ok: false, reason, detail });

/** The algorithm is one of the provider's, and the token is meant as an identity token (T1, T13). */
export function checkFormat(token: DecodedToken, rules: VerificationRules, ownIssuer: string): CheckResult {
  const algorithm = algorithmOf(token.alg);
  if (algorithm === undefined || !rules.algorithms.includes(algorithm)) {
    return refuse('unsupported_alg', 'alg is not one of the provider');
  }
  if (token.typ !== undefined && token.typ !== 'JWT') {
    return refuse('invalid_jwt_format', 'typ is neither absent nor JWT');
  }
  if (token.payload['iss'] === ownIssuer) {
    return refuse('invalid_jwt_format', 'a token of this gateway is no subject token');
  }
  return pass;
}

/** `iss` equals the provider's issuer byte for byte (T8); the detail names the two usual near misses. */
export function checkIssuer(token: DecodedToken, rules: VerificationRules): CheckResult {
  const { iss } = token.payload;
  if (iss === rules.issuerUrl) return pass;
  if (typeof iss !== 'string') return refuse('issuer_mismatch', 'iss is not a string');
  if (withoutSlash(iss) === withoutSlash(rules.issuerUrl)) {
    return refuse('issuer_mismatch', 'iss differs from the issuer of the provider by a trailing slash only');
  }
  if (iss.toLowerCase() === rules.issuerUrl.toLowerCase()) {
    return refuse('issuer_mismatch', 'iss differs from the issuer of the provider by case only');
  }
  return refuse('issuer_mismatch', 'iss is another issuer');
}

const withoutSlash = (url: string): string => (url.endsWith('/') ? url.slice(0, -1) : url);

export function checkSignature(token: DecodedToken, key: VerificationKey): CheckResult {
  return verifySignature(token.alg, key, token.signingInput, token.signature)
    ? pass
    : refuse('signature_invalid', 'the signature does not verify');
}

/** `aud` names us: the provider's own audiences, or the operator's where it has none (T10). */
export function checkAudience(
  token: DecodedToken,
  rules: VerificationRules,
  operatorAudiences: readonly string[],
): CheckResult {
  const accepted = rules.audiences.length > 0 ? rules.audiences : operatorAudiences;
  const { aud } = token.payload;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.every(isName)) return refuse('audience_mismatch', 'aud is not made of strings');
  if (rules.audienceMode === 'single' && audiences.length !== 1) {
    return refuse('audience_mismatch', 'aud does not name exactly one audience');
  }
  return audiences.some((audience) => accepted.includes(audience))
    ? pass
    : refuse('audience_mismatch', 'aud names none of the accepted audiences');
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** `exp`, `nbf` and `iat` against the clock, age and lifetime (T11, issuers.md §3); skew 30 s. */
export function checkTimes(token: DecodedToken, rules: VerificationRules, nowMs: number): CheckResult {
  const { exp, nbf, iat } = token.payload;
  if (!isTime(exp)) return refuse('invalid_jwt_format', 'exp is not a whole number of seconds');
  if (nbf !== undefined && !isTime(nbf)) {
    return refuse('invalid_jwt_format', 'nbf is not a whole number of seconds');
  }
  if (iat !== undefined && !isTime(iat)) {
    return refuse('invalid_jwt_format', 'iat is not a whole number of seconds');
  }
  const now = Math.floor(nowMs / 1000);
  if (exp <= now - skewSeconds) return refuse('token_expired', `exp passed ${now - exp} s ago`);
  if (nbf !== undefined && nbf > now + skewSeconds) {
    return refuse('token_not_yet_valid', `nbf is ${nbf - now} s ahead`);
  }
  return iat === undefined ? checkTimesWithoutIat(exp, rules, now) : checkAge(exp, iat, rules, now);
}

function checkAge(exp: number, iat: number, rules: VerificationRules, now: number): CheckResult {
  if (iat > now + skewSeconds) return refuse('token_not_yet_valid', `iat is ${iat - now} s ahead`);
  if (exp < iat) return refuse('invalid_jwt_format', 'exp lies before iat');
  if (now - iat > rules.maxAgeSeconds) {
    return refuse('token_too_old', `issued ${now - iat} s ago, accepted for ${rules.maxAgeSeconds} s`);
  }
  if (exp - iat > rules.maxLifetimeSeconds) {
    return refuse('token_too_old', `lives ${exp - iat} s, accepted are ${rules.maxLifetimeSeconds} s`);
  }
  return pass;
}

/** Without `iat` the age is unknown, so what remains of the life takes its place. */
function checkTimesWithoutIat(exp: number, rules: VerificationRules, now: number): CheckResult {
  if (rules.iatRequired) return refuse('missing_iat', 'iat is absent');
  return exp - now > rules.maxAgeSeconds
    ? refuse('token_too_old', `without iat, exp may be ${rules.maxAgeSeconds} s ahead, is ${exp - now} s`)
    : pass;
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export function checkSubject(token: DecodedToken): CheckResult {
  return isName(token.payload['sub']) ? pass : refuse('subject_mismatch', 'sub is not a non-empty string');
}
