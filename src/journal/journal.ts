import type { Cancel, Clock, Logger, Metrics, RandomBytes, Scheduler } from '../kernel/ports.ts';
import { type ChainWriter, createChainWriter, type LaneName } from './chain.ts';
import { createManagementFlush, createTokenFlush, type Job } from './flush.ts';
import { createFollower } from './follower.ts';
import { createLane, type Lane } from './lane.ts';
import type { AuditEvent, CommitOutcome, Head, Unit } from './model.ts';
import type { EventSource, JournalStore, RecordSource } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

const maxUnitsPerFlush = 256;
const purgeEveryMs = 60_000;
/** How far back the chains of the previous start are looked for. */
const tailRecords = 500;

/** The one door to durable state: no feature changes anything without telling, and none can forget the epoch. */
export interface Journal {
  /**
   * Makes a unit durable as a whole, or not at all. Resolves `lost` when a claim belongs to somebody else; the caller
   * commits its refusal as a new unit. Throws `Conflict` (management) or `Unavailable`, after at most 2 s.
   */
  commit(unit: Unit): Promise<CommitOutcome>;
  /** Queues an event that nobody waits for: an unproven refusal. Dropped and counted when the store is unavailable. */
  record(event: AuditEvent): void;
  /** Reads all records into the snapshots, finds the chains of the previous start and begins to follow the epoch. */
  load(): Promise<void>;
  /** Whether the state was confirmed within the last 60 s (contract §7.3); if not, nothing may be issued or accepted. */
  isConfirmed(): boolean;
  /** Heads of all chains of this start, finished ones included. */
  heads(): readonly Head[];
  /** Commits what waits, then refuses. */
  close(): Promise<void>;
}

interface JournalDeps {
  readonly store: JournalStore;
  readonly records: RecordSource;
  readonly events: EventSource;
  readonly snapshots: readonly Snapshot[];
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function createJournal(deps: JournalDeps): Journal {
  const { store, clock, scheduler, random, logger, metrics } = deps;
  const startId = clock.nowMs().toString(16).padStart(12, '0') + random(4).toString('hex');
  const tokenChain = createChainWriter({ lane: 'token', startId, clock });
  const managementChain = createChainWriter({ lane: 'management', startId, clock });
  const follower = createFollower(deps);
  const ports = { clock, scheduler, logger, metrics };

  const tokens: Lane<Job, CommitOutcome> = createLane({
    ...ports,
    name: 'token',
    maxJobs: maxUnitsPerFlush,
    run: createTokenFlush({ store, chain: tokenChain }),
    onFailure: () => tokenChain.end(),
  });
  const management: Lane<Job, CommitOutcome> = createLane({
    ...ports,
    name: 'management',
    maxJobs: 1,
    run: createManagementFlush({ ...deps, chain: managementChain, follower }),
    onFailure: () => {
      managementChain.end();
      follower.catchUp();
    },
  });

  const jobOf = (unit: Unit): Job => {
    if (unit.claims === undefined || unit.claims.length === 0) return { unit, unitId: '', claims: [] };
    const unitId = random(16).toString('base64url');
    return { unit, unitId, claims: unit.claims.map((claim) => ({ ...claim, unitId })) };
  };

  const commit = (unit: Unit): Promise<CommitOutcome> => {
    const isChange = unit.changes !== undefined && unit.changes.length > 0;
    return (isChange ? management : tokens).submit(jobOf(unit));
  };

  const followPreviousStart = async (): Promise<void> => {
    const tail = await deps.events.page({ direction: 'desc', limit: tailRecords });
    const chains: readonly (readonly [LaneName, ChainWriter])[] = [
      ['token', tokenChain],
      ['management', managementChain],
    ];
    for (const [lane, writer] of chains) {
      const last = tail.items.find((event) => event.chain.endsWith(`-${lane}`));
      if (last !== undefined) writer.follow({ chain: last.chain, number: last.number, hash: last.hash });
    }
  };

  const purge = async (): Promise<void> => {
    try {
      while ((await store.purgeClaims(clock.nowMs())) > 0) {
        await new Promise<void>((resolve) => scheduler.soon(resolve));
      }
    } catch (error) {
      logger.warn({ err: error }, 'expired claims could not be purged');
    }
  };
  let stopPurging: Cancel = () => {};

  return {
    commit,
    record: (event) => {
      const drop = (): void => metrics.count('postern_journal_dropped_events_total');
      if (tokens.hasRoomToSpare()) commit({ events: [event] }).catch(drop);
      else drop();
    },
    load: async () => {
      await follower.start();
      await followPreviousStart();
      stopPurging = scheduler.every(purgeEveryMs, () => void purge());
    },
    isConfirmed: follower.isConfirmed,
    heads: () => [...managementChain.heads(), ...tokenChain.heads()],
    close: async () => {
      await Promise.all([tokens.close(), management.close()]);
      follower.stop();
      stopPurging();
    },
  };
}
