import type { ApiAnswer, ApiClient } from '../../client/api-client.ts';
import type { Terminal } from '../terminal.ts';
import type { Stage } from './cast.ts';

/** The six scenes of the demonstration. Each really happens over HTTP; each says whether it came out as it should. */

interface AuditReport {
  readonly ok: boolean;
  readonly records: number;
  readonly chains: number;
  readonly checkpoints: number;
}

export interface Play {
  readonly api: ApiClient;
  readonly stage: Stage;
  readonly terminal: Terminal;
  /** A token of the imitation platform for a job with these claims. */
  readonly githubJob: (claims: Readonly<Record<string, string>>) => Promise<string>;
  readonly gitlabJob: () => Promise<string>;
  readonly signAssertion: () => string;
  readonly verifyAudit: () => Promise<AuditReport>;
}

/** Runs the scenes in order. Resolves with the number of outcomes that were not as they should be. */
export async function playScenes(play: Play): Promise<number> {
  const { terminal } = play;
  let failures = 0;
  const judge = (isGood: boolean, what: string, result: string): void => {
    if (!isGood) failures += 1;
    terminal.outcome(isGood, what, result);
  };
  const live = await exchangeFromGithub(play, judge);
  await exchangeFromGitlab(play, judge);
  await refuseTheWrongRepository(play, judge);
  await useTheCredential(play, judge);
  await disableThePrincipal(play, judge, live);
  await readTheAudit(play, judge);
  return failures;
}

type Judge = (isGood: boolean, what: string, result: string) => void;

const productionJob = { ref: 'refs/heads/main', environment: 'production' };

const exchange = (api: ApiClient, clientId: string, subjectToken: string): Promise<ApiAnswer> =>
  api.token({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    client_id: clientId,
    subject_token: subjectToken,
  });

const introspect = (api: ApiClient, token: string): Promise<ApiAnswer> =>
  api.withToken(token).call('GET', '/api/v1/auth/introspect');

const isIssued = ({ status, body }: ApiAnswer): boolean => status === 200 && body['token_type'] === 'Bearer';
const tokenOf = ({ body }: ApiAnswer): string => String(body['access_token'] ?? '');

function judgeToken({ terminal }: Play, judge: Judge, answer: ApiAnswer): void {
  judge(
    isIssued(answer),
    'POST /auth/v1/token',
    `${answer.status}, a token for ${answer.body['expires_in']} s`,
  );
  const [, payload = ''] = tokenOf(answer).split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}');
  terminal.detail('roles', JSON.stringify(claims.roles));
  if (claims.c1wfc !== undefined) terminal.detail('claims passed through', JSON.stringify(claims.c1wfc));
}

async function judgeUse(play: Play, judge: Judge, token: string): Promise<void> {
  const { status, body } = await introspect(play.api, token);
  const isRight = status === 200 && body['userId'] === play.stage.principalId;
  judge(isRight, 'GET /api/v1/auth/introspect', `${status}, ${body['principleId'] ?? 'nobody'}`);
}

async function exchangeFromGithub(play: Play, judge: Judge): Promise<string> {
  play.terminal.heading('(a) A GitHub Actions job of acme/infra, on main, environment production');
  const answer = await exchange(play.api, play.stage.githubTrust, await play.githubJob(productionJob));
  judgeToken(play, judge, answer);
  await judgeUse(play, judge, tokenOf(answer));
  return tokenOf(answer);
}

async function exchangeFromGitlab(play: Play, judge: Judge): Promise<void> {
  play.terminal.heading('(b) A GitLab CI job of acme/infra, on a protected branch');
  const answer = await exchange(play.api, play.stage.gitlabTrust, await play.gitlabJob());
  judgeToken(play, judge, answer);
  await judgeUse(play, judge, tokenOf(answer));
}

async function refuseTheWrongRepository(play: Play, judge: Judge): Promise<void> {
  const { terminal, api, stage } = play;
  terminal.heading('(c) A job of another repository, with a perfectly valid token');
  const job = { ...productionJob, repository: 'mallory/infra', repository_id: '99000066' };
  const { status, body } = await exchange(api, stage.githubTrust, await play.githubJob(job));
  const isRefused = status === 400 && body['reason'] === 'cel_condition_not_met';
  judge(isRefused, 'POST /auth/v1/token', `${status} ${body['error']}, ${body['reason']}`);
  for (const value of ownValues(body['failed'])) terminal.detail('what the job sees: its own value', value);

  const denial = await stage.owner.call('GET', `/api/v1/denials/${body['denial_id']}`);
  const { sentences = [] } = (denial.body['unmapped'] ?? {}) as { sentences?: readonly string[] };
  judge(
    denial.status === 200 && sentences.length > 0,
    'GET /api/v1/denials/{denial_id}, as Olga',
    `${denial.status}`,
  );
  terminal.detail('what the owner sees: the rule too', sentences[0] ?? '');
  for (const sentence of sentences.slice(1)) terminal.detail('', sentence);
}

interface Failed {
  readonly test: string;
  readonly claims: readonly { readonly claim: string; readonly value?: unknown }[];
}

/** `repository_id = "99000066"  (equals)`: never what was expected. */
const ownValues = (failed: unknown): readonly string[] =>
  ((failed ?? []) as readonly Failed[]).flatMap(({ test, claims }) =>
    claims.map(({ claim, value }) => `✗ ${claim} = ${JSON.stringify(value)}   (${test})`),
  );

async function useTheCredential(play: Play, judge: Judge): Promise<void> {
  const { api, stage, terminal } = play;
  const { clientId, secret } = stage.credential;
  terminal.heading('(d) The legacy box, which has no platform token');
  const bySecret = await api.token({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
  });
  judge(
    isIssued(bySecret),
    'client_credentials by secret',
    `${bySecret.status}, a token for ${bySecret.body['expires_in']} s`,
  );
  const assertion = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: play.signAssertion(),
  };
  const byAssertion = await api.token(assertion);
  judge(
    isIssued(byAssertion),
    'client_credentials by signed assertion',
    `${byAssertion.status}, a token for ${byAssertion.body['expires_in']} s`,
  );
  const again = await api.token(assertion);
  judge(
    again.status === 401,
    'the same assertion once more',
    `${again.status} ${again.body['error']}, ${again.body['reason']}`,
  );
}

async function disableThePrincipal(play: Play, judge: Judge, live: string): Promise<void> {
  const { api, stage, terminal } = play;
  const set = (status: string): Promise<ApiAnswer> =>
    stage.owner.call('PATCH', `/api/v1/service_principals/${stage.principalId}`, {
      servicePrincipal: { user: { status } },
      updateMask: 'user.status',
    });
  terminal.heading('(e) Olga disables the principal while its token from (a) is still alive');
  const disabled = await set('DISABLED');
  judge(disabled.status === 200, 'PATCH /api/v1/service_principals/{id}', `${disabled.status}`);
  const used = await introspect(api, live);
  judge(
    used.status === 401,
    'the live token',
    `${used.status} ${String(used.body['message']).split(' (')[0]}`,
  );
  const fresh = await exchange(api, stage.githubTrust, await play.githubJob(productionJob));
  judge(
    fresh.status === 400 && fresh.body['reason'] === undefined,
    'a new exchange',
    `${fresh.status} ${fresh.body['error']}`,
  );
  const enabled = await set('ENABLED');
  const back = await introspect(api, live);
  judge(enabled.status === 200 && back.status === 200, 'enabled again, the token of (a)', `${back.status}`);
}

async function readTheAudit(play: Play, judge: Judge): Promise<void> {
  const { stage, terminal } = play;
  terminal.heading('(f) What the audit says of all this');
  const log = await stage.admin.call('POST', '/api/v1/systemlog/events', {
    pageSize: 100,
    sortDirection: 'SORT_DIRECTION_ASC',
  });
  const events = (log.body['list'] ?? []) as readonly Record<string, unknown>[];
  for (const event of events.filter(isTold)) terminal.detail(nameOf(event), outcomeOf(event));
  const setUp = events.filter((event) => !isTold(event)).length;
  terminal.detail(`and ${setUp} of setting the stage`, '');
  const refusals = events.filter((event) => event['status_detail'] === 'cel_condition_not_met');
  judge(
    log.status === 200 && refusals.length === 1,
    'POST /api/v1/systemlog/events',
    `${events.length} records`,
  );
  const report = await play.verifyAudit();
  const found = `${report.records} records in ${report.chains} chains, ${report.ok ? 'none' : 'SOME'} altered or missing`;
  judge(report.ok && report.records >= events.length, 'hash chains verified', found);
}

/** The story begins with the first token request of a job; what came before was set-up. */
const isTold = (event: Record<string, unknown>): boolean =>
  event['class_uid'] === 3002 || nameOf(event) === 'ServicePrincipalService/Update';

function nameOf(event: Record<string, unknown>): string {
  const { operation } = (event['api'] ?? {}) as { operation?: string };
  return operation ?? String(event['activity_name']);
}

function outcomeOf(event: Record<string, unknown>): string {
  const { user, actor } = event as { user?: { name: string }; actor?: { user?: { name: string } } };
  const who = user?.name ?? actor?.user?.name ?? '';
  const outcome = event['status_id'] === 1 ? 'success' : `refused: ${event['status_detail']}`;
  const { subject = '' } = (event['unmapped'] ?? {}) as { subject?: string };
  return `${who.padEnd(12)} ${outcome.padEnd(31)} ${subject}`.trimEnd();
}
