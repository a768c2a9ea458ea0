import { createHash } from 'node:crypto';
import { type DecodedToken, decodeCompact } from '../federation/compact-jws.ts';
import type { Provider } from '../federation/model.ts';
import {
  type CheckResult,
  checkAudience,
  checkFormat,
  checkIssuer,
  checkSignature,
  checkSubject,
  checkTimes,
} from '../federation/subject-token.ts';
import type { Claim } from '../journal/model.ts';
import { parseClientId } from '../kernel/ids.ts';
import type { Clock } from '../kernel/ports.ts';
import { normalizeClaims } from '../policy/claims.ts';
import { evaluate } from '../policy/condition.ts';
import { callerProjection, explain } from '../policy/explain.ts';
import { effectiveRoles } from '../policy/scope.ts';
import type { ServicePrincipal } from '../principals/model.ts';
import { clientIdForAudit, type Grant, invalidParameter, requiredParameter } from './grant.ts';
import type { Allowed, Refused, TokenRequest, TokenSubject } from './model.ts';
import { hashPersonal, hidePersonalValues } from './personal-values.ts';
import type { IssuerKeyLookup, KeyLookup, TokenSettings, TokenState, TrustState } from './ports.ts';

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const subjectTokenTypes: ReadonlySet<string> = new Set([
  'urn:ietf:params:oauth:token-type:jwt',
  'urn:ietf:params:oauth:token-type:id_token',
]);
const maxPassthroughBytes = 1024;
/** Kept past `exp` for the skew that verification allows and a margin (issuers.md §3). */
const replayMarginSeconds = 35;

interface ExchangeDeps {
  readonly settings: TokenSettings;
  readonly state: TokenState;
  readonly issuerKeys: IssuerKeyLookup;
  /** Whether a claim, as `claims.user_email`, names a person where this provider issues it. */
  readonly isPersonalClaim: (provider: Provider, claim: string) => boolean;
  readonly clock: Clock;
}

interface Parameters {
  readonly clientId: string;
  readonly subjectToken: string;
}

/** Everything a trust leads to, all of it enabled and open to the caller's address. */
interface Route {
  readonly trust: TrustState;
  readonly provider: Provider;
  readonly principal: ServicePrincipal;
}

/** What is known so far, for the audit record of whatever comes out. */
interface Trail {
  subject?: TokenSubject;
  data: Record<string, unknown>;
}

/** RFC 8693 token exchange: a platform's identity token for an access token of a service principal (contract §2.3, §7.9). */
export function createTokenExchange(deps: ExchangeDeps): Grant {
  return {
    name: 'token_exchange',
    urn: 'urn:ietf:params:oauth:grant-type:token-exchange',
    answer: { issued_token_type: accessTokenType },
    refusal: { status: 400, error: 'invalid_request', description: 'The token exchange was refused.' },
    decide: (request) => {
      const parameters = parseParameters(request, deps.settings);
      const decision = judge(deps, parameters, request.sourceIp);
      return 'fetching' in decision
        ? judgeOnceFetched(deps, parameters, request.sourceIp, decision)
        : decision;
    },
  };
}

function parseParameters({ form }: TokenRequest, settings: TokenSettings): Parameters {
  const clientId = requiredParameter(form, 'client_id');
  const type = requiredParameter(form, 'subject_token_type');
  if (!subjectTokenTypes.has(type)) throw invalidParameter('subject_token_type', 'is not supported');
  const subjectToken = requiredParameter(form, 'subject_token');
  if (subjectToken.length > settings.maxSubjectTokenBytes) {
    throw invalidParameter('subject_token', 'is too large');
  }
  const requested = form.get('requested_token_type');
  if (requested !== undefined && requested !== '' && requested !== accessTokenType) {
    throw invalidParameter('requested_token_type', 'is not supported');
  }
  if (form.has('actor_token')) throw invalidParameter('actor_token', 'is not supported');
  return { clientId, subjectToken };
}

const refuse = (
  trail: Trail,
  reason: Refused['reason'],
  proven: boolean,
  rest: Partial<Pick<Refused, 'detail' | 'explanation' | 'failed'>> = {},
): Refused => ({ allow: false, reason, proven, ...trail, ...rest });

/** The trust decides the provider; a provider is never searched by the token's `iss` (threat T9). */
function findRoute(
  { state, settings }: ExchangeDeps,
  clientId: string,
  sourceIp: string | undefined,
  trail: Trail,
): Route | Refused {
  const parsed = parseClientId(clientId);
  const isOurs = parsed?.suffix === 'wfe' && settings.clientIdHosts.has(parsed.host);
  const trust = isOurs ? state.trust(parsed.cutename) : undefined;
  const principal = trust && state.principal(trust.trust.principalId);
  const provider = trust && state.provider(trust.trust.providerId);
  if (trust === undefined || principal === undefined || provider === undefined) {
    return refuse(trail, 'trust_not_found', false);
  }
  trail.subject = { uid: principal.id, name: principal.displayName, type: 'Service' };
  trail.data['trust_version'] = trust.version;
  trail.data['provider_id'] = provider.id;
  if (trust.trust.disabled) return refuse(trail, 'trust_disabled', false);
  if (provider.disabled) return refuse(trail, 'provider_disabled', false);
  if (principal.status !== 'ENABLED') return refuse(trail, 'sp_disabled', false);
  if (!trust.sources.allows(sourceIp ?? '')) return refuse(trail, 'ip_not_allowed', false);
  return { trust, provider, principal };
}

/** A key that this process must fetch before it can go on. */
interface Fetching {
  readonly provider: Provider;
  readonly fetching: Promise<KeyLookup>;
}

/** A key that was fetched for exactly this version of the provider. */
interface Fetched {
  readonly provider: Provider;
  readonly lookup: KeyLookup;
}

/**
 * A fetch takes as long as the issuer likes, and the state may change meanwhile: everything is judged again afterwards,
 * so that nobody who was disabled in between gets a token (contract §7.3).
 */
async function judgeOnceFetched(
  deps: ExchangeDeps,
  parameters: Parameters,
  sourceIp: string | undefined,
  first: Fetching,
): Promise<Allowed | Refused> {
  let pending = first;
  for (;;) {
    const fetched = { provider: pending.provider, lookup: await pending.fetching };
    const decision = judge(deps, parameters, sourceIp, fetched);
    if (!('fetching' in decision)) return decision;
    pending = decision;
  }
}

/** One pass over the state as it is now, without a pause. */
function judge(
  deps: ExchangeDeps,
  { clientId, subjectToken }: Parameters,
  sourceIp: string | undefined,
  fetched?: Fetched,
): Allowed | Refused | Fetching {
  const { settings, clock, issuerKeys } = deps;
  const trail: Trail = { data: { client_id: clientIdForAudit(clientId) } };
  const route = findRoute(deps, clientId, sourceIp, trail);
  if ('reason' in route) return route;
  const { provider } = route;
  const decoded = decodeCompact(subjectToken);
  if (!decoded.ok) return refuse(trail, 'invalid_jwt_format', false, { detail: decoded.detail });
  const { token } = decoded;
  describeToken(token, trail);

  const misfit = firstFailure([
    () => checkFormat(token, provider, settings.issuer),
    () => checkIssuer(token, provider),
  ]);
  if (misfit !== undefined) return refuse(trail, misfit.reason, false, { detail: misfit.detail });

  // Keys are asked for only once algorithm and issuer fit: a stranger's token never causes a fetch (J6).
  const lookup =
    fetched?.provider === provider ? fetched.lookup : issuerKeys.find(provider, token.alg, token.kid);
  if (lookup instanceof Promise) return { provider, fetching: lookup };

  const unproven = firstFailure([
    () => checkKey(token, lookup),
    () => checkAudience(token, provider, settings.audiences),
  ]);
  if (unproven !== undefined) return refuse(trail, unproven.reason, false, { detail: unproven.detail });

  const failed = firstFailure([() => checkTimes(token, provider, clock.nowMs()), () => checkSubject(token)]);
  if (failed !== undefined) return refuse(trail, failed.reason, true, { detail: failed.detail });
  return decideCondition(deps, route, token, trail);
}

type Failure = Extract<CheckResult, { ok: false }>;

function firstFailure(checks: readonly (() => CheckResult)[]): Failure | undefined {
  for (const check of checks) {
    const result = check();
    if (!result.ok) return result;
  }
  return undefined;
}

function checkKey(token: DecodedToken, lookup: KeyLookup): CheckResult {
  if (lookup.state === 'unavailable') {
    return { ok: false, reason: 'jwks_unavailable', detail: lookup.detail };
  }
  if (lookup.state === 'unknown') {
    return { ok: false, reason: 'signature_invalid', detail: 'no key of the issuer fits kid and alg' };
  }
  return checkSignature(token, lookup.key);
}

/** What the audit keeps of a token: `iss`, `sub`, `jti`, never the token (threat A4). */
function describeToken({ payload }: DecodedToken, trail: Trail): void {
  const keep = (name: string, claim: string): void => {
    const value = payload[claim];
    if (typeof value === 'string') trail.data[name] = value.slice(0, 512);
  };
  keep('issuer', 'iss');
  keep('subject', 'sub');
  keep('token_jti', 'jti');
}

function decideCondition(
  deps: ExchangeDeps,
  route: Route,
  token: DecodedToken,
  trail: Trail,
): Allowed | Refused {
  const { condition } = route.trust;
  const normalized = normalizeClaims(token.payload);
  if (!normalized.ok) return refuse(trail, 'claims_too_complex', true, { detail: normalized.why });
  if (condition === undefined) return refuse(trail, 'condition_invalid', true);
  const decision = evaluate(condition, normalized.claims);
  if (!decision.allow) {
    const told = explain(condition, normalized.claims);
    const explanation = hidePersonalValues(told, (claim) => deps.isPersonalClaim(route.provider, claim));
    const detail = decision.code === 'CONDITION_ERROR' ? decision.cause : decision.code.toLowerCase();
    const failed = callerProjection(told);
    return refuse(trail, 'cel_condition_not_met', true, { detail, explanation, failed });
  }
  const roles = effectiveRoles(route.principal.roleIds, route.trust.trust.scopedRoleIds);
  if (!roles.ok) return refuse(trail, roles.reason, true);
  return allow(deps, route, token, roles.roleIds, trail);
}

function allow(
  { settings, isPersonalClaim }: ExchangeDeps,
  { trust, provider, principal }: Route,
  token: DecodedToken,
  roleIds: readonly string[],
  trail: Trail,
): Allowed {
  const { iss, sub } = token.payload;
  const passed = passthrough(token, trust.trust.passthroughClaims);
  const recorded = (claims: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [
        name,
        isPersonalClaim(provider, `claims.${name}`) ? hashPersonal(value) : value,
      ]),
    );
  return {
    allow: true,
    subject: { uid: principal.id, name: principal.displayName, type: 'Service' },
    clientId: String(trail.data['client_id']),
    roleIds,
    lifetimeSeconds: settings.exchangeTtlSeconds,
    claims: provider.replay === 'once' ? [replayClaim(provider, token)] : [],
    lostReason: 'token_replayed',
    extra: {
      ...(passed === undefined ? {} : { c1wfc: passed }),
      'urn:postern:origin': { providerId: provider.id, iss, sub },
    },
    data: passed === undefined ? trail.data : { ...trail.data, passthrough: recorded(passed) },
  };
}

/** String claims whose names the trust lists; the others are skipped (contract §7.7). */
function passthrough(token: DecodedToken, names: readonly string[]): Record<string, string> | undefined {
  if (names.length === 0) return undefined;
  const entries = names.flatMap((name) => {
    const value = Object.hasOwn(token.payload, name) ? token.payload[name] : undefined;
    const fits = typeof value === 'string' && Buffer.byteLength(value) <= maxPassthroughBytes;
    return fits ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * `jti`, or the signing input where the issuer sends none, bound to the provider row: two providers may carry one
 * issuer string. Never the raw token or its signature, which may have a second valid form (threats T6, T12).
 */
function replayClaim(provider: Provider, token: DecodedToken): Claim {
  const { jti, exp } = token.payload;
  const hasJti = typeof jti === 'string' && jti !== '';
  const digest = createHash('sha256')
    .update(provider.id)
    .update('\0')
    .update(hasJti ? jti : token.signingInput)
    .digest('base64url');
  return {
    id: `${hasJti ? 'subject-jti' : 'subject-input'}:${digest}`,
    expiresAtMs: (Number(exp) + replayMarginSeconds) * 1000,
  };
}
