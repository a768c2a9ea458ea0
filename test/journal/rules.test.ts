import { expect } from 'chai';
import type { JsonObject } from '../../src/journal/model.ts';
import { createRecordMap } from '../../src/journal/snapshot.ts';
import { Conflict } from '../../src/kernel/errors.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import { settle } from '../fakes.ts';
import { createLateStore } from '../store/late-store.ts';
import { rejection } from '../store/samples.ts';
import {
  endings,
  genesisRecords,
  type Harness,
  insertUnit,
  managementEvent,
  startJournal,
  storedEvents,
  tokenEvent,
  tokenUnit,
} from './harness.ts';

const expiresAtMs = Date.UTC(2027, 0, 1);
const people = () => createRecordMap<JsonObject>({ kind: 'person', parse: (body) => body });
const previousOf = (body: string) => JSON.parse(body).unmapped.previous;

/** The twelve rules of the journal (architecture.md §3.1), one by one. */
describe('journal', () => {
  let h: Harness;
  beforeEach(async () => {
    h = await startJournal();
  });
  afterEach(async () => {
    h.store.fault = 'none';
    h.store.release();
    await h.journal.close();
    // A question that hangs ends at its own deadline.
    await h.scheduler.advance(2_000);
    expect(h.scheduler.pending).to.equal(0);
  });

  describe('rule 1: a unit is committed, lost, in conflict or unavailable', () => {
    it('is committed with the uid of each event in order', async () => {
      const events = [tokenEvent({ data: { n: 1 } }), tokenEvent({ data: { n: 2 } })];
      const outcome = await h.journal.commit({ events });
      if (outcome.state !== 'committed') throw new Error(outcome.state);
      expect(outcome.uids).to.have.length(2);
      for (const [index, uid] of outcome.uids.entries()) {
        const stored = JSON.parse((await h.store.events.byUid(uid))?.body ?? '');
        expect(stored.unmapped).to.deep.equal({ n: index + 1 });
        expect(stored.metadata.uid).to.equal(uid);
      }
    });

    it('is lost with the record that won', async () => {
      await h.journal.commit(tokenUnit({}, [{ id: 'jti:a', expiresAtMs, note: 'thumbprint' }]));
      const outcome = await h.journal.commit(tokenUnit({}, [{ id: 'jti:a', expiresAtMs }]));
      if (outcome.state !== 'lost') throw new Error(outcome.state);
      expect(outcome.winner).to.deep.include({ id: 'jti:a', note: 'thumbprint' });
    });

    it('throws Conflict for a lost compare-and-swap', async () => {
      await h.journal.commit(insertUnit('a'));
      expect(await rejection(h.journal.commit(insertUnit('a')))).to.be.instanceOf(Conflict);
    });

    it('throws Unavailable when the store fails', async () => {
      h.store.fault = 'fail';
      expect(await endings([h.journal.commit(tokenUnit())])).to.deep.equal(['Unavailable']);
    });
  });

  describe('rule 2: two lanes', () => {
    it('have one flush in flight each and chains of their own', async () => {
      const { journal, store } = await startJournal({ inner: createLateStore(1) });
      const tokens = async () => {
        for (let n = 0; n < 20; n += 1) {
          await Promise.all([journal.commit(tokenUnit({ n })), journal.commit(tokenUnit({ n }))]);
        }
      };
      await Promise.all([
        tokens(),
        tokens(),
        ...Array.from({ length: 20 }, (_, n) => journal.commit(insertUnit(`a${n}`))),
      ]);
      expect(store.calls.deepest).to.equal(2);
      const chains = new Set((await storedEvents(store)).map((event) => event.chain.split('-')[1]));
      expect([...chains]).to.have.members(['token', 'management']);
      await journal.close();
    });

    it('do not delay each other: a hanging management commit leaves tokens alone', async () => {
      h.store.fault = 'hang';
      const hanging = endings([h.journal.commit(insertUnit('a'))]);
      await settle();
      h.store.fault = 'none';
      expect((await h.journal.commit(tokenUnit())).state).to.equal('committed');
      await h.scheduler.advance(2_000);
      expect(await hanging).to.deep.equal(['Unavailable']);
    });

    it('sends a unit with changes through management, all others through token', async () => {
      await h.journal.commit({ events: [managementEvent()] });
      await h.journal.commit({ changes: [], events: [managementEvent()] });
      expect(h.store.calls).to.include({ flushes: 2, commits: 0 });
      await h.journal.commit(insertUnit('a'));
      expect(h.store.calls).to.include({ flushes: 2, commits: 1 });
    });
  });

  describe('rule 3: a token flush takes what waits', () => {
    it('batches what arrives together, without a timer', async () => {
      await Promise.all(Array.from({ length: 100 }, () => h.journal.commit(tokenUnit())));
      expect(h.store.calls.flushes).to.equal(1);
    });

    it('takes 256 units at most', async () => {
      await Promise.all(Array.from({ length: 257 }, () => h.journal.commit(tokenUnit())));
      expect(h.store.calls.flushes).to.equal(2);
    });

    it('lets losers leave before anything is numbered: 64 equal claims, one wins, all others of the batch succeed', async () => {
      const rivals = Array.from({ length: 64 }, (_, n) =>
        h.journal.commit(tokenUnit({ rival: n }, [{ id: 'jti:a', expiresAtMs }])),
      );
      const others = Array.from({ length: 64 }, (_, n) =>
        h.journal.commit(tokenUnit({ other: n }, n % 2 === 0 ? [] : [{ id: `jti:${n}`, expiresAtMs }])),
      );
      const ended = await endings(rivals);
      expect(ended.filter((one) => one === 'committed')).to.have.length(1);
      expect(ended.filter((one) => one === 'lost')).to.have.length(63);
      expect(new Set(await endings(others))).to.deep.equal(new Set(['committed']));
      const stored = await storedEvents(h.store);
      expect(stored.map((event) => event.number)).to.deep.equal(Array.from({ length: 65 }, (_, n) => n + 1));
      expect(h.store.calls.flushes).to.equal(1);
    });

    it('gives each unit of a batch its own uids although losers left between them', async () => {
      await h.journal.commit(tokenUnit({}, [{ id: 'jti:a', expiresAtMs }]));
      const [first, lost, last] = await Promise.all([
        h.journal.commit({ events: [tokenEvent({ data: { n: 1 } }), tokenEvent({ data: { n: 2 } })] }),
        h.journal.commit(tokenUnit({ n: 3 }, [{ id: 'jti:a', expiresAtMs }])),
        h.journal.commit(tokenUnit({ n: 4 })),
      ]);
      const dataOf = async (outcome: typeof first) =>
        outcome.state === 'committed'
          ? await Promise.all(
              outcome.uids.map(
                async (uid) => JSON.parse((await h.store.events.byUid(uid))?.body ?? '').unmapped.n,
              ),
            )
          : outcome.state;
      expect(await Promise.all([first, lost, last].map(dataOf))).to.deep.equal([[1, 2], 'lost', [4]]);
    });
  });

  describe('rule 4: the store inserts claims, then what is sealed', () => {
    it('inserts nothing for a batch of losers alone', async () => {
      await h.journal.commit(tokenUnit({}, [{ id: 'jti:a', expiresAtMs }]));
      await h.journal.commit(tokenUnit({}, [{ id: 'jti:a', expiresAtMs }]));
      expect(await storedEvents(h.store)).to.have.length(1);
    });
  });

  describe('rule 5: a claim carries the id of its unit', () => {
    it('takes a claim that a unit names twice for its own', async () => {
      const twice = { id: 'jti:a', expiresAtMs };
      expect(await endings([h.journal.commit(tokenUnit({}, [twice, twice]))])).to.deep.equal(['committed']);
    });

    it('names the record a unit lost to, not the one it won itself in the same batch', async () => {
      const [a, b] = [
        { id: 'jti:a', expiresAtMs },
        { id: 'jti:b', expiresAtMs, note: 'first' },
      ];
      await h.journal.commit(tokenUnit({}, [b]));
      const [both, rival] = await Promise.all([
        h.journal.commit(tokenUnit({}, [a, { id: b.id, expiresAtMs }])),
        h.journal.commit(tokenUnit({}, [a])),
      ]);
      expect(both).to.have.nested.property('winner.note', 'first');
      expect(rival).to.have.nested.property('winner.id', 'jti:a');
    });

    it('lets the caller of a lost unit commit its refusal', async () => {
      const claim = { id: 'jti:a', expiresAtMs };
      await h.journal.commit(tokenUnit({}, [claim]));
      expect((await h.journal.commit(tokenUnit({}, [claim]))).state).to.equal('lost');
      const refusal = tokenEvent({ outcome: 'failure', reason: 'token_replayed' });
      expect((await h.journal.commit({ events: [refusal] })).state).to.equal('committed');
      expect((await storedEvents(h.store)).map((event) => JSON.parse(event.body).status)).to.deep.equal([
        'Success',
        'Failure',
      ]);
    });
  });

  describe('rule 6: a management flush is one unit', () => {
    it('and a lost compare-and-swap uses no number and ends no chain', async () => {
      await h.journal.commit(insertUnit('a'));
      const attempts = [
        h.journal.commit(insertUnit('b')),
        h.journal.commit(insertUnit('a')),
        h.journal.commit(insertUnit('c')),
      ];
      expect(await endings(attempts)).to.deep.equal(['committed', 'Conflict', 'committed']);
      const stored = await storedEvents(h.store);
      expect(stored.map((event) => event.number)).to.deep.equal([1, 2, 3]);
      expect(new Set(stored.map((event) => event.chain)).size).to.equal(1);
      expect(h.store.calls.commits).to.equal(4);
    });
  });

  describe('rule 7: each unit has two seconds', () => {
    it('and a store that never settles is Unavailable at the deadline, not before', async () => {
      h.store.fault = 'hang';
      let ended: readonly string[] = [];
      const waiting = endings([h.journal.commit(tokenUnit())]).then((result) => {
        ended = result;
      });
      await h.scheduler.advance(1_999);
      expect(ended).to.deep.equal([]);
      await h.scheduler.advance(1);
      await waiting;
      expect(ended).to.deep.equal(['Unavailable']);
    });

    it('and queueing counts: what waits behind a hanging flush is refused with it', async () => {
      h.store.fault = 'hang';
      const first = h.journal.commit(tokenUnit());
      await h.scheduler.advance(1_500);
      const second = h.journal.commit(tokenUnit());
      const both = endings([first, second]);
      await h.scheduler.advance(500);
      expect(await both).to.deep.equal(['Unavailable', 'Unavailable']);
    });

    it('and one that waited behind a slow flush has only the rest', async () => {
      h.store.fault = 'slow';
      const first = h.journal.commit(tokenUnit());
      await settle();
      const second = h.journal.commit(tokenUnit());
      await h.scheduler.advance(1_500);
      h.store.release();
      expect(await endings([first])).to.deep.equal(['committed']);
      const late = endings([second]);
      await h.scheduler.advance(500);
      expect(await late).to.deep.equal(['Unavailable']);
    });

    it('and an expired unit leaves the queue without reaching the store', async () => {
      h.store.fault = 'slow';
      const first = h.journal.commit(tokenUnit());
      await settle();
      const second = h.journal.commit(tokenUnit());
      // The process was stopped: the timer had no chance to run before the answer arrived.
      h.clock.advance(2_500);
      h.store.release();
      h.store.fault = 'none';
      expect(await endings([first, second])).to.deep.equal(['committed', 'Unavailable']);
      expect(h.store.calls.flushes).to.equal(1);
    });
  });

  describe('rule 8: a failed flush ends the chain', () => {
    const causes = ['fail', 'land', 'hang', 'land-hang'] as const;
    for (const fault of causes) {
      it(`(${fault}): nothing is re-inserted, the next chain names the last acknowledged record`, async () => {
        await h.journal.commit(tokenUnit({ n: 0 }));
        const [acknowledged] = h.journal.heads();
        h.store.fault = fault;
        const failed = endings([
          h.journal.commit(tokenUnit({ n: 1 })),
          h.journal.commit(tokenUnit({ n: 2 })),
        ]);
        await h.scheduler.advance(2_000);
        expect(await failed).to.deep.equal(['Unavailable', 'Unavailable']);
        h.store.fault = 'none';
        await h.scheduler.advance(250);
        await h.journal.commit(tokenUnit({ n: 3 }));

        const [, second] = await genesisRecords(h.store);
        expect(previousOf(second?.body ?? '')).to.deep.equal(acknowledged);
        const stored = (await storedEvents(h.store)).map((event) => JSON.parse(event.body).unmapped.n);
        expect(stored).to.deep.equal(fault.startsWith('land') ? [0, 1, 2, 3] : [0, 3]);
      });
    }

    it('and a store that seals after the flush was abandoned gets nothing', async () => {
      h.store.fault = 'slow';
      const abandoned = endings([h.journal.commit(tokenUnit({ n: 1 }))]);
      await h.scheduler.advance(2_000);
      expect(await abandoned).to.deep.equal(['Unavailable']);
      h.store.release();
      await settle();
      expect(await storedEvents(h.store)).to.deep.equal([]);
      h.store.fault = 'none';
    });

    it('and several failures in a row all fall back to the last acknowledged record', async () => {
      await h.journal.commit(insertUnit('a'));
      const [acknowledged] = h.journal.heads();
      h.store.fault = 'land';
      for (const id of ['b', 'c']) {
        expect(await endings([h.journal.commit(insertUnit(id))])).to.deep.equal(['Unavailable']);
        await h.scheduler.advance(250);
      }
      h.store.fault = 'none';
      await h.journal.commit(insertUnit('d'));
      const chains = await genesisRecords(h.store);
      // The surplus record of "b" extends the first chain; "c" landed in a chain that nobody acknowledged.
      expect(chains.map((record) => previousOf(record.body))).to.deep.equal([
        null,
        acknowledged,
        acknowledged,
      ]);
    });

    it('and a new start opens new chains that name the last ones of the start before', async () => {
      await h.journal.commit(tokenUnit());
      await h.journal.commit(insertUnit('a'));
      const before = h.journal.heads();
      const next = await startJournal({ inner: h.store, seed: 2, clock: h.clock });
      await next.journal.commit(tokenUnit());
      await next.journal.commit(insertUnit('b'));
      await next.journal.close();
      const named = (await genesisRecords(h.store)).slice(2).map((record) => previousOf(record.body));
      expect(named).to.have.deep.members([...before]);
    });
  });

  describe('rule 9: a bounded queue, closed after a failure', () => {
    it('holds 1,024 units and refuses the next at once', async () => {
      h.store.fault = 'slow';
      const flying = h.journal.commit(tokenUnit());
      await settle();
      const waiting = Array.from({ length: 1_024 }, () => h.journal.commit(tokenUnit()));
      expect(await endings([h.journal.commit(tokenUnit())])).to.deep.equal(['Unavailable']);
      h.store.fault = 'none';
      h.store.release();
      expect(new Set(await endings([flying, ...waiting]))).to.deep.equal(new Set(['committed']));
    });

    it('refuses at once after a failure, without asking the store', async () => {
      h.store.fault = 'fail';
      await endings([h.journal.commit(tokenUnit())]);
      expect(await endings([h.journal.commit(tokenUnit()), h.journal.commit(tokenUnit())])).to.deep.equal([
        'Unavailable',
        'Unavailable',
      ]);
      expect(h.store.calls.flushes).to.equal(1);
    });

    it('lets one unit each 250 ms probe', async () => {
      h.store.fault = 'fail';
      await endings([h.journal.commit(tokenUnit())]);
      for (const probes of [1, 2, 3]) {
        await h.scheduler.advance(250);
        await endings(Array.from({ length: 10 }, () => h.journal.commit(tokenUnit())));
        expect(h.store.calls.flushes).to.equal(1 + probes);
      }
      await h.scheduler.advance(249);
      await endings([h.journal.commit(tokenUnit())]);
      expect(h.store.calls.flushes).to.equal(4);
    });

    it('opens again with the first probe that succeeds', async () => {
      h.store.fault = 'fail';
      await endings([h.journal.commit(tokenUnit())]);
      h.store.fault = 'none';
      await h.scheduler.advance(250);
      const probe = h.journal.commit(tokenUnit());
      expect(await endings([h.journal.commit(tokenUnit()), probe])).to.deep.equal([
        'Unavailable',
        'committed',
      ]);
      const after = Array.from({ length: 10 }, () => h.journal.commit(tokenUnit()));
      expect(new Set(await endings(after))).to.deep.equal(new Set(['committed']));
    });
  });

  describe('rule 10: only management moves the epoch, and the snapshot follows', () => {
    it('has the change before the commit resolves', async () => {
      const snapshot = people();
      const { journal } = await startJournal({ snapshots: [snapshot] });
      let seenAtAnswer = false;
      await journal.commit(insertUnit('a')).then(() => {
        seenAtAnswer = snapshot.get('a') !== undefined;
      });
      expect(seenAtAnswer).to.equal(true);
      await journal.close();
    });

    it('catches up at once after an unknown outcome', async () => {
      const snapshot = people();
      const { journal, store } = await startJournal({ snapshots: [snapshot] });
      store.fault = 'land';
      expect(await endings([journal.commit(insertUnit('a'))])).to.deep.equal(['Unavailable']);
      await settle();
      expect(snapshot.get('a')?.version).to.equal(1);
      await journal.close();
    });

    it('looks again when the outcome became unknown while it was looking', async () => {
      const snapshot = people();
      const { journal, store, scheduler } = await startJournal({ snapshots: [snapshot] });
      store.fault = 'slow';
      await scheduler.advance(1_000);
      store.fault = 'land';
      expect(await endings([journal.commit(insertUnit('a'))])).to.deep.equal(['Unavailable']);
      store.release();
      await settle();
      expect(snapshot.get('a')?.version).to.equal(1);
      await journal.close();
    });

    it('sees the changes of another process within a second', async () => {
      const inner = createMemoryStore();
      const snapshot = people();
      const here = await startJournal({ inner, snapshots: [snapshot] });
      const there = await startJournal({ inner, seed: 2 });
      await there.journal.commit(insertUnit('a'));
      expect(snapshot.get('a')).to.equal(undefined);
      await here.scheduler.advance(1_000);
      expect(snapshot.get('a')?.version).to.equal(1);
      await Promise.all([here.journal.close(), there.journal.close()]);
    });

    it('reads foreign changes that lie before an own one', async () => {
      const inner = createMemoryStore();
      const snapshot = people();
      const here = await startJournal({ inner, snapshots: [snapshot] });
      const there = await startJournal({ inner, seed: 2 });
      await there.journal.commit(insertUnit('theirs'));
      await here.journal.commit(insertUnit('mine'));
      await here.scheduler.advance(1_000);
      expect([...snapshot.values()].map((entry) => entry.id)).to.have.members(['theirs', 'mine']);
      await Promise.all([here.journal.close(), there.journal.close()]);
    });

    it('is confirmed for 60 s after the last answer of the store', async () => {
      expect(h.journal.isConfirmed()).to.equal(true);
      await h.scheduler.advance(10_000);
      h.store.fault = 'fail';
      await h.scheduler.advance(59_000);
      expect(h.journal.isConfirmed()).to.equal(true);
      await h.scheduler.advance(1_000);
      expect(h.journal.isConfirmed()).to.equal(false);
      h.store.fault = 'none';
      await h.scheduler.advance(1_000);
      expect(h.journal.isConfirmed()).to.equal(true);
    });

    it('is confirmed from the question on, not from a late answer', async () => {
      h.store.fault = 'slow';
      await h.scheduler.advance(1_000);
      await h.scheduler.advance(1_900);
      h.store.fault = 'fail';
      h.store.release();
      await h.scheduler.advance(58_099);
      expect(h.journal.isConfirmed()).to.equal(true);
      await h.scheduler.advance(1);
      expect(h.journal.isConfirmed()).to.equal(false);
    });

    it('is not confirmed by a store that hangs, and recovers when it answers', async () => {
      h.store.fault = 'hang';
      await h.scheduler.advance(61_000);
      expect(h.journal.isConfirmed()).to.equal(false);
      h.store.fault = 'none';
      await h.scheduler.advance(3_000);
      expect(h.journal.isConfirmed()).to.equal(true);
    });

    it('refuses a body that could not be read back, and writes nothing', async () => {
      const strict = createRecordMap<string>({
        kind: 'person',
        parse: (body) => {
          if (typeof body['name'] !== 'string') throw new Error('no name');
          return body['name'];
        },
      });
      const { journal, store } = await startJournal({ snapshots: [strict] });
      const error = await rejection(journal.commit(insertUnit('a')));
      expect((error.cause as Error).message).to.equal('no name');
      expect(store.calls.commits).to.equal(0);
      const named = { op: 'insert', kind: 'person', id: 'a', body: { name: 'Ada' } } as const;
      await journal.commit({ changes: [named], events: [managementEvent()] });
      expect(strict.get('a')?.value).to.equal('Ada');
      await journal.close();
    });
  });

  describe('rule 11: what nobody waits for', () => {
    it('is written with the next flush', async () => {
      h.journal.record(tokenEvent({ outcome: 'failure', reason: 'signature_invalid' }));
      await settle();
      expect(await storedEvents(h.store)).to.have.length(1);
    });

    it('is dropped and counted when the store fails', async () => {
      h.store.fault = 'fail';
      h.journal.record(tokenEvent());
      await settle();
      h.journal.record(tokenEvent());
      await settle();
      expect(h.metrics.counted('postern_journal_dropped_events_total')).to.equal(2);
    });
  });

  describe('rule 12: a crash between commit and signing', () => {
    it('leaves a surplus record, never a token without one', async () => {
      let answered = false;
      h.store.fault = 'land-hang';
      const crashed = h.journal.commit(tokenUnit({ n: 1 })).then(
        () => {
          answered = true;
        },
        () => undefined,
      );
      await settle();
      expect(answered).to.equal(false);
      expect(await storedEvents(h.store)).to.have.length(1);
      await h.scheduler.advance(2_000);
      await crashed;
      expect(answered).to.equal(false);
    });
  });

  describe('start and end', () => {
    it('loads every record that exists', async () => {
      await h.journal.commit(insertUnit('a'));
      await h.journal.commit(insertUnit('b'));
      const snapshot = people();
      const next = await startJournal({ inner: h.store, snapshots: [snapshot], seed: 2 });
      expect(snapshot.size).to.equal(2);
      await next.journal.close();
    });

    it('does not start on a record that cannot be read, and names it', async () => {
      await h.journal.commit(insertUnit('a'));
      const strict = createRecordMap<never>({
        kind: 'person',
        parse: () => {
          throw new Error('no');
        },
      });
      const error = await rejection(startJournal({ inner: h.store, snapshots: [strict] }));
      expect(error.message).to.include('person a');
    });

    it('commits what waits before it closes, and refuses from then on', async () => {
      const waiting = Array.from({ length: 300 }, () => h.journal.commit(tokenUnit()));
      const managing = h.journal.commit(insertUnit('a'));
      await h.journal.close();
      expect(new Set(await endings([...waiting, managing]))).to.deep.equal(new Set(['committed']));
      expect(await endings([h.journal.commit(tokenUnit())])).to.deep.equal(['Unavailable']);
    });

    it('closes although the store hangs, at the deadline', async () => {
      h.store.fault = 'hang';
      const waiting = endings([h.journal.commit(tokenUnit())]);
      let closed = false;
      const closing = h.journal.close().then(() => {
        closed = true;
      });
      await h.scheduler.advance(2_000);
      await closing;
      expect([closed, ...(await waiting)]).to.deep.equal([true, 'Unavailable']);
    });

    it('purges expired claims each minute', async () => {
      const soon = h.clock.nowMs() + 30_000;
      const claim = { id: 'jti:a', expiresAtMs: soon };
      await h.journal.commit(tokenUnit({}, [claim]));
      await h.scheduler.advance(59_000);
      expect((await h.journal.commit(tokenUnit({}, [claim]))).state).to.equal('lost');
      await h.scheduler.advance(1_000);
      expect((await h.journal.commit(tokenUnit({}, [claim]))).state).to.equal('committed');
    });
  });
});
