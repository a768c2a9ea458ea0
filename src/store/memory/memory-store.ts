import type { ClaimRecord } from '../../journal/model.ts';
import type { JournalStore } from '../../journal/ports.ts';
import type { Store } from '../model.ts';
import { createMemoryEvents } from './memory-events.ts';
import { createMemoryRecords } from './memory-records.ts';

const purgedAtOnce = 1_000;

/** The reference adapter: nothing survives the process, everything else is as with a database. */
export function createMemoryStore(): Store {
  const claims = new Map<string, ClaimRecord>();
  const events = createMemoryEvents();
  const records = createMemoryRecords();

  /** Takes the claim, unless it is held: then the record of its holder, or nothing when that is the unit itself (rule 5). */
  const take = (claim: ClaimRecord): ClaimRecord | undefined => {
    const rival = rivalOf(claim);
    if (!claims.has(claim.id)) claims.set(claim.id, claim);
    return rival;
  };

  const rivalOf = (claim: ClaimRecord): ClaimRecord | undefined => {
    const holder = claims.get(claim.id);
    return holder?.unitId === claim.unitId ? undefined : holder;
  };

  const journal: JournalStore = {
    flushTokens: async (batch) => {
      const winners = new Map<string, ClaimRecord>();
      const lostUnitIds = new Set<string>();
      for (const claim of batch.claims) {
        const winner = take(claim);
        if (winner === undefined) continue;
        winners.set(claim.id, winner);
        lostUnitIds.add(claim.unitId);
      }
      events.append(batch.seal(lostUnitIds));
      return winners;
    },
    commitManagement: async (unit) => {
      for (const claim of unit.claims) {
        const winner = rivalOf(claim);
        if (winner !== undefined) return { state: 'lost', winner };
      }
      const changed = records.change(unit.changes, () => events.append(unit.seal()));
      for (const claim of unit.claims) take(claim);
      return { state: 'committed', ...changed };
    },
    appendCheckpoint: async (checkpoint) => events.appendCheckpoint(checkpoint),
    purgeClaims: async (expiredBeforeMs) => {
      let purged = 0;
      for (const claim of claims.values()) {
        if (purged === purgedAtOnce) break;
        if (claim.expiresAtMs < expiredBeforeMs && claims.delete(claim.id)) purged += 1;
      }
      return purged;
    },
  };

  return { journal, records: records.source, events: events.source, close: async () => {} };
}
