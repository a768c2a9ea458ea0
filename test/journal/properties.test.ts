import { expect } from 'chai';
import fc from 'fast-check';
import { createCheckpoints } from '../../src/journal/checkpoints.ts';
import type { ChainedEvent } from '../../src/journal/model.ts';
import type { EventSource } from '../../src/journal/ports.ts';
import { verifyAudit } from '../../src/journal/verify.ts';
import { type FakeScheduler, silentLogger } from '../fakes.ts';
import { createLateStore } from '../store/late-store.ts';
import {
  createTestSigner,
  type Fault,
  insertUnit,
  startJournal,
  storedEvents,
  tokenUnit,
} from './harness.ts';

const signer = createTestSigner();
const expiresAtMs = Date.UTC(2027, 0, 1);

interface Batch {
  readonly fault: Fault;
  readonly tokens: number;
  readonly claims: readonly string[];
  readonly changes: readonly string[];
}

const batch: fc.Arbitrary<Batch> = fc.record({
  fault: fc.constantFrom<Fault>('none', 'none', 'none', 'fail', 'land', 'hang', 'land-hang'),
  tokens: fc.nat({ max: 5 }),
  claims: fc.array(fc.constantFrom('x:1', 'x:2', 'x:3'), { maxLength: 4 }),
  changes: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 }),
});

/** Lets time pass until the promise settles; whatever hangs must end at a deadline. */
async function withTime(scheduler: FakeScheduler, promise: Promise<unknown>): Promise<void> {
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  for (let seconds = 0; !isSettled; seconds += 1) {
    if (seconds === 60) throw new Error('nothing settles');
    await scheduler.advance(1_000);
  }
  await settled;
}

/** Lives through the batches on a store that answers late and out of order; returns what was acknowledged. */
async function live(batches: readonly Batch[], seed: number) {
  const { journal, store, scheduler, clock } = await startJournal({ inner: createLateStore(seed) });
  const { heads } = journal;
  const ports = { clock, scheduler, logger: silentLogger };
  const checkpoints = createCheckpoints({
    ...ports,
    store: store.journal,
    events: store.events,
    heads,
    signer,
  });
  await checkpoints.start();
  const uids: string[] = [];
  const won: string[] = [];
  for (const { fault, tokens, claims, changes } of batches) {
    store.fault = fault;
    const note = async (unit: Parameters<typeof journal.commit>[0], claim?: string): Promise<void> => {
      try {
        const outcome = await journal.commit(unit);
        if (outcome.state === 'lost') return;
        uids.push(...outcome.uids);
        if (claim !== undefined) won.push(claim);
      } catch {
        // Conflict or Unavailable: nothing was promised.
      }
    };
    const all = Promise.all([
      ...Array.from({ length: tokens }, () => note(tokenUnit())),
      ...claims.map((id) => note(tokenUnit({}, [{ id, expiresAtMs }]), id)),
      ...changes.map((id) => note(insertUnit(id))),
    ]);
    await withTime(scheduler, all);
    // The lane is open for probes again.
    await scheduler.advance(1_000);
  }
  store.fault = 'none';
  await withTime(scheduler, journal.close());
  await withTime(scheduler, checkpoints.close());
  return { store, uids, won };
}

describe('journal: properties', () => {
  it('property: whatever fails, what was acknowledged is stored once and the audit verifies', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 6 }), fc.nat(), async (batches, seed) => {
        const { store, uids, won } = await live(batches, seed);
        const stored = new Set((await storedEvents(store)).map(({ chain, number }) => `${chain}-${number}`));
        for (const uid of uids) expect(stored.has(uid), uid).to.equal(true);
        expect(new Set(uids).size).to.equal(uids.length);
        expect(new Set(won).size, 'a claim was won twice').to.equal(won.length);
        const report = await verifyAudit({ events: store.events, publicKeyOf: signer.publicKeyOf });
        expect(report.problems).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });

  it('property: any change to any record that a checkpoint covers is detected', async () => {
    const { store } = await live(
      [
        { fault: 'none', tokens: 5, claims: ['x:1', 'x:1'], changes: ['a', 'b'] },
        { fault: 'none', tokens: 5, claims: ['x:1', 'x:2'], changes: ['a', 'c'] },
      ],
      7,
    );
    const { items } = await store.events.page({ direction: 'asc', limit: 100 });
    const patch = fc.oneof(
      fc.record({ body: fc.string() }),
      fc.record({ hash: fc.stringMatching(/^[0-9a-f]{64}$/) }),
      fc.record({ number: fc.nat({ max: 50 }) }),
      fc.record({ timeMs: fc.nat() }),
      fc.record({ principalId: fc.option(fc.string(), { nil: undefined }) }),
      fc.record({ requestId: fc.option(fc.string(), { nil: undefined }) }),
      fc.record({ chain: fc.string() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: items.length - 1 }), patch, async (index, change) => {
        const original = items[index] as ChainedEvent;
        const altered = { ...original, ...change } as ChainedEvent;
        fc.pre(JSON.stringify(altered) !== JSON.stringify(original));
        const events: EventSource = {
          ...store.events,
          page: async () => ({ items: items.with(index, altered) }),
        };
        expect((await verifyAudit({ events, publicKeyOf: signer.publicKeyOf })).ok).to.equal(false);
      }),
      { numRuns: 200 },
    );
  });
});
