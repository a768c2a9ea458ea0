import { Unavailable } from '../kernel/errors.ts';
import type { Clock, Logger, Metrics, Scheduler } from '../kernel/ports.ts';
import { within } from './deadline.ts';

const maxWaiting = 1_024;
const deadlineMs = 2_000;
const probeEveryMs = 250;

/** One flush on its way to the store; abandoned when it failed or its deadline passed. */
export interface Flight {
  readonly isAbandoned: boolean;
}

/** A serial queue in front of the store: one flush in flight, everything that waits goes together in the next. */
export interface Lane<Job, Result> {
  /** Rejects with what `run` answered for the job, or with `Unavailable` within 2 s, queueing included. */
  submit(job: Job): Promise<Result>;
  /** Whether a job that nobody waits for may still queue: half of the places are kept for the others. */
  hasRoomToSpare(): boolean;
  /** Runs what waits, then refuses. */
  close(): Promise<void>;
}

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly dueMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

/**
 * @param deps.run Makes a batch durable. One answer per job, in order: a result, or the error of this job alone. A rejection
 *   fails the flush: its jobs and those that wait are `Unavailable`, and the lane is closed but for a probe each 250 ms.
 * @param deps.onFailure Called once per failed flush, before anybody learns of it.
 */
export function createLane<Job, Result>(deps: {
  readonly name: string;
  readonly maxJobs: number;
  readonly run: (jobs: readonly Job[], flight: Flight) => Promise<readonly (Result | Error)[]>;
  readonly onFailure: () => void;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Lane<Job, Result> {
  const { name, maxJobs, run, onFailure, clock, scheduler, logger, metrics } = deps;
  let waiting: Waiting<Job, Result>[] = [];
  let flight: Flight | undefined;
  let isScheduled = false;
  let isClosing = false;
  /** Set after a failure, until a flush succeeds: when the next probe may pass. */
  let probeAtMs: number | undefined;
  let onIdle: (() => void)[] = [];

  const refusal = (): string | undefined => {
    if (isClosing) return 'the journal is closed';
    if (probeAtMs !== undefined) {
      const isBusy = flight !== undefined || waiting.length > 0;
      return isBusy || clock.monotonicMs() < probeAtMs ? 'the store failed a moment ago' : undefined;
    }
    return waiting.length >= maxWaiting ? 'too many units wait for the store' : undefined;
  };

  const schedule = (): void => {
    if (isScheduled || flight !== undefined) return;
    isScheduled = true;
    // One turn of the event loop: whatever arrives in it travels together.
    scheduler.soon(flush);
  };

  const takeBatch = (nowMs: number): readonly Waiting<Job, Result>[] => {
    const expired = waiting.findIndex((unit) => unit.dueMs > nowMs);
    const late = waiting.splice(0, expired === -1 ? waiting.length : expired);
    for (const unit of late) unit.reject(new Unavailable('the store was busy for too long'));
    return waiting.splice(0, maxJobs);
  };

  const flush = (): void => {
    isScheduled = false;
    const nowMs = clock.monotonicMs();
    const batch = takeBatch(nowMs);
    const [oldest] = batch;
    if (oldest === undefined) {
      proceed();
      return;
    }
    const own = { isAbandoned: false };
    flight = own;
    const jobs = batch.map((unit) => unit.job);
    // Everybody behind the oldest is due later, so this one deadline bounds the wait of all.
    within(scheduler, oldest.dueMs - nowMs, run(jobs, own)).then(
      (answers) => succeed(batch, answers),
      (cause: unknown) => {
        own.isAbandoned = true;
        fail(batch, cause);
      },
    );
  };

  const succeed = (batch: readonly Waiting<Job, Result>[], answers: readonly (Result | Error)[]): void => {
    flight = undefined;
    if (probeAtMs !== undefined) logger.info({ lane: name }, 'the store answers again');
    probeAtMs = undefined;
    metrics.count('postern_journal_flushes_total', { lane: name, outcome: 'success' });
    metrics.count('postern_journal_units_total', { lane: name }, batch.length);
    for (const [index, unit] of batch.entries()) {
      const answer = answers[index];
      if (answer instanceof Error) unit.reject(answer);
      else unit.resolve(answer as Result);
    }
    proceed();
  };

  const fail = (batch: readonly Waiting<Job, Result>[], cause: unknown): void => {
    flight = undefined;
    probeAtMs = clock.monotonicMs() + probeEveryMs;
    onFailure();
    logger.error({ lane: name, units: batch.length, waiting: waiting.length, err: cause }, 'a flush failed');
    metrics.count('postern_journal_flushes_total', { lane: name, outcome: 'failure' });
    const refused = [...batch, ...waiting];
    waiting = [];
    for (const unit of refused) unit.reject(new Unavailable('the store failed', { cause }));
    proceed();
  };

  const proceed = (): void => {
    if (waiting.length > 0) {
      schedule();
      return;
    }
    for (const done of onIdle) done();
    onIdle = [];
  };

  return {
    hasRoomToSpare: () => waiting.length < maxWaiting / 2,
    submit: (job) => {
      const reason = refusal();
      if (reason !== undefined) return Promise.reject(new Unavailable(reason));
      return new Promise<Result>((resolve, reject) => {
        waiting.push({ job, dueMs: clock.monotonicMs() + deadlineMs, resolve, reject });
        schedule();
      });
    },
    close: async () => {
      isClosing = true;
      if (flight === undefined && waiting.length === 0) return;
      await new Promise<void>((resolve) => onIdle.push(resolve));
    },
  };
}
