import type { Preset } from '../federation/presets.ts';
import type { RandomBytes } from '../kernel/ports.ts';
import type { StartJobRequest } from './lab-requests.ts';
import type { Mint } from './minting.ts';
import type { JobRequest } from './sample-claims.ts';

export interface Jobs {
  /** Starts a job; returns the environment variables by which the platform's client code finds its token. */
  start(request: StartJobRequest): Promise<Readonly<Record<string, string>>>;
  /** A fresh token of the job that holds this bearer; `undefined` if no job does. */
  token(bearer: string, audience: string | undefined): Promise<string | undefined>;
}

interface Deps {
  readonly preset: Preset;
  readonly mint: Mint;
  readonly random: RandomBytes;
  /** Where jobs ask for their tokens, without a query. */
  readonly tokenUrl: string;
}

const maxJobs = 1_000;

/** Hands tokens over as the platform does (issuers.md §5), so that unmodified client code runs against the imitation. */
export function createJobs({ preset, mint, random, tokenUrl }: Deps): Jobs {
  const { detect, obtain } = preset.client;
  const running = new Map<string, JobRequest>();
  const detected = Object.fromEntries(detect.map((name) => [name, 'true']));

  const hire = (job: JobRequest): string => {
    const bearer = random(32).toString('base64url');
    const [oldest] = running.keys();
    if (running.size >= maxJobs && oldest !== undefined) running.delete(oldest);
    running.set(bearer, job);
    return bearer;
  };

  const variables = async ({ id_tokens, audience, ...job }: StartJobRequest, names: readonly string[]) => {
    const usual = names.map((name) => [name, audience] as const);
    const asked = id_tokens && Object.entries(id_tokens).map(([name, { aud }]) => [name, aud] as const);
    const tokens = (asked ?? usual).map(async ([name, aud]) => {
      return [name, await mint.token(aud === undefined ? job : { ...job, audience: aud })] as const;
    });
    return Object.fromEntries(await Promise.all(tokens));
  };

  return {
    start: async (request) => {
      const job = { ...request, claims: { ...mint.jobClaims(request), ...request.claims } };
      if (obtain.kind === 'env') return { ...detected, ...(await variables(job, obtain.variables)) };
      if (obtain.kind !== 'http') throw new Error(`the imitation of ${preset.id} only mints`);
      // Client code appends `&audience=…`, so the address must carry a query already.
      const address = `${tokenUrl}?job=${random(4).toString('hex')}`;
      return { ...detected, [obtain.urlVariable]: address, [obtain.bearerVariable]: hire(job) };
    },
    token: async (bearer, audience) => {
      const job = running.get(bearer);
      return job && mint.token(audience === undefined ? job : { ...job, audience });
    },
  };
}
