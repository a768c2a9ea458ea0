import type { Contestant } from './contestants.ts';
import type { Machine } from './machine.ts';
import type { Cost } from './rounds.ts';
import { type JudgedGoal, summary } from './statistics.ts';

/** Of an open loop, milliseconds, one value per slice. */
export interface Latency {
  readonly perSecond: number;
  readonly p50: number[];
  readonly p99: number[];
}

export interface Report {
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly isRestless: boolean;
  readonly cryptoFloor: { readonly mixed: number; readonly rs256: number };
  readonly costs: ReadonlyMap<string, Cost>;
  /** Cost of the yardstick named for it ÷ own cost, round by round. */
  readonly ratios: ReadonlyMap<string, readonly number[]>;
  readonly latencies: ReadonlyMap<string, Latency>;
  readonly goals: readonly JudgedGoal[];
}

const fixed = (value: number, digits: number): string => value.toFixed(digits);

/** The table for people. */
export function printReport(
  report: Report,
  contestants: readonly Pick<Contestant, 'name' | 'label'>[],
): void {
  const { machine, cryptoFloor, costs, ratios, latencies, goals } = report;
  const lines = [
    '',
    `Node ${machine.node}, OpenSSL ${machine.openssl}, ${machine.cpu} × ${machine.cores}, load ${machine.loadavg.map((value) => fixed(value, 1)).join(' ')}`,
    `server and load ${machine.isPinned ? 'on a core each' : 'NOT on cores of their own (no taskset)'}; ` +
      `fsync p50 ${fixed(machine.fsyncP50, 2)} ms${machine.isRealDisk ? '' : ', but NOT on a disk'}; ${report.rounds} rounds`,
    '',
    `${'CPU µs a request, 32 connections'.padEnd(46)}${['median', 'q1', 'q3', 'of F1', 'req/s'].map((head) => head.padStart(9)).join('')}`,
    row('crypto floor, three issuers', [fixed(cryptoFloor.mixed, 0)]),
    row('crypto floor, RS256', [fixed(cryptoFloor.rs256, 0)]),
    ...contestants.map(({ name, label }) => costRow(label, costs.get(name), ratios.get(name))),
    '',
    `${'latency in an open loop at 30 % of capacity'.padEnd(46)}${['p50 ms', 'p99 ms', 'req/s'].map((head) => head.padStart(9)).join('')}`,
    ...[...latencies].map(([name, { p50, p99, perSecond }]) =>
      row(contestants.find((contestant) => contestant.name === name)?.label ?? name, [
        fixed(summary(p50).median, 2),
        fixed(summary(p99).median, 2),
        fixed(perSecond, 0),
      ]),
    ),
    '',
    ...goals.map(goalRow),
    ...(report.isRestless
      ? ['The machine was busy with something else: no figure of time is conclusive.']
      : []),
    '',
  ];
  console.log(lines.join('\n'));
}

const row = (label: string, cells: readonly string[]): string =>
  `  ${label.padEnd(44)}${cells.map((cell) => cell.padStart(9)).join('')}`;

function costRow(label: string, cost: Cost | undefined, ratios: readonly number[] | undefined): string {
  if (cost === undefined) return row(label, []);
  const { median, q1, q3 } = summary(cost.microseconds);
  const ratio = ratios === undefined ? '' : fixed(summary(ratios).median, 2);
  return row(label, [
    ...[median, q1, q3].map((value) => fixed(value, 0)),
    ratio,
    fixed(summary(cost.perSecond).median, 0),
  ]);
}

function goalRow({ id, says, least, most, value, quartiles, verdict }: JudgedGoal): string {
  const target = least === undefined ? `≤ ${most}` : `≥ ${least}`;
  const [q1, q3] = quartiles;
  return `${id.padEnd(4)}${says.padEnd(44)}${target.padStart(7)}${fixed(value, 2).padStart(8)} (${fixed(q1, 2)}–${fixed(q3, 2)})  ${verdict}`;
}

/** The same for machines. */
export function toJson(report: Report, versions: Readonly<Record<string, string>>): string {
  const { date, machine, rounds, isRestless, cryptoFloor, costs, ratios, latencies, goals } = report;
  const { fsyncP50, ...rest } = machine;
  const medians = Object.fromEntries(
    [...costs].map(([name, { microseconds, perSecond }]) => [
      name,
      { microseconds: summary(microseconds).median, perSecond: summary(perSecond).median },
    ]),
  );
  const document = {
    date,
    ...rest,
    fsync: fsyncP50,
    versions,
    rounds,
    isRestless,
    cryptoFloor,
    medians,
    perRound: Object.fromEntries(costs),
    ratios: Object.fromEntries(ratios),
    latencies: Object.fromEntries(latencies),
    goals: goals.map(({ least, most, ...goal }) => ({ ...goal, target: least ?? most })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
