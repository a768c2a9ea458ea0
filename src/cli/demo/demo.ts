import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../../client/api-client.ts';
import { createClientAssertion } from '../../client/client-assertion.ts';
import { type RunningGateway, readPresets, startGateway } from '../../compose.ts';
import { readSettings } from '../../config/read.ts';
import { type ImitationIssuer, startImitationIssuer } from '../../lab/imitation-issuer.ts';
import { createSystemRandom, systemClock, systemScheduler } from '../../system.ts';
import type { Host } from '../program.ts';
import { type Stage, setTheStage } from './cast.ts';
import { printInvitation } from './invitation.ts';
import { type Play, playScenes } from './scenes.ts';

const audience = '127.0.0.1';

/**
 * The main job from end to end, for somebody who sees Postern for the first time: the real gateway on a store of its own,
 * two imitation issuers, six scenes over HTTP. Stays up afterwards unless `once`; the exit status tells whether every
 * outcome was as it should be.
 */
export async function runDemo(
  host: Host,
  options: { readonly once: boolean; readonly port: string },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-demo-'));
  const forget = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const running: { close(): Promise<void> }[] = [{ close: forget }];
  const stop = async (): Promise<void> => {
    for (const part of running.splice(0).reverse()) await part.close();
  };
  host.onSignal(['SIGTERM', 'SIGINT'], () => void stop());
  try {
    const gateway = await startDemoGateway(folder, options.port);
    running.push(gateway);
    const [github, gitlab] = [await startIssuer('github-actions'), await startIssuer('gitlab-ci')];
    running.push(github, gitlab);
    const { failures, invite } = await perform(host, gateway, github, gitlab);
    host.exit(failures === 0 ? 0 : 1);
    if (options.once || failures > 0) return await stop();
    invite();
  } catch (error) {
    await stop();
    throw error;
  }
}

function startDemoGateway(folder: string, port: string): Promise<RunningGateway> {
  const result = readSettings(undefined, {
    profile: 'demo',
    'listen.port': port,
    'store.path': join(folder, 'postern.db'),
    'log.level': 'error',
    'shutdown.grace': '0s',
    'shutdown.drain': '2s',
    'providers.allowInsecureIssuers': 'true',
  });
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return startGateway(result.settings);
}

async function startIssuer(presetId: string): Promise<ImitationIssuer> {
  const preset = readPresets().get(presetId);
  if (preset === undefined) throw new Error(`no preset ${presetId}`);
  return startImitationIssuer({
    preset,
    profile: 'demo',
    clock: systemClock,
    random: createSystemRandom(),
    scheduler: systemScheduler,
  });
}

async function perform(
  host: Host,
  gateway: RunningGateway,
  github: ImitationIssuer,
  gitlab: ImitationIssuer,
): Promise<{ readonly failures: number; readonly invite: () => void }> {
  const { terminal } = host;
  const baseUrl = `http://127.0.0.1:${gateway.port}`;
  const api = createApiClient({ fetch: host.fetch, baseUrl });
  terminal.heading(`Postern at ${baseUrl}, embedded store, imitation issuers on this machine`);
  const stage = await setTheStage({
    api,
    bootstrapSecret: gateway.bootstrapSecret?.reveal() ?? '',
    githubIssuer: github.url,
    gitlabIssuer: gitlab.url,
    onDone: (what, result) => terminal.outcome(true, what, result),
  });
  const failures = await playScenes({ api, stage, terminal, ...props(host, gateway, stage, github, gitlab) });
  if (failures > 0) terminal.line(`${failures} outcomes were not as they should be.`);
  return {
    failures,
    invite: () => printInvitation(terminal, { baseUrl, stage, githubIssuer: github.url, audience }),
  };
}

/** Jobs get their tokens the way the platforms hand them over: by request with a bearer, or in a variable. */
function props(
  { fetch }: Host,
  gateway: RunningGateway,
  stage: Stage,
  github: ImitationIssuer,
  gitlab: ImitationIssuer,
): Pick<Play, 'githubJob' | 'gitlabJob' | 'signAssertion' | 'verifyAudit'> {
  const startJob = async (issuer: ImitationIssuer, job: object): Promise<Record<string, string>> => {
    const response = await fetch(`${issuer.url}/jobs`, { method: 'POST', body: JSON.stringify(job) });
    return (await response.json()) as Record<string, string>;
  };
  return {
    githubJob: async (claims) => {
      const env = await startJob(github, { claims });
      const url = `${env['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=${audience}`;
      const headers = { Authorization: `Bearer ${env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}` };
      const answer = (await (await fetch(url, { headers })).json()) as { value: string };
      return answer.value;
    },
    gitlabJob: async () => {
      const env = await startJob(gitlab, { id_tokens: { POSTERN_ID_TOKEN: { aud: audience } } });
      return String(env['POSTERN_ID_TOKEN']);
    },
    signAssertion: () =>
      createClientAssertion(
        { clock: systemClock, random: createSystemRandom() },
        { ...stage.credential, audience },
      ),
    verifyAudit: gateway.verifyAudit,
  };
}
