import { Conflict, Unavailable } from '../kernel/errors.ts';
import type { ChainWriter } from './chain.ts';
import type { Follower } from './follower.ts';
import type { Flight } from './lane.ts';
import {
  type AuditEvent,
  type ChainedEvent,
  type ClaimRecord,
  type CommitOutcome,
  eventUid,
  type Unit,
} from './model.ts';
import type { JournalStore } from './ports.ts';
import type { Snapshot } from './snapshot.ts';

/** A unit on its way: its claims carry its own id, so that a duplicate can be told from a rival (rule 5). */
export interface Job {
  readonly unit: Unit;
  /** Set when the unit has claims. */
  readonly unitId: string;
  readonly claims: readonly ClaimRecord[];
}

type Flush = (jobs: readonly Job[], flight: Flight) => Promise<readonly (CommitOutcome | Error)[]>;

/** Seals at most once per flush, never after the flush was abandoned, and remembers what it sealed. */
function createSealer(chain: ChainWriter, flight: Flight) {
  let sealed: readonly ChainedEvent[] | undefined;
  const mustFly = (): void => {
    if (flight.isAbandoned) throw new Unavailable('the flush was abandoned');
  };
  return {
    seal: (events: readonly AuditEvent[]): readonly ChainedEvent[] => {
      mustFly();
      sealed ??= chain.seal(events);
      return sealed;
    },
    acknowledge: (): readonly ChainedEvent[] => {
      mustFly();
      if (sealed === undefined) throw new Error('the store sealed nothing');
      chain.acknowledge(sealed);
      return sealed;
    },
  };
}

/** Rule 3: claims first, losers leave, only then the remaining events are numbered and inserted. */
export function createTokenFlush(deps: { readonly store: JournalStore; readonly chain: ChainWriter }): Flush {
  const { store, chain } = deps;
  return async (jobs, flight) => {
    const sealer = createSealer(chain, flight);
    let lostUnitIds: ReadonlySet<string> = new Set();
    const winners = await store.flushTokens({
      claims: jobs.flatMap((job) => job.claims),
      seal: (lost) => {
        lostUnitIds = lost;
        const remaining = jobs.filter((job) => job.claims.length === 0 || !lost.has(job.unitId));
        return sealer.seal(remaining.flatMap((job) => job.unit.events));
      },
    });
    const uids = uidsOf(sealer.acknowledge());
    // Walks backwards, because a genesis record may stand in front.
    let end = uids.length;
    const outcomes = jobs.toReversed().map((job): CommitOutcome => {
      if (job.claims.length > 0 && lostUnitIds.has(job.unitId)) return lost(job, winners);
      const start = end - job.unit.events.length;
      const own = uids.slice(start, end);
      end = start;
      return { state: 'committed', uids: own };
    });
    return outcomes.reverse();
  };
}

/** Rule 6: one unit in one transaction; a lost race is the answer of the unit, not a failure of the flush. */
export function createManagementFlush(deps: {
  readonly store: JournalStore;
  readonly chain: ChainWriter;
  readonly follower: Follower;
  readonly snapshots: readonly Snapshot[];
}): Flush {
  const { store, chain, follower } = deps;
  const snapshots = new Map(deps.snapshots.map((snapshot) => [snapshot.kind, snapshot]));

  const commit = async ({ unit, claims }: Job, flight: Flight): Promise<CommitOutcome | Error> => {
    const changes = unit.changes ?? [];
    try {
      // A record that cannot be read back must not become durable: it would stop the next start.
      for (const change of changes) {
        if (change.op !== 'delete') snapshots.get(change.kind)?.parse(change.body);
      }
    } catch (error) {
      return new Error('a record of the unit cannot be read back', { cause: error });
    }
    const sealer = createSealer(chain, flight);
    const result = await store.commitManagement({ claims, changes, seal: () => sealer.seal(unit.events) });
    if (result.state === 'lost') return result;
    const uids = uidsOf(sealer.acknowledge());
    follower.apply(result.epoch, result.records);
    return { state: 'committed', uids: uids.slice(uids.length - unit.events.length) };
  };

  return async (jobs, flight) => {
    const answers: (CommitOutcome | Error)[] = [];
    for (const job of jobs) {
      const answer = commit(job, flight).catch((error: unknown) => {
        if (error instanceof Conflict) return error;
        throw error;
      });
      answers.push(await answer);
    }
    return answers;
  };
}

function uidsOf(records: readonly ChainedEvent[]): readonly string[] {
  return records.map((record) => eventUid(record.chain, record.number));
}

function lost(job: Job, winners: ReadonlyMap<string, ClaimRecord>): CommitOutcome {
  for (const claim of job.claims) {
    const winner = winners.get(claim.id);
    if (winner !== undefined && winner.unitId !== job.unitId) return { state: 'lost', winner };
  }
  throw new Error('the store named no winner of a lost claim');
}
