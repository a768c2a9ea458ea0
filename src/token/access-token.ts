import { verify } from 'node:crypto';
import { decodeCompact } from '../federation/compact-jws.ts';
import type { JsonObject } from '../journal/model.ts';
import type { UserId } from '../kernel/ids.ts';
import type { Allowed } from './model.ts';
import type { TokenSettings, TokenSigner } from './ports.ts';

/** The claims of an access token that this gateway relies on when it comes back (RFC 9068 §2.2, contract §2.7). */
export interface AccessTokenClaims {
  readonly sub: UserId;
  readonly clientId: string;
  readonly roleIds: readonly string[];
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly exp: number;
}

export interface AccessTokens {
  /** Signs the token of a decision that is already durable. */
  sign(decision: Allowed, jti: string, nowMs: number): string;
  /** The claims of a token of ours that is neither altered nor expired; `undefined` for every other text. */
  verify(token: string, nowMs: number): AccessTokenClaims | undefined;
}

const encode = (text: string): string => Buffer.from(text).toString('base64url');

/**
 * RFC 9068 access tokens, `at+jwt`, EdDSA. Built by hand on the synchronous primitive: one JSON text, one signature
 * (performance.md §3.4).
 */
export function createAccessTokens(deps: {
  readonly settings: Pick<TokenSettings, 'issuer' | 'audience'>;
  readonly signer: TokenSigner;
}): AccessTokens {
  const { settings, signer } = deps;
  const headers = new Map<string, string>();

  const headerOf = (kid: string): string => {
    const known = headers.get(kid);
    if (known !== undefined) return known;
    const header = encode(JSON.stringify({ alg: 'EdDSA', typ: 'at+jwt', kid }));
    headers.set(kid, header);
    return header;
  };

  return {
    sign: (decision, jti, nowMs) => {
      const key = signer.current();
      const iat = Math.floor(nowMs / 1000);
      const payload = {
        iss: settings.issuer,
        aud: settings.audience,
        sub: decision.subject.uid,
        client_id: decision.clientId,
        iat,
        nbf: iat,
        exp: iat + decision.lifetimeSeconds,
        jti,
        roles: decision.roleIds,
        ...decision.extra,
      };
      const signingInput = `${headerOf(key.kid)}.${encode(JSON.stringify(payload))}`;
      return `${signingInput}.${key.sign(Buffer.from(signingInput)).toString('base64url')}`;
    },
    verify: (text, nowMs) => {
      const decoded = decodeCompact(text);
      if (!decoded.ok) return undefined;
      const { alg, kid, typ, payload, signingInput, signature } = decoded.token;
      if (alg !== 'EdDSA' || typ !== 'at+jwt' || kid === undefined) return undefined;
      const key = signer.published(kid);
      if (key === undefined || !verify(null, signingInput, key, signature)) return undefined;
      if (payload['iss'] !== settings.issuer || payload['aud'] !== settings.audience) return undefined;
      return claimsOf(payload, Math.floor(nowMs / 1000));
    },
  };
}

function claimsOf(payload: JsonObject, nowSeconds: number): AccessTokenClaims | undefined {
  const { sub, client_id: clientId, roles, jti, exp } = payload;
  if (typeof sub !== 'string' || typeof clientId !== 'string' || typeof jti !== 'string') return undefined;
  if (!Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) return undefined;
  if (typeof exp !== 'number' || exp <= nowSeconds) return undefined;
  return { sub: sub as UserId, clientId, roleIds: roles, jti, exp };
}
