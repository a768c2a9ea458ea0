import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadResult } from './load.ts';

/** Processes of the benchmark: started on a core of their own where the system can, with their CPU time readable. */

const hasTaskset = ((): boolean => {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

export const isPinned = hasTaskset && process.platform === 'linux';

/** Load on core 0, servers on core 1. */
export const through = (core: 0 | 1): readonly string[] => (isPinned ? ['taskset', '-c', String(core)] : []);

/** Starts a script of this folder; its standard error is ours. */
function startScript(script: string, args: readonly string[], core: 0 | 1): ChildProcess {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const [command = '', ...rest] = [...through(core), process.execPath, '--import=tsx', path, ...args];
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
}

export interface Server {
  readonly origin: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

/** A script that prints its port once it listens. */
export async function startServerScript(
  script: string,
  args: readonly string[],
): Promise<Server & { child: ChildProcess }> {
  const child = startScript(script, args, 1);
  const ended = once(child, 'close');
  const [line] = await Promise.race([
    once(child.stdout ?? child, 'data'),
    ended.then(() => Promise.reject(new Error(`${script} ended before it listened`))),
  ]);
  const stop = (): Promise<unknown> => {
    child.kill();
    return ended;
  };
  return { child, origin: `http://127.0.0.1:${String(line).trim()}`, pid: child.pid ?? 0, stop };
}

/** CPU time of all threads of a process so far, microseconds. */
export function cpuMicroseconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
    return Number(text.split(' ', 1)[0]);
  });
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1_000;
}

export interface Load {
  keep(name: string, bodies: readonly string[]): Promise<void>;
  /** Rejects when any answer was not a success. */
  run(order: Exclude<LoadOrder, { readonly kind: 'bodies' }>): Promise<LoadResult>;
  stop(): void;
}

export function startLoad(): Load {
  const child = startScript('load.ts', [], 0);
  const tell = async (order: LoadOrder): Promise<unknown> => {
    const answered = once(child, 'message');
    child.send(order);
    const [answer] = await answered;
    return answer;
  };
  return {
    keep: async (name, bodies) => {
      await tell({ kind: 'bodies', name, bodies });
    },
    run: async (order) => {
      const result = (await tell(order)) as LoadResult;
      if (result.failures === 0) return result;
      throw new Error(`${result.failures} of ${result.requests} requests to ${order.bodies} failed`);
    },
    stop: () => void child.kill(),
  };
}
