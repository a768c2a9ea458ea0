import type { Contestant } from './contestants.ts';
import { cpuMicroseconds, type Load } from './processes.ts';
import { summary } from './statistics.ts';

/** Closed loops by turns: what a request costs, in CPU time of the server's process. */

export interface Cost {
  /** CPU microseconds per request, one per round. */
  readonly microseconds: number[];
  /** Answers per second while it was this server's turn, one per round. */
  readonly perSecond: number[];
}

export interface Plan {
  readonly warmMs: number;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly connections: number;
}

/** Time in which a server finishes what it has put off, such as moving its write-ahead log. */
const settleMs = 1_200;

export async function runRounds(
  contestants: readonly Contestant[],
  load: Load,
  plan: Plan,
  onRound: (round: number) => void,
): Promise<ReadonlyMap<string, Cost>> {
  const costs = new Map(contestants.map(({ name }) => [name, { microseconds: [], perSecond: [] } as Cost]));
  const aim = ({ origin, name }: Contestant) => ({ origin, bodies: name, connections: plan.connections });
  for (const contestant of contestants) {
    await load.run({ kind: 'closed', ...aim(contestant), durationMs: plan.warmMs });
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    onRound(round);
    await settle();
    // From before the round to after it: work that a server puts off until it is idle counts as well.
    const before = contestants.map(({ pid }) => cpuMicroseconds(pid));
    const results = new Map<string, number>();
    for (const contestant of rotated(contestants, round)) {
      const result = await load.run({ kind: 'closed', ...aim(contestant), durationMs: plan.sliceMs });
      results.set(contestant.name, result.requests);
      costs.get(contestant.name)?.perSecond.push((result.requests / result.elapsedMs) * 1_000);
    }
    await settle();
    for (const [index, { name, pid }] of contestants.entries()) {
      const spent = cpuMicroseconds(pid) - (before[index] ?? 0);
      costs.get(name)?.microseconds.push(spent / (results.get(name) ?? 0));
    }
  }
  return costs;
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, settleMs));

const rotated = <T>(items: readonly T[], by: number): readonly T[] => {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
};

const mostSpread = 0.25;
const leastShare = 0.75;

/**
 * Whether the machine was busy with something else: F0, which hardly can vary, did, or servers that never wait for a disk
 * did not get their core. A core that is shared costs the larger program more, so that its ratios look worse than they are.
 */
export function wasRestless(costs: ReadonlyMap<string, Cost>): boolean {
  const echo = summary(costs.get('f0')?.microseconds ?? []);
  const shares = ['f1', 'memory'].map((name) => {
    const { microseconds = [], perSecond = [] } = costs.get(name) ?? {};
    return (summary(microseconds).median * summary(perSecond).median) / 1_000_000;
  });
  return (echo.q3 - echo.q1) / echo.median > mostSpread || Math.min(...shares) < leastShare;
}
