/** Fakes of the kernel's ports: time that tests move by hand, randomness that repeats, a silent log, readable counts. */

import type { Cancel, Clock, Logger, Metrics, RandomBytes, Scheduler } from '../src/kernel/ports.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks forward; runs no task (that is `FakeScheduler.advance`). */
  advance(ms: number): void;
  /** Steps the wall clock alone, as an administrator or NTP would. */
  setNow(epochMs: number): void;
}

export function createFakeClock(startMs: number = Date.UTC(2026, 0, 15, 12)): FakeClock {
  let now = startMs;
  let monotonic = 1_000;
  return {
    nowMs: () => now,
    monotonicMs: () => monotonic,
    advance: (ms) => {
      now += ms;
      monotonic += ms;
    },
    setNow: (epochMs) => {
      now = epochMs;
    },
  };
}

export interface FakeScheduler extends Scheduler {
  /** Moves the clock and runs what becomes due, in order of time; lets promises settle after each task. */
  advance(ms: number): Promise<void>;
  /** How many timers wait: a closed component leaves none. */
  readonly pending: number;
}

interface Timer {
  readonly task: () => void;
  readonly everyMs: number | undefined;
  dueMs: number;
}

/** Timers fire only in `advance`; `soon` is the real `setImmediate`, so that plain awaiting works. */
export function createFakeScheduler(clock: FakeClock): FakeScheduler {
  const timers = new Set<Timer>();

  const add = (delayMs: number, everyMs: number | undefined, task: () => void): Cancel => {
    const timer: Timer = { task, everyMs, dueMs: clock.monotonicMs() + delayMs };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  };

  const earliest = (untilMs: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs <= untilMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  };

  const advance = async (ms: number): Promise<void> => {
    const untilMs = clock.monotonicMs() + ms;
    await settle();
    for (let timer = earliest(untilMs); timer !== undefined; timer = earliest(untilMs)) {
      clock.advance(Math.max(0, timer.dueMs - clock.monotonicMs()));
      if (timer.everyMs === undefined) timers.delete(timer);
      else timer.dueMs += timer.everyMs;
      timer.task();
      await settle();
    }
    clock.advance(Math.max(0, untilMs - clock.monotonicMs()));
    await settle();
  };

  return {
    after: (delayMs, task) => add(delayMs, undefined, task),
    every: (intervalMs, task) => add(intervalMs, intervalMs, task),
    soon: (task) => {
      setImmediate(task);
    },
    advance,
    get pending() {
      return timers.size;
    },
  };
}

/** Lets everything run that waits for no timer: promises, and a few turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Numbers in [0, 1) that repeat for a seed (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** "Random" bytes that repeat for a seed. */
export function seededRandom(seed: number): RandomBytes {
  const next = seededNumbers(seed);
  return (size) => Buffer.from(Array.from({ length: size }, () => Math.floor(next() * 256)));
}

const ignore = (): void => {};
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export interface CountingMetrics extends Metrics {
  /** Sum of a counter over all its labels, or over those that carry the given ones. */
  counted(name: string, labels?: Readonly<Record<string, string>>): number;
  /** Last value of a gauge. */
  gauged(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

export function countingMetrics(): CountingMetrics {
  const counters: Sample[] = [];
  const gauges: Sample[] = [];

  const matches = (sample: Sample, name: string, labels: Readonly<Record<string, string>>): boolean =>
    sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value);

  return {
    count: (name, labels = {}, by = 1) => {
      counters.push({ name, labels, value: by });
    },
    gauge: (name, value, labels = {}) => {
      gauges.push({ name, labels, value });
    },
    counted: (name, labels = {}) =>
      counters
        .filter((sample) => matches(sample, name, labels))
        .reduce((sum, sample) => sum + sample.value, 0),
    gauged: (name, labels = {}) => gauges.findLast((sample) => matches(sample, name, labels))?.value,
  };
}
