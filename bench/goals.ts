import type { Report } from './report.ts';
import type { Cost } from './rounds.ts';
import { type Goal, type JudgedGoal, judge, summary } from './statistics.ts';

/** What Postern promises, as ratios of one run. */

const mostMilliseconds = 3;

type Costs = ReadonlyMap<string, Cost>;

/** Contestant → the yardstick that does the same work. */
const yardsticks = {
  f0: 'f1',
  f1: 'f1',
  postern: 'f1',
  memory: 'f1',
  'oidc-provider': 'f1',
  'f1-rs256': 'f1-rs256',
  'postern-rs256': 'f1-rs256',
};

export const ratiosOf = (costs: Costs): Report['ratios'] =>
  new Map(Object.entries(yardsticks).map(([name, yardstick]) => [name, quotients(costs, yardstick, name)]));

/** Round by round, since only figures of one moment compare. */
function quotients(costs: Costs, above: string, below: string): readonly number[] {
  const divisors = costs.get(below)?.microseconds ?? [];
  return (costs.get(above)?.microseconds ?? []).map(
    (value, round) => value / (divisors[round] ?? Number.NaN),
  );
}

export interface Measured {
  readonly costs: Costs;
  readonly latencies: Report['latencies'];
  /** Audit rows per commit. */
  readonly rows: readonly number[];
}

export function judgeGoals({ costs, latencies, rows }: Measured, isRestless: boolean): readonly JudgedGoal[] {
  const { p50 = [], p99 = [] } = latencies.get('postern') ?? {};
  // Where even requests to the bare server wait, the machine stood still and latency says nothing about Postern.
  const hasStalled = isRestless || summary(latencies.get('f1')?.p99 ?? []).median > 10 * mostMilliseconds;
  const goals: readonly (readonly [Goal, readonly number[]])[] = [
    [{ id: 'G1', says: 'F1 ÷ Postern, three issuers', least: 0.65 }, quotients(costs, 'f1', 'postern')],
    [
      { id: 'G1', says: 'F1 ÷ Postern, RS256 only', least: 0.65 },
      quotients(costs, 'f1-rs256', 'postern-rs256'),
    ],
    [
      { id: 'G2', says: 'oidc-provider by secret ÷ Postern, RS256', least: 1.3 },
      quotients(costs, 'oidc-provider', 'postern-rs256'),
    ],
    [{ id: 'G4', says: 'durable audit ÷ memory store', most: 1.3 }, quotients(costs, 'postern', 'memory')],
    [{ id: 'G4', says: 'audit rows per commit, 32 connections', least: 10, isCount: true }, rows],
    [{ id: 'G5', says: 'p50 at 30 % of capacity, ms', most: mostMilliseconds }, p50],
    [
      { id: 'G5', says: 'p99 ÷ p50 at 30 % of capacity', most: 10 },
      p99.map((value, slice) => value / (p50[slice] ?? Number.NaN)),
    ],
  ];
  return goals.map(([goal, values]) => judge(goal, values, goal.id === 'G5' ? hasStalled : isRestless));
}
