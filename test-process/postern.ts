/** Postern as the operator runs it: a process of its own, driven by signals, its settings file and HTTP. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Secrets of these tests; the settings name the variables. */
export const secrets = {
  TEST_KEK: 'a-key-encryption-key-for-the-process-tests',
  TEST_BOOTSTRAP: 'the-first-door-of-this-house',
};

/** What clients see as the gateway's own host, wherever it listens. */
export const publicHost = 'postern.test';

const startDeadlineMs = 20_000;
const askAgainMs = 2;

export interface Place {
  readonly folder: string;
  readonly configFile: string;
  readonly storeFile: string;
  remove(): Promise<void>;
}

/** A temporary folder with a settings file of the production profile. */
export async function makePlace(settings: Readonly<Record<string, unknown>> = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-process-'));
  const configFile = join(folder, 'postern.json');
  const storeFile = join(folder, 'store', 'postern.db');
  const all = {
    publicUrl: `https://${publicHost}`,
    listen: { host: '127.0.0.1', port: 0 },
    store: { kind: 'sqlite', path: storeFile },
    keys: { kek: 'env:TEST_KEK' },
    bootstrap: { secret: 'env:TEST_BOOTSTRAP' },
    shutdown: { grace: '0s', drain: '2s' },
    ...settings,
  };
  await writeFile(configFile, JSON.stringify(all));
  return { folder, configFile, storeFile, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface Run {
  readonly child: ChildProcess;
  /** Standard output and error so far. */
  output(): string;
  /** Resolves with the exit status, or the name of the signal that ended the process. */
  readonly ended: Promise<number | string>;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Command and arguments that start the program, such as `taskset -c 1`. */
  readonly through?: readonly string[];
}

/** Runs the built program with an environment that holds nothing but what is given and `PATH`. */
export function run(args: readonly string[], options: RunOptions = {}): Run {
  const [command = process.execPath, ...rest] = [
    ...(options.through ?? []),
    process.execPath,
    program,
    ...args,
  ];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...secrets, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close').then(([status, signal]) => (status ?? signal) as number | string);
  return { child, output: () => output, ended };
}

export interface RunningPostern extends Run {
  readonly origin: string;
  readonly pid: number;
  /** From spawning the process to the first 200 of `/readyz`. */
  readonly readyAfterMs: number;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts the gateway and waits until it is ready. Rejects with everything it printed when it ends before. */
export async function startPostern(place: Place, options: RunOptions = {}): Promise<RunningPostern> {
  const startedAt = performance.now();
  const started = run(['serve', '--config', place.configFile], options);
  const { child, output, ended } = started;
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> => {
    child.kill(signal);
    return ended;
  };
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  while (performance.now() - startedAt < startDeadlineMs && !hasEnded) {
    const port = /"port":(\d+).*"listening"/.exec(output())?.[1];
    const origin = `http://127.0.0.1:${port}`;
    if (port !== undefined && (await statusOf(`${origin}/readyz`)) === 200) {
      return { ...started, origin, pid: child.pid ?? 0, readyAfterMs: performance.now() - startedAt, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
  await stop('SIGKILL');
  throw new Error(`the gateway did not become ready:\n${output()}`);
}

/** `undefined` when nobody answers. */
export async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}
