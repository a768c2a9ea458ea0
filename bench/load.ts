import { Agent, request } from 'node:http';
import { summary } from './statistics.ts';

/**
 * The load generator, a process of its own: it does what the benchmark's IPC messages say and answers each with a
 * `LoadResult`. Bodies are sent once and then named, so that no measurement pays for them.
 */

export type LoadOrder =
  | { readonly kind: 'bodies'; readonly name: string; readonly bodies: readonly string[] }
  | ({ readonly kind: 'closed' } & Aim)
  /** Request k starts at k ÷ rate, whether or not earlier ones were answered. */
  | ({ readonly kind: 'open'; readonly perSecond: number } & Aim);

interface Aim {
  readonly origin: string;
  /** Name of the bodies to send, one after another, again from the start at the end. */
  readonly bodies: string;
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Answers other than 2xx, and requests without an answer. */
  readonly failures: number;
  /** Up to the last answer. */
  readonly elapsedMs: number;
  /** Milliseconds, in an open loop from the scheduled instant. */
  readonly p50: number;
  readonly p99: number;
}

const bodies = new Map<string, readonly string[]>();
const agents = new Map<string, Agent>();
const positions = new Map<string, number>();

function agentFor({ origin, connections }: Aim): Agent {
  const name = `${origin}#${connections}`;
  const agent =
    agents.get(name) ?? new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  agents.set(name, agent);
  return agent;
}

/** Sends the next body; tells whether the answer was a success once it is there. */
function createSender(aim: Aim): (done: (isGood: boolean) => void) => void {
  const agent = agentFor(aim);
  const texts = bodies.get(aim.bodies) ?? [];
  const { hostname, port } = new URL(aim.origin);
  return (done) => {
    const position = positions.get(aim.bodies) ?? 0;
    positions.set(aim.bodies, position + 1);
    const body = texts[position % texts.length] ?? '';
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Content-Length': Buffer.byteLength(body),
    };
    const sent = request(
      { agent, hostname, port, method: 'POST', path: '/auth/v1/token', headers },
      (response) => {
        response.resume();
        response.once('end', () => done(response.statusCode === 200));
      },
    );
    sent.once('error', () => done(false));
    sent.end(body);
  };
}

function runClosed(aim: Aim): Promise<LoadResult> {
  const send = createSender(aim);
  const startedAt = performance.now();
  const latencies: number[] = [];
  let failures = 0;
  return new Promise((resolve) => {
    let open = aim.connections;
    const next = (): void => {
      const sentAt = performance.now();
      if (sentAt - startedAt >= aim.durationMs) {
        open -= 1;
        if (open === 0) resolve(result(latencies, failures, startedAt));
        return;
      }
      send((isGood) => {
        latencies.push(performance.now() - sentAt);
        if (!isGood) failures += 1;
        next();
      });
    };
    for (let connection = 0; connection < aim.connections; connection += 1) next();
  });
}

function runOpen(aim: Aim, perSecond: number): Promise<LoadResult> {
  const send = createSender(aim);
  const startedAt = performance.now();
  const total = Math.floor((aim.durationMs / 1_000) * perSecond);
  const latencies: number[] = [];
  let failures = 0;
  let fired = 0;
  return new Promise((resolve) => {
    const fire = (): void => {
      const dueAt = startedAt + (fired / perSecond) * 1_000;
      fired += 1;
      send((isGood) => {
        latencies.push(performance.now() - dueAt);
        if (!isGood) failures += 1;
        if (latencies.length === total) resolve(result(latencies, failures, startedAt));
      });
    };
    // Turns without a timer: a timer's millisecond would be counted as latency.
    const turn = (): void => {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond;
      while (fired < total && fired <= due) fire();
      if (fired < total) setImmediate(turn);
    };
    turn();
  });
}

function result(latencies: readonly number[], failures: number, startedAt: number): LoadResult {
  const { median, p99 } = summary(latencies);
  const elapsedMs = performance.now() - startedAt;
  return { requests: latencies.length, failures, elapsedMs, p50: median, p99 };
}

async function obey(order: LoadOrder): Promise<LoadResult | 'kept'> {
  switch (order.kind) {
    case 'bodies':
      bodies.set(order.name, order.bodies);
      return 'kept';
    case 'closed':
      return runClosed(order);
    case 'open':
      return runOpen(order, order.perSecond);
  }
}

process.on('message', (order: LoadOrder) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.once('disconnect', () => process.exit());
