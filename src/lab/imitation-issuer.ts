import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Preset } from '../federation/presets.ts';
import type { Clock, RandomBytes, Scheduler } from '../kernel/ports.ts';
import { answerFaultily, type Fault } from './faults.ts';
import { createJobs } from './jobs.ts';
import { parseMintRequest, parseStartJobRequest, readBody } from './lab-requests.ts';
import { createMint, type Mint } from './minting.ts';
import { createSigningKeys } from './signing-keys.ts';

export interface ImitationIssuer {
  /** `http://127.0.0.1:<port>`; also the `iss` of its tokens. */
  readonly url: string;
  readonly preset: Preset;
  readonly mint: Mint;
  /** Spoils discovery and key set until set to `undefined`; minting goes on. */
  setFault(fault: Fault | undefined): void;
  close(): Promise<void>;
}

interface Deps {
  readonly preset: Preset;
  /** A free one unless given. */
  readonly port?: number;
  readonly profile: 'demo' | 'production';
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly random: RandomBytes;
  readonly scheduler: Scheduler;
}

/**
 * Starts an issuer that hands a token to everybody who asks: on the loopback address only, with keys of this start only,
 * and never in production, where it throws. Discovery and key set are served at the preset's paths; `POST /mint` mints one
 * token, `POST /jobs` starts a job and answers its environment variables, `GET /token` gives a job its token.
 */
export async function startImitationIssuer(deps: Deps): Promise<ImitationIssuer> {
  const { preset, profile, clock, random, scheduler } = deps;
  if (profile === 'production') {
    throw new Error('imitation issuers give a token to everybody who asks: they do not start in production');
  }
  const keys = await createSigningKeys({ preset, random });
  const server = createServer();
  const url = await listen(server, deps.port ?? 0);
  const mint = createMint({ preset, issuer: url, keys, clock, random });
  const routes = createRoutes({ preset, mint, random, url });
  const wellKnown = createWellKnown({ preset, mint, url });
  let fault: Fault | undefined;

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const target = URL.canParse(request.url ?? '', url) ? new URL(request.url ?? '', url) : undefined;
    // A web page that rebinds its own name to this address must not mint.
    if (target?.origin !== url || request.headers.host !== target.host) {
      send(response, { status: 421, body: { error: 'not served here' } });
      return;
    }
    const document = request.method === 'GET' ? wellKnown.get(target.pathname) : undefined;
    if (document !== undefined) {
      const honest = (): void => send(response, { status: 200, body: document() });
      if (fault === undefined) honest();
      else answerFaultily(fault, response, scheduler, target.pathname === preset.keys.jwksPath, honest);
      return;
    }
    const route = routes.get(`${request.method} ${target.pathname}`) ?? notFound;
    void answer(route, request, target.searchParams).then((result) => send(response, result));
  });

  return {
    url,
    preset,
    mint,
    setFault: (next) => {
      fault = next;
    },
    close: () => close(server),
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
type Route = (request: IncomingMessage, query: URLSearchParams) => Promise<Answer>;

interface Served {
  readonly preset: Preset;
  readonly mint: Mint;
  readonly url: string;
}

function createWellKnown({ preset, mint, url }: Served): ReadonlyMap<string, () => unknown> {
  const configuration = {
    issuer: url,
    jwks_uri: `${url}${preset.keys.jwksPath}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    scopes_supported: ['openid'],
    id_token_signing_alg_values_supported: preset.keys.algorithms,
    claims_supported: Object.keys(preset.claims).filter((path) => /^\w+$/.test(path)),
  };
  return new Map<string, () => unknown>([
    ['/.well-known/openid-configuration', () => configuration],
    [preset.keys.jwksPath, () => mint.keySet()],
  ]);
}

function createRoutes({
  preset,
  mint,
  random,
  url,
}: Served & Pick<Deps, 'random'>): ReadonlyMap<string, Route> {
  const jobs = createJobs({ preset, mint, random, tokenUrl: `${url}/token` });
  const { obtain } = preset.client;
  const routes = new Map<string, Route>();
  routes.set('POST /mint', async (request) => {
    const token = await mint.token(parseMintRequest(await readBody(request)));
    return { status: 200, body: { token } };
  });
  routes.set('POST /jobs', async (request) => {
    return { status: 200, body: await jobs.start(parseStartJobRequest(await readBody(request))) };
  });
  if (obtain.kind === 'http') {
    routes.set('GET /token', async ({ headers }, query) => {
      const [, bearer = ''] = /^bearer (\S+)$/i.exec(headers.authorization ?? '') ?? [];
      const token = await jobs.token(bearer, query.get(obtain.audienceParameter) ?? undefined);
      return token === undefined
        ? { status: 401, body: { error: 'no running job has this bearer' } }
        : { status: 200, body: { [obtain.member]: token } };
    });
  }
  return routes;
}

const notFound: Route = async () => ({ status: 404, body: { error: 'not found' } });

/** Callers are developers at their own machine: they read why a request makes no token. */
async function answer(route: Route, request: IncomingMessage, query: URLSearchParams): Promise<Answer> {
  try {
    return await route(request, query);
  } catch (error) {
    return { status: 400, body: { error: error instanceof Error ? error.message : 'bad request' } };
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}

async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}
