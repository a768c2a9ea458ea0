import type { Actor } from '../access/model.ts';
import { GatewayError } from '../kernel/errors.ts';
import type { RequestId } from '../kernel/ids.ts';
import type { Clock } from '../kernel/ports.ts';
import type { AccessTokens } from './access-token.ts';
import type { TokenState } from './ports.ts';

interface Arrival {
  /** The `Authorization` header as sent. */
  readonly authorization: string | undefined;
  readonly requestId: RequestId;
  readonly sourceIp: string | undefined;
}

/** Turns a bearer token into who acts. Throws `unauthenticated`, or `state_unconfirmed`. */
export type Authenticate = (arrival: Arrival) => Actor;

/**
 * RFC 6750 bearer authentication against the state as it is now: a disabled holder is refused at once, and roles taken
 * away since the token was issued count no more (contract §7.3).
 */
export function createAuthenticate(deps: {
  readonly accessTokens: Pick<AccessTokens, 'verify'>;
  readonly state: Pick<TokenState, 'principal' | 'person'>;
  readonly isConfirmed: () => boolean;
  readonly clock: Clock;
}): Authenticate {
  const { accessTokens, state, isConfirmed, clock } = deps;

  return ({ authorization, requestId, sourceIp }) => {
    if (authorization === undefined) throw refused('no token');
    const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
    const claims = token === undefined ? undefined : accessTokens.verify(token, clock.nowMs());
    if (claims === undefined) throw refused('the token is malformed, expired or not ours');
    if (!isConfirmed()) throw new GatewayError('state_unconfirmed');
    const principal = state.principal(claims.sub);
    const holder = principal ?? state.person(claims.sub);
    if (holder === undefined || holder.status !== 'ENABLED')
      throw refused('the holder is disabled or deleted');
    return {
      kind: principal === undefined ? 'person' : 'principal',
      id: holder.id,
      displayName: holder.displayName,
      roleIds: claims.roleIds.filter((role) => holder.roleIds.includes(role)),
      clientId: claims.clientId,
      requestId,
      sourceIp: sourceIp ?? '',
    };
  };
}

const refused = (detail: string): GatewayError => new GatewayError('unauthenticated', { detail });
