import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Change, ClaimRecord } from '../../src/journal/model.ts';
import { Conflict } from '../../src/kernel/errors.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/model.ts';
import { openDriver } from '../../src/store/sqlite/driver.ts';
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { allEvents, anEvent, append, baseTimeMs, insert, remove, update } from './samples.ts';

type Step =
  | { readonly do: 'flush'; readonly claims: readonly ClaimRecord[] }
  | { readonly do: 'commit'; readonly claims: readonly ClaimRecord[]; readonly changes: readonly Change[] }
  | { readonly do: 'purge'; readonly beforeMs: number }
  | { readonly do: 'checkpoint'; readonly number: number }
  | { readonly do: 'read'; readonly epoch: number };

const id = fc.constantFrom('a', 'b', 'c');
const version = fc.integer({ min: 1, max: 3 });
const keys = fc.option(fc.uniqueArray(fc.constantFrom('k1', 'k2', 'k3')), { nil: undefined });
const claim = fc.record({
  id: fc.constantFrom('x:1', 'x:2', 'x:3', 'x:4'),
  unitId: fc.constantFrom('u1', 'u2', 'u3'),
  expiresAtMs: fc.integer({ min: 1, max: 5 }),
});
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(id, keys).map(([one, unique]) => insert(one, { one }, unique)),
  fc.tuple(id, version, keys).map(([one, expected, unique]) => update(one, expected, { expected }, unique)),
  fc.tuple(id, version).map(([one, expected]) => remove(one, expected)),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('flush' as const), claims: fc.array(claim, { maxLength: 6 }) }),
  fc.record({
    do: fc.constant('commit' as const),
    claims: fc.array(claim, { maxLength: 1 }),
    changes: fc.array(anyChange, { maxLength: 3 }),
  }),
  fc.record({ do: fc.constant('purge' as const), beforeMs: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ do: fc.constant('checkpoint' as const), number: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('read' as const), epoch: fc.nat({ max: 6 }) }),
);

/** What a step shows of the store, as text that two stores can be compared by. */
async function observe(store: Store, action: Step, number: number): Promise<unknown> {
  const { journal, records } = store;
  switch (action.do) {
    case 'flush': {
      let lost: readonly string[] = [];
      const seal = (ids: ReadonlySet<string>) => {
        lost = [...ids].sort();
        return [anEvent(number)];
      };
      const winners = await journal.flushTokens({ claims: action.claims, seal });
      return { winners: [...winners], lost };
    }
    case 'commit':
      return journal
        .commitManagement({ ...action, seal: () => [anEvent(number)] })
        .catch((error: unknown) => {
          if (error instanceof Conflict) return { on: error.on, key: error.key };
          throw error;
        });
    case 'purge':
      return journal.purgeClaims(action.beforeMs);
    case 'checkpoint': {
      const checkpoint = { number: action.number, timeMs: number, body: '{}', signature: 's' };
      return journal.appendCheckpoint(checkpoint).catch((error: unknown) => (error as Error).name);
    }
    case 'read': {
      const { epoch, records: changed } = await records.changedSince(action.epoch);
      return { epoch, changed: changed.map((one) => JSON.stringify(one)).sort() };
    }
  }
}

describe('store: properties', () => {
  let folder: string;
  let files = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-model-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A real file, but without the sync of each commit: these cases are about meaning. */
  const openUnsynced = async (): Promise<Store> => {
    files += 1;
    const driver = await openDriver(join(folder, `${files}.db`));
    driver.exec('PRAGMA synchronous = OFF');
    return createSqliteStore(driver);
  };

  it('property: sqlite and memory answer any series of calls alike', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const [memory, sqlite] = [createMemoryStore(), await openUnsynced()];
        try {
          for (const [number, action] of steps.entries()) {
            expect(await observe(sqlite, action, number)).to.deep.equal(
              await observe(memory, action, number),
            );
          }
          expect(await allEvents(sqlite)).to.deep.equal(await allEvents(memory));
        } finally {
          await sqlite.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  const times = fc.array(fc.nat({ max: 5 }), { maxLength: 30 });
  const query = fc.record({
    direction: fc.constantFrom('asc' as const, 'desc' as const),
    limit: fc.integer({ min: 1, max: 8 }),
    from: fc.nat({ max: 6 }),
    length: fc.nat({ max: 6 }),
    principals: fc.option(fc.uniqueArray(fc.constantFrom<string>('p0', 'p1', 'p2')), { nil: undefined }),
  });

  it('property: pages of any size show each wanted event once, in order', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(times, query, async (offsets, { direction, limit, from, length, principals }) => {
        const added = offsets.map((offset, number) =>
          anEvent(number, { timeMs: baseTimeMs + offset, principalId: `p${number % 3}` }),
        );
        const [sinceMs, untilMs] = [baseTimeMs + from, baseTimeMs + from + length];
        const wanted = added
          .filter(({ timeMs }) => timeMs >= sinceMs && timeMs < untilMs)
          .filter(({ principalId = '' }) => principals?.includes(principalId) ?? true)
          .sort((a, b) => a.timeMs - b.timeMs || a.number - b.number)
          .map(({ number }) => number);
        const sqlite = await openUnsynced();
        try {
          for (const store of [createMemoryStore(), sqlite]) {
            await append(store, added);
            const seen: number[] = [];
            let after: string | undefined;
            do {
              const page = await store.events.page({
                direction,
                limit,
                sinceMs,
                untilMs,
                ...(principals === undefined ? {} : { principalIds: principals }),
                ...(after === undefined ? {} : { after }),
              });
              seen.push(...page.items.map(({ number }) => number));
              after = page.next;
            } while (after !== undefined);
            expect(seen).to.deep.equal(direction === 'asc' ? wanted : wanted.toReversed());
          }
        } finally {
          await sqlite.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
