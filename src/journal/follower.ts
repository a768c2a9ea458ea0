import type { Cancel, Clock, Logger, Scheduler } from '../kernel/ports.ts';
import { within } from './deadline.ts';
import type { RecordState } from './model.ts';
import type { RecordSource } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

const lookEveryMs = 1_000;
const lookDeadlineMs = 2_000;
const loadDeadlineMs = 60_000;
const leaseMs = 60_000;

/** Keeps the snapshots at the store's epoch, and knows when it last was sure of that (security rule 4). */
export interface Follower {
  /** Reads everything once, then looks for newer records each second. Rejects when a record cannot be read. */
  start(): Promise<void>;
  /** Takes over a commit of this process, before its answer is given (rule 10). */
  apply(epoch: number, records: readonly RecordState[]): void;
  /** Looks now: the outcome of a commit is unknown. */
  catchUp(): void;
  isConfirmed(): boolean;
  stop(): void;
}

export function createFollower(deps: {
  readonly records: RecordSource;
  readonly snapshots: readonly Snapshot[];
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}): Follower {
  const { records, clock, scheduler, logger } = deps;
  const snapshots = new Map(deps.snapshots.map((snapshot) => [snapshot.kind, snapshot]));
  /** Everything up to here is in the snapshots. */
  let epoch = 0;
  let confirmedAtMs: number | undefined;
  let isLooking = false;
  /** Set when something may have changed that the look under way did not ask for. */
  let isStale = false;
  let isFailing = false;
  let stopPolling: Cancel = () => {};

  const applyAll = (states: readonly RecordState[]): void => {
    for (const state of states) snapshots.get(state.kind)?.apply(state);
  };

  const read = async (limitMs: number): Promise<void> => {
    // The state is as fresh as the question, not as the answer.
    const askedAtMs = clock.monotonicMs();
    const changed = await within(scheduler, limitMs, records.changedSince(epoch));
    applyAll(changed.records);
    epoch = Math.max(epoch, changed.epoch);
    confirmedAtMs = askedAtMs;
  };

  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    do {
      isStale = false;
      try {
        await read(lookDeadlineMs);
        if (isFailing) logger.info({ epoch }, 'the state is confirmed again');
        isFailing = false;
      } catch (error) {
        if (!isFailing) logger.error({ err: error }, 'the state cannot be confirmed');
        isFailing = true;
      }
    } while (isStale && !isFailing);
    isLooking = false;
  };

  return {
    start: async () => {
      await read(loadDeadlineMs);
      stopPolling = scheduler.every(lookEveryMs, () => void look());
    },
    apply: (committedEpoch, states) => {
      applyAll(states);
      // A gap holds commits of other processes: the next look reads them.
      if (committedEpoch === epoch + 1) epoch = committedEpoch;
    },
    catchUp: () => {
      isStale = true;
      void look();
    },
    isConfirmed: () => confirmedAtMs !== undefined && clock.monotonicMs() - confirmedAtMs < leaseMs,
    stop: () => stopPolling(),
  };
}
