import type { Journal } from '../journal/journal.ts';
import type { AuditEvent, JsonObject } from '../journal/model.ts';
import { catalogue, type ErrorCode, type ReasonCode } from '../kernel/error-catalogue.ts';
import { asGatewayError, GatewayError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Clock, Logger, Metrics } from '../kernel/ports.ts';
import { sentences } from '../policy/explain.ts';
import type { AccessTokens } from './access-token.ts';
import { type Grant, grantTypeForAudit, requiredParameter } from './grant.ts';
import type {
  Allowed,
  GrantDecision,
  Refused,
  TokenAnswer,
  TokenRequest,
  UnreadTokenRequest,
} from './model.ts';
import type { TokenSettings } from './ports.ts';
import type { RefusalSampling } from './refusal-sampling.ts';

interface IssueDeps {
  readonly grants: readonly Grant[];
  readonly accessTokens: AccessTokens;
  readonly journal: Pick<Journal, 'commit' | 'isConfirmed'>;
  readonly sampling: RefusalSampling;
  readonly settings: Pick<TokenSettings, 'explain'>;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Answers one request of the token endpoint; whatever happens, it answers. */
export type IssueToken = (request: UnreadTokenRequest) => Promise<TokenAnswer>;

type Arrival = Omit<TokenRequest, 'form'>;

const retryAfterSeconds = 5;

/**
 * The phases that every grant shares, so that none can skip one: parse → decide → one journal unit (one-time values and
 * the event) → sign → answer. A token exists only after its audit record is durable (security.md §1, rule 2).
 */
export function createIssueToken(deps: IssueDeps): IssueToken {
  const grants = new Map(deps.grants.map((grant) => [grant.urn, grant]));

  return async ({ readForm, ...arrival }) => {
    let grant: Grant | undefined;
    try {
      const request: TokenRequest = { ...arrival, form: await readForm() };
      const urn = requiredParameter(request.form, 'grant_type');
      grant = grants.get(urn);
      if (grant === undefined)
        throw new GatewayError('unsupported_grant_type', { detail: grantTypeForAudit(urn) });
      if (!deps.journal.isConfirmed()) throw new GatewayError('state_unconfirmed');
      const decision = await grant.decide(request);
      // Deciding may have waited for an issuer; the state must still be known to be current.
      if (!deps.journal.isConfirmed()) throw new GatewayError('state_unconfirmed');
      return decision.allow
        ? await issue(deps, grant, request, decision)
        : await refuse(deps, grant, request, decision);
    } catch (error) {
      return fail(deps, grant, arrival, error);
    }
  };
}

async function issue(
  deps: IssueDeps,
  grant: Grant,
  request: TokenRequest,
  decision: Allowed,
): Promise<TokenAnswer> {
  const jti = deps.ids.opaque();
  const event = eventOf(grant.name, request, decision, { access_token_jti: jti, roles: decision.roleIds });
  const outcome = await deps.journal.commit({ claims: decision.claims, events: [event] });
  if (outcome.state === 'lost') {
    const { subject, data, lostReason: reason } = decision;
    return refuse(deps, grant, request, { allow: false, reason, proven: true, subject, data });
  }
  deps.metrics.count('postern_token_requests_total', { grant: grant.name, result: 'issued' });
  return {
    status: 200,
    headers: {},
    body: {
      access_token: deps.accessTokens.sign(decision, jti, deps.clock.nowMs()),
      token_type: 'Bearer',
      expires_in: decision.lifetimeSeconds,
      ...grant.answer,
    },
  };
}

/** A proven refusal is durable before its answer; an unproven one is queued, since waiting would tell causes apart by time. */
async function refuse(
  deps: IssueDeps,
  grant: Grant,
  request: TokenRequest,
  decision: Refused,
): Promise<TokenAnswer> {
  const { reason, proven } = decision;
  const event = eventOf(grant.name, request, decision, refusalData(decision));
  deps.metrics.count('postern_token_requests_total', { grant: grant.name, result: 'refused' });
  const { oauth, status } = catalogue[reason];
  if (oauth !== 'refused') {
    deps.sampling.record(event);
    return answerError(request, reason, { status, headers: retryHeaders(status) });
  }
  const base: JsonObject = {
    error: grant.refusal.error,
    error_description: grant.refusal.description,
    request_id: request.requestId,
  };
  const answer = { status: grant.refusal.status, headers: challenge(grant, request) };
  if (!proven) {
    deps.sampling.record(event);
    return { ...answer, body: base };
  }
  const outcome = await deps.journal.commit({ events: [event] });
  if (deps.settings.explain === 'never' || outcome.state === 'lost') return { ...answer, body: base };
  const failed = decision.failed === undefined ? {} : { failed: decision.failed };
  return { ...answer, body: { ...base, reason, denial_id: outcome.uids[0], ...failed } };
}

function refusalData({ detail, explanation, proven }: Refused): JsonObject {
  return {
    proven,
    ...(detail === undefined ? {} : { detail }),
    ...(explanation === undefined ? {} : { explanation, sentences: sentences(explanation) }),
  };
}

/** RFC 6749 §5.2: a client that tried HTTP Basic is told so. */
function challenge(grant: Grant, { authorization }: TokenRequest): Record<string, string> {
  return grant.refusal.status === 401 && authorization !== undefined
    ? { 'WWW-Authenticate': 'Basic realm="postern"' }
    : {};
}

/** Malformed requests, an unavailable journal, and whatever nobody expected: one shape, no detail to the caller. */
function fail(deps: IssueDeps, grant: Grant | undefined, request: Arrival, error: unknown): TokenAnswer {
  const failure = asGatewayError(error);
  const { status } = failure.entry;
  const result = status < 500 ? 'malformed' : 'failed';
  deps.metrics.count('postern_token_requests_total', { grant: grant?.name ?? 'none', result });
  if (status >= 500) {
    deps.logger.error({ err: error, requestId: request.requestId }, 'token request failed');
  } else {
    const data = failure.detail === undefined ? {} : { detail: failure.detail };
    deps.sampling.record(
      eventOf(grant?.name ?? 'token_request', request, { allow: false, reason: failure.code, data }, {}),
    );
  }
  return answerError(request, failure.code, {
    status,
    headers: retryHeaders(status),
    description: failure.sentence,
  });
}

function retryHeaders(status: number): Record<string, string> {
  return status === 503 ? { 'Retry-After': String(retryAfterSeconds) } : {};
}

function answerError(
  request: Pick<TokenRequest, 'requestId'>,
  code: ErrorCode,
  answer: { status: number; headers: Readonly<Record<string, string>>; description?: string },
): TokenAnswer {
  const entry: { oauth?: string; sentence: string } = catalogue[code];
  return {
    status: answer.status,
    headers: answer.headers,
    body: {
      error: entry.oauth ?? 'invalid_request',
      error_description: answer.description ?? entry.sentence,
      request_id: request.requestId,
    },
  };
}

function eventOf(
  operation: string,
  request: Arrival,
  decision: Pick<GrantDecision, 'allow' | 'subject' | 'data'> & { readonly reason?: ReasonCode | ErrorCode },
  data: JsonObject,
): AuditEvent {
  const { subject, reason } = decision;
  return {
    kind: 'token',
    operation,
    activity: 'other',
    outcome: decision.allow ? 'success' : 'failure',
    ...(reason === undefined ? {} : { reason }),
    requestId: request.requestId,
    ...(request.sourceIp === undefined ? {} : { sourceIp: request.sourceIp }),
    ...(subject === undefined ? {} : { user: subject }),
    ...(subject?.type === 'Service' ? { principalId: subject.uid } : {}),
    data: { ...decision.data, ...data },
  };
}
