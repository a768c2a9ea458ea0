import { createHash, type KeyObject, verify } from 'node:crypto';
import { type DecodedToken, decodeCompact } from '../federation/compact-jws.ts';
import type { Claim } from '../journal/model.ts';
import type { TokenSettings } from './ports.ts';

const skewSeconds = 60;
const maxAheadSeconds = 300;
const maxOneTimeValueChars = 1024;

export type AssertionResult =
  | { readonly ok: true /** Claimed last, in the unit of a granted request. */; readonly claim: Claim }
  | { readonly ok: false; readonly detail: string };

/** Decodes an assertion far enough to know whose it says it is: `sub`, taken where the form names no client (RFC 7523 §3). */
export function decodeAssertion(
  text: string,
): { readonly token: DecodedToken; readonly subject: string } | undefined {
  const decoded = decodeCompact(text);
  if (!decoded.ok) return undefined;
  const { sub } = decoded.token.payload;
  return typeof sub === 'string' && sub !== '' ? { token: decoded.token, subject: sub } : undefined;
}

/**
 * RFC 7523 client assertion in every dialect of contract §2.2, verified with the client's one registered key; `kid` and
 * `typ` decide nothing (threat T16).
 */
export function checkAssertion(
  token: DecodedToken,
  clientId: string,
  key: KeyObject,
  settings: Pick<TokenSettings, 'issuer' | 'tokenEndpoint' | 'audiences'>,
  nowMs: number,
): AssertionResult {
  const { alg, payload, signingInput, signature } = token;
  if (alg !== 'EdDSA' && alg !== 'Ed25519') return refuse('alg is not EdDSA');
  if (!verify(null, signingInput, key, signature)) return refuse('the signature does not verify');
  if (payload['iss'] !== clientId || payload['sub'] !== clientId)
    return refuse('iss, sub and client_id differ');
  if (!isMeantForUs(payload['aud'], settings)) return refuse('aud is not this gateway');
  const now = Math.floor(nowMs / 1000);
  const { exp, nbf, iat } = payload;
  if (!isTime(exp)) return refuse('exp is missing or not a whole number of seconds');
  if (exp <= now - skewSeconds) return refuse('expired');
  if (exp > now + maxAheadSeconds + skewSeconds) return refuse('exp is more than 5 minutes ahead');
  for (const [name, value] of [
    ['nbf', nbf],
    ['iat', iat],
  ] as const) {
    if (value === undefined) continue;
    if (!isTime(value)) return refuse(`${name} is not a whole number of seconds`);
    if (value > now + skewSeconds) return refuse(`${name} lies in the future`);
  }
  return oneTimeClaim(token, clientId, exp);
}

const refuse = (detail: string): AssertionResult => ({ ok: false, detail });
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** One value, or a list of exactly one: a bare host (any case), the issuer, or the token endpoint. */
function isMeantForUs(
  aud: unknown,
  { issuer, tokenEndpoint, audiences }: Pick<TokenSettings, 'issuer' | 'tokenEndpoint' | 'audiences'>,
): boolean {
  const value: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (typeof value !== 'string') return false;
  return value === issuer || value === tokenEndpoint || audiences.includes(value.toLowerCase());
}

/**
 * Header `nonce`, else `jti`, else the signing input – never the raw token, whose signature may have a second form. Each
 * kind under its own prefix, each client apart.
 */
function oneTimeClaim(token: DecodedToken, clientId: string, exp: number): AssertionResult {
  const nonce = token.header['nonce'];
  const jti = token.payload['jti'];
  for (const [name, value] of [
    ['nonce', nonce],
    ['jti', jti],
  ] as const) {
    if (
      value !== undefined &&
      (typeof value !== 'string' || value === '' || value.length > maxOneTimeValueChars)
    ) {
      return refuse(`${name} is not a short string`);
    }
  }
  const [kind, value] =
    typeof nonce === 'string'
      ? ['assertion-nonce', nonce]
      : typeof jti === 'string'
        ? ['assertion-jti', jti]
        : ['assertion-input', token.signingInput];
  const digest = createHash('sha256').update(clientId).update('\0').update(value).digest('base64url');
  return { ok: true, claim: { id: `${kind}:${digest}`, expiresAtMs: (exp + skewSeconds + 5) * 1000 } };
}
