import type { ChainedEvent, ClaimRecord } from '../../journal/model.ts';
import type { JournalStore } from '../../journal/ports.ts';
import { Conflict } from '../../kernel/errors.ts';
import type { Driver } from './driver.ts';
import type { RecordTable } from './record-table.ts';
import { integer, optionalText, text } from './row.ts';

const purgedAtOnce = 1_000;

/** Rule 4: a flush is one transaction, synced to disk before it resolves. */
export function createJournalWriter(driver: Driver, records: RecordTable): JournalStore {
  const insertClaim = driver.prepare('INSERT INTO claim VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const readClaim = driver.prepare('SELECT * FROM claim WHERE id = ?');
  const purge = driver.prepare(`DELETE FROM claim WHERE id IN
    (SELECT id FROM claim WHERE expires_at_ms < ? LIMIT ${purgedAtOnce})`);
  const insertEvent = driver.prepare(`INSERT INTO event
    (chain, number, time_ms, principal_id, request_id, body, hash) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const insertCheckpoint = driver.prepare(
    'INSERT INTO checkpoint VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );

  /** The record that holds the claim already, unless it is the unit's own (rule 5). */
  const take = (claim: ClaimRecord): ClaimRecord | undefined => {
    const { id, unitId, expiresAtMs, note } = claim;
    if (insertClaim.run([id, unitId, expiresAtMs, note ?? null]) === 1) return undefined;
    const [row = {}] = readClaim.all([id]);
    const holder = { id, unitId: text(row, 'unit_id'), expiresAtMs: integer(row, 'expires_at_ms') };
    const heldNote = optionalText(row, 'note');
    if (holder.unitId === unitId) return undefined;
    return heldNote === undefined ? holder : { ...holder, note: heldNote };
  };

  const insertEvents = (events: readonly ChainedEvent[]): void => {
    for (const { chain, number, timeMs, principalId, requestId, body, hash } of events) {
      insertEvent.run([chain, number, timeMs, principalId ?? null, requestId ?? null, body, hash]);
    }
  };

  return {
    flushTokens: async (batch) =>
      driver.transaction(() => {
        const winners = new Map<string, ClaimRecord>();
        const lostUnitIds = new Set<string>();
        for (const claim of batch.claims) {
          const winner = take(claim);
          if (winner === undefined) continue;
          winners.set(claim.id, winner);
          lostUnitIds.add(claim.unitId);
        }
        insertEvents(batch.seal(lostUnitIds));
        return winners;
      }),
    commitManagement: async (unit) => {
      try {
        return driver.transaction(() => {
          for (const claim of unit.claims) {
            const winner = take(claim);
            if (winner !== undefined) throw new Lost(winner);
          }
          const changed = records.change(unit.changes);
          insertEvents(unit.seal());
          return { state: 'committed', ...changed };
        });
      } catch (error) {
        if (error instanceof Lost) return { state: 'lost', winner: error.winner };
        throw error;
      }
    },
    appendCheckpoint: async ({ number, timeMs, body, signature }) => {
      const written = driver.transaction(() => insertCheckpoint.run([number, timeMs, body, signature]));
      if (written === 0) throw new Conflict('unique', `checkpoint ${number}`);
    },
    purgeClaims: async (expiredBeforeMs) => driver.transaction(() => purge.run([expiredBeforeMs])),
  };
}

/** Carries the winner out of a transaction that must be rolled back. */
class Lost extends Error {
  readonly winner: ClaimRecord;

  constructor(winner: ClaimRecord) {
    super('a claim of the unit is held by another');
    this.winner = winner;
  }
}
