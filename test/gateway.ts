/** A whole gateway in this process: fake time, fake randomness, a real HTTP server on a loopback port. */

import {
  type Agent,
  createServer,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  request,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway, type Gateway } from '../src/compose.ts';
import { loadSettings, type Settings } from '../src/config/load.ts';
import { EgressFailed } from '../src/kernel/errors.ts';
import type { Fetch } from '../src/kernel/ports.ts';
import { createMemoryStore } from '../src/store/memory/memory-store.ts';
import type { Store } from '../src/store/model.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import {
  createFakeClock,
  createFakeScheduler,
  type FakeClock,
  type FakeScheduler,
  seededRandom,
  settle,
} from './fakes.ts';

export interface RawRequest {
  readonly method?: string;
  /** Default: the token endpoint. */
  readonly path?: string;
  /** Sent as they are; a repeated name stays repeated. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Empty when the text is no JSON object. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type Form = Readonly<Record<string, string>>;

/** An OCSF object of the audit. */
export type AuditRecord = Readonly<Record<string, unknown>>;

interface Options {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly store?: Store;
  readonly clock?: FakeClock;
  readonly fetch?: Fetch;
  readonly seed?: number;
}

export interface TestGateway {
  /** Where it listens; `settings.publicUrl` is what it calls itself. */
  readonly origin: string;
  readonly settings: Settings;
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  readonly store: Store;
  readonly gateway: Gateway;
  /** Every line that was logged, debug included. */
  readonly log: readonly string[];
  send(request: RawRequest): Promise<Answer>;
  /** A form to the token endpoint, sent as any client sends it. */
  token(form: Form, headers?: RawRequest['headers']): Promise<Answer>;
  /** A management call; with a bearer token when one is given. */
  call(method: string, path: string, body?: unknown, accessToken?: string): Promise<Answer>;
  /** Audit records of a request, once there are any; empty when none appears. */
  auditOf(answer: Pick<Answer, 'headers'>): Promise<readonly AuditRecord[]>;
  /** All audit records so far. */
  audit(): Promise<readonly AuditRecord[]>;
  close(): Promise<void>;
}

export const bootstrapSecret = 'the-first-door-of-this-house';

const defaults = {
  profile: 'production',
  publicUrl: 'https://gateway.example',
  keys: { kek: 'env:KEK' },
  bootstrap: { secret: 'env:BOOTSTRAP' },
  store: { kind: 'memory' },
  // Attack tables send more than honest clients do; tests of the limits set their own.
  denials: { samplesPerMinute: 6000 },
  shutdown: { grace: '0s', drain: '0s' },
};

export function testSettings(overrides: Readonly<Record<string, unknown>> = {}): Settings {
  const result = loadSettings({
    env: { KEK: 'a-key-encryption-key-for-the-tests', BOOTSTRAP: bootstrapSecret },
    files: { folder: '', named: 'test.json' },
    readFile: (path) => (path === 'test.json' ? JSON.stringify({ ...defaults, ...overrides }) : undefined),
  });
  if (!result.ok) throw new Error(result.problems.join('; '));
  return result.settings;
}

const noNetwork: Fetch = async (url) => {
  throw new EgressFailed(`this test has no network: ${url}`);
};

/** Starts a gateway. In the `demo` profile its public URL is the loopback address where it listens. */
export async function startTestGateway(options: Options = {}): Promise<TestGateway> {
  const clock = options.clock ?? createFakeClock();
  const scheduler = createFakeScheduler(clock);
  const store = options.store ?? createMemoryStore();
  const log: string[] = [];
  const logger = createLogger({
    level: 'debug',
    pretty: false,
    destination: { write: (line) => void log.push(line) },
  });
  const server = createServer();
  // A test that fails before it closes its gateway must not keep the process.
  server.on('connection', (socket) => socket.unref());
  server.unref();
  const origin = await listen(server);
  const isDemo = options.settings?.['profile'] === 'demo';
  const settings = testSettings({ ...(isDemo ? { publicUrl: origin } : {}), ...options.settings });
  const gateway = await createGateway(settings, {
    clock,
    random: seededRandom(options.seed ?? 1),
    scheduler,
    logger,
    store,
    fetch: options.fetch ?? noNetwork,
  });
  server.on('request', gateway.app.callback());
  const agent = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  const send = (raw: RawRequest): Promise<Answer> => exchange(agent, origin, raw);

  return {
    origin,
    settings,
    clock,
    scheduler,
    store,
    gateway,
    log,
    send,
    token: (form, headers) => send(formRequest(form, headers)),
    call: (method, path, body, accessToken) => send(jsonRequest(method, path, body, accessToken)),
    auditOf: (answer) => findAudit(store, String(answer.headers['x-request-id'])),
    audit: async () => {
      await settle();
      const { items } = await store.events.page({ direction: 'asc', limit: 100_000 });
      return items.map((event) => JSON.parse(event.body) as AuditRecord);
    },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      const closed = gateway.close();
      await scheduler.advance(60_000);
      await closed;
    },
  };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

export const formType = ['Content-Type', 'application/x-www-form-urlencoded'] as const;

export function formRequest(form: Form, headers: RawRequest['headers'] = []): RawRequest {
  return { headers: [formType, ...headers], body: new URLSearchParams(form).toString() };
}

function jsonRequest(
  method: string,
  path: string,
  body: unknown,
  accessToken: string | undefined,
): RawRequest {
  const type = body === undefined ? [] : [['Content-Type', 'application/json'] as const];
  const bearer = accessToken === undefined ? [] : [['Authorization', `Bearer ${accessToken}`] as const];
  return {
    method,
    path,
    headers: [...type, ...bearer],
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}

function exchange(agent: Agent, origin: string, raw: RawRequest): Promise<Answer> {
  const { method = 'POST', path = '/auth/v1/token', headers = [], body } = raw;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const hasLength = body !== undefined || (method !== 'GET' && method !== 'HEAD');
  const length = hasLength ? [['Content-Length', String(Buffer.byteLength(body ?? ''))] as const] : [];
  const isFramed = names.has('content-length') || names.has('transfer-encoding');
  const sent = [['Host', new URL(origin).host] as const, ...headers, ...(isFramed ? [] : length)];
  return new Promise((resolve, reject) => {
    const outgoing = request(`${origin}${path}`, { agent, method, headers: sent.flat() }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text,
          body: jsonObject(text),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** An unproven refusal is queued behind its answer, so the record may still be on its way. */
async function findAudit(store: Store, requestId: string): Promise<readonly AuditRecord[]> {
  for (let turn = 0; turn < 50; turn += 1) {
    const events = await store.events.byRequest(requestId);
    if (events.length > 0) return events.map((event) => JSON.parse(event.body) as AuditRecord);
    await settle();
  }
  return [];
}
