import { expect } from 'chai';
import type { ClaimRecord, RecordState } from '../../src/journal/model.ts';
import { Conflict, GatewayError } from '../../src/kernel/errors.ts';
import type { Store } from '../../src/store/model.ts';
import {
  aCheckpoint,
  aClaim,
  allEvents,
  anEvent,
  append,
  baseTimeMs,
  change,
  events,
  insert,
  rejection,
  remove,
  requestIdAt,
  update,
} from './samples.ts';

const parallel = <T>(count: number, task: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => task(index)));

/** What every adapter promises, whatever its technology. */
export function describeStoreContract(name: string, open: () => Promise<Store>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    const claim = async (...claims: readonly ClaimRecord[]) => {
      let lost: ReadonlySet<string> = new Set();
      const winners = await store.journal.flushTokens({
        claims,
        seal: (ids) => {
          lost = ids;
          return [];
        },
      });
      return { winners, lost: [...lost] };
    };
    const since = (epoch: number) => store.records.changedSince(epoch);
    const stateOf = async (id: string): Promise<RecordState | undefined> =>
      (await since(0)).records.find((record) => record.id === id);
    const numbers = (items: readonly { readonly number: number }[]) => items.map((item) => item.number);

    describe('claims', () => {
      it('gives a free claim', async () => {
        expect(await claim(aClaim('jti:a', 'u1'))).to.deep.equal({ winners: new Map(), lost: [] });
      });

      it('refuses a held claim and names the record that holds it', async () => {
        const first = aClaim('jti:a', 'u1', { note: 'thumbprint' });
        await claim(first);
        const { winners, lost } = await claim(aClaim('jti:a', 'u2'));
        expect(winners).to.deep.equal(new Map([['jti:a', first]]));
        expect(lost).to.deep.equal(['u2']);
      });

      it('leaves out the note of a winner that has none', async () => {
        await claim(aClaim('jti:a', 'u1'));
        const { winners } = await claim(aClaim('jti:a', 'u2', { note: 'mine' }));
        expect(winners.get('jti:a')).to.deep.equal(aClaim('jti:a', 'u1'));
      });

      it('takes a duplicate of the own unit for its own', async () => {
        await claim(aClaim('jti:a', 'u1'));
        expect((await claim(aClaim('jti:a', 'u1'))).lost).to.deep.equal([]);
      });

      it('lets exactly one of 64 equal claims of one batch win, the first', async () => {
        const { winners, lost } = await claim(
          ...Array.from({ length: 64 }, (_, i) => aClaim('jti:a', `u${i}`)),
        );
        expect(lost).to.have.length(63).and.not.include('u0');
        expect(winners.get('jti:a')?.unitId).to.equal('u0');
      });

      it('lets other units of the batch succeed beside lost ones', async () => {
        await claim(aClaim('jti:a', 'old'));
        const { lost } = await claim(aClaim('jti:b', 'u1'), aClaim('jti:a', 'u2'), aClaim('jti:c', 'u3'));
        expect(lost).to.deep.equal(['u2']);
      });

      it('loses a unit with two claims when one of them is held', async () => {
        await claim(aClaim('jti:b', 'old'));
        expect((await claim(aClaim('jti:a', 'u1'), aClaim('jti:b', 'u1'))).lost).to.deep.equal(['u1']);
      });

      it('keeps taken what a lost unit did win', async () => {
        await claim(aClaim('jti:b', 'old'));
        await claim(aClaim('jti:a', 'u1'), aClaim('jti:b', 'u1'));
        expect((await claim(aClaim('jti:a', 'u2'))).winners.get('jti:a')?.unitId).to.equal('u1');
      });

      it('keeps claims of different prefix apart', async () => {
        await claim(aClaim('jti:a', 'u1'));
        expect((await claim(aClaim('assertion:a', 'u2'))).lost).to.deep.equal([]);
      });

      it('compares claims byte for byte', async () => {
        await claim(aClaim('jti:a', 'u1'));
        const near = ['jti:A', 'jti:a ', 'jti:á', 'jti:a\u0301'];
        expect((await claim(...near.map((id) => aClaim(id, 'u2')))).lost).to.deep.equal([]);
      });

      it('holds claims of 200 characters', async () => {
        const long = `jti:${'x'.repeat(196)}`;
        await claim(aClaim(long, 'u1'));
        expect((await claim(aClaim(long, 'u2'))).lost).to.deep.equal(['u2']);
        expect((await claim(aClaim(`${long.slice(0, -1)}y`, 'u3'))).lost).to.deep.equal([]);
      });

      it('keeps an expired claim taken until it is purged', async () => {
        await claim(aClaim('jti:a', 'u1', { expiresAtMs: 1 }));
        expect((await claim(aClaim('jti:a', 'u2'))).lost).to.deep.equal(['u2']);
        expect(await store.journal.purgeClaims(2)).to.equal(1);
        expect((await claim(aClaim('jti:a', 'u2'))).lost).to.deep.equal([]);
      });

      it('purges what expired before the time, not what expires at it', async () => {
        await claim(aClaim('jti:a', 'u1', { expiresAtMs: 99 }), aClaim('jti:b', 'u1', { expiresAtMs: 100 }));
        expect(await store.journal.purgeClaims(100)).to.equal(1);
        expect((await claim(aClaim('jti:b', 'u2'))).lost).to.deep.equal(['u2']);
      });

      it('purges in steps and ends with zero', async () => {
        await claim(...Array.from({ length: 2_500 }, (_, i) => aClaim(`jti:${i}`, 'u', { expiresAtMs: 1 })));
        let purged = 0;
        for (let step = -1; step !== 0; purged += step) step = await store.journal.purgeClaims(2);
        expect(purged).to.equal(2_500);
      });

      it('takes claims in a management unit', async () => {
        const unit = { claims: [aClaim('boot:1', 'u1')], changes: [insert('a')], seal: () => [] };
        expect((await store.journal.commitManagement(unit)).state).to.equal('committed');
        expect((await claim(aClaim('boot:1', 'u2'))).lost).to.deep.equal(['u2']);
      });

      it('loses a management unit whose claim is held, and writes nothing of it', async () => {
        const held = aClaim('boot:1', 'u1');
        await claim(held);
        let sealed = 0;
        const result = await store.journal.commitManagement({
          claims: [aClaim('boot:0', 'u2'), aClaim('boot:1', 'u2')],
          changes: [insert('a')],
          seal: () => {
            sealed += 1;
            return [anEvent(0)];
          },
        });
        expect(result).to.deep.equal({ state: 'lost', winner: held });
        expect(sealed).to.equal(0);
        expect(await since(0)).to.deep.equal({ epoch: 0, records: [] });
        expect(await allEvents(store)).to.deep.equal([]);
        expect((await claim(aClaim('boot:0', 'u3'))).lost).to.deep.equal([]);
      });

      it('frees the claims of a management unit that lost its compare-and-swap', async () => {
        const unit = { claims: [aClaim('boot:1', 'u1')], changes: [update('missing', 1)], seal: () => [] };
        expect(await rejection(store.journal.commitManagement(unit))).to.be.instanceOf(Conflict);
        expect((await claim(aClaim('boot:1', 'u2'))).lost).to.deep.equal([]);
      });
    });

    describe('records', () => {
      it('starts empty at epoch 0', async () => {
        expect(await since(0)).to.deep.equal({ epoch: 0, records: [] });
      });

      it('inserts at version 1 under the next epoch', async () => {
        const state = { kind: 'person', id: 'a', version: 1, epoch: 1, body: { name: 'Ada' } };
        expect(await change(store, insert('a', { name: 'Ada' }))).to.deep.equal({
          state: 'committed',
          epoch: 1,
          records: [state],
        });
        expect(await since(0)).to.deep.equal({ epoch: 1, records: [state] });
      });

      it('raises version and epoch with an update', async () => {
        await change(store, insert('a'));
        await change(store, update('a', 1, { name: 'Ada' }));
        expect(await stateOf('a')).to.deep.include({ version: 2, epoch: 2, body: { name: 'Ada' } });
      });

      it('keeps a tombstone of a deleted record', async () => {
        await change(store, insert('a'));
        await change(store, remove('a', 1));
        expect(await stateOf('a')).to.deep.equal({
          kind: 'person',
          id: 'a',
          version: 2,
          epoch: 2,
          body: undefined,
        });
      });

      const lostRaces = [
        ['an insert of an id that exists', insert('a')],
        ['an insert of an id that was deleted', insert('gone')],
        ['an update of an older version', update('a', 1)],
        ['an update of a version that is not there yet', update('a', 3)],
        ['an update of an absent record', update('nobody', 1)],
        ['an update of a deleted record', update('gone', 2)],
        ['a deletion of an older version', remove('a', 1)],
        ['a deletion of an absent record', remove('nobody', 1)],
        ['a second deletion', remove('gone', 2)],
      ] as const;
      for (const [title, losing] of lostRaces) {
        it(`throws Conflict on the version for ${title}, and writes nothing`, async () => {
          await change(store, insert('a'), insert('gone'));
          await change(store, update('a', 1, { kept: true }), remove('gone', 1));
          const before = await since(0);
          const error = await rejection(change(store, insert('b', {}, ['key']), losing, insert('c')));
          expect(error)
            .to.be.instanceOf(Conflict)
            .and.include({ on: 'version', key: `person/${losing.id}` });
          expect(await since(0)).to.deep.equal(before);
          expect((await change(store, insert('d', {}, ['key']))).state).to.equal('committed');
        });
      }

      it('keeps records of different kind apart', async () => {
        await change(store, insert('a', { is: 'person' }), {
          op: 'insert',
          kind: 'trust',
          id: 'a',
          body: { is: 'trust' },
        });
        expect((await since(0)).records.map(({ kind, body }) => [kind, body])).to.have.deep.members([
          ['person', { is: 'person' }],
          ['trust', { is: 'trust' }],
        ]);
      });

      it('stamps all changes of a unit with one epoch', async () => {
        await change(store, insert('a'));
        await change(store, update('a', 1), insert('b'), insert('c'));
        const { epoch, records } = await since(0);
        expect(epoch).to.equal(2);
        expect(records.map((record) => record.epoch)).to.deep.equal([2, 2, 2]);
      });

      it('lets a unit change one record twice', async () => {
        await change(store, insert('a', { n: 1 }), update('a', 1, { n: 2 }));
        expect(await stateOf('a')).to.deep.include({ version: 2, body: { n: 2 } });
      });

      it('tells only what changed after an epoch', async () => {
        await change(store, insert('a'));
        await change(store, insert('b'));
        await change(store, remove('a', 1));
        expect((await since(1)).records.map(({ id }) => id)).to.have.members(['a', 'b']);
        expect((await since(2)).records.map(({ id, body }) => [id, body])).to.deep.equal([['a', undefined]]);
        expect(await since(3)).to.deep.equal({ epoch: 3, records: [] });
      });

      it('does not move the epoch with token flushes, checkpoints or purges', async () => {
        await change(store, insert('a'));
        await claim(aClaim('jti:a', 'u', { expiresAtMs: 1 }));
        await store.journal.appendCheckpoint(aCheckpoint(1));
        await store.journal.purgeClaims(2);
        expect((await since(0)).epoch).to.equal(1);
      });

      it('keeps any JSON as it is', async () => {
        const body = {
          text: 'ünï "cödé" \u0000 \u2028 💡',
          numbers: [0, -1, 1.5, 1e21],
          nested: { $set: { 'a.b': null }, ['__proto__']: 1 },
          list: [[], {}, false],
        };
        await change(store, insert('a', body));
        expect(JSON.stringify((await stateOf('a'))?.body)).to.equal(JSON.stringify(body));
      });

      it('leaves out members that are undefined', async () => {
        const result = await change(store, insert('a', { present: 1, absent: undefined }));
        expect(result).to.have.nested.property('records[0].body').that.deep.equals({ present: 1 });
        expect(Object.keys((await stateOf('a'))?.body ?? {})).to.deep.equal(['present']);
      });

      it('is not changed by later changes of the object it was given', async () => {
        const body = { roles: ['reader'] };
        await change(store, insert('a', body));
        body.roles.push('admin');
        expect((await stateOf('a'))?.body).to.deep.equal({ roles: ['reader'] });
      });

      it('commits a unit without changes under an epoch of its own', async () => {
        expect(await change(store)).to.deep.equal({ state: 'committed', epoch: 1, records: [] });
      });
    });

    describe('unique keys', () => {
      const lostKey = async (...changes: Parameters<typeof change>[1][]) => {
        const before = await since(0);
        const error = await rejection(change(store, ...changes));
        expect(error).to.be.instanceOf(Conflict).and.include({ on: 'unique' });
        expect(await since(0)).to.deep.equal(before);
        return (error as Conflict).key;
      };

      it('are held by one record', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        expect(await lostKey(insert('b', {}, ['iss:y', 'iss:x']))).to.equal('iss:x');
      });

      it('are shared between kinds', async () => {
        await change(store, insert('a', {}, ['name:x']));
        expect(
          await lostKey({ op: 'insert', kind: 'trust', id: 'b', body: {}, unique: ['name:x'] }),
        ).to.equal('name:x');
      });

      it('of a refused record stay free', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        await lostKey(insert('b', {}, ['iss:y', 'iss:x']));
        expect((await change(store, insert('c', {}, ['iss:y']))).state).to.equal('committed');
      });

      it('stay with an update that does not name any', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        await change(store, update('a', 1));
        expect(await lostKey(insert('b', {}, ['iss:x']))).to.equal('iss:x');
      });

      it('are replaced by an update that names some', async () => {
        await change(store, insert('a', {}, ['iss:x', 'iss:y']));
        await change(store, update('a', 1, {}, ['iss:y', 'iss:z']));
        expect((await change(store, insert('b', {}, ['iss:x']))).state).to.equal('committed');
        expect(await lostKey(insert('c', {}, ['iss:z']))).to.equal('iss:z');
      });

      it('are dropped by an update that names an empty list', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        await change(store, update('a', 1, {}, []));
        expect((await change(store, insert('b', {}, ['iss:x']))).state).to.equal('committed');
      });

      it('are freed by a deletion', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        await change(store, remove('a', 1));
        expect((await change(store, insert('b', {}, ['iss:x']))).state).to.equal('committed');
      });

      it('stay held when an update of their holder loses', async () => {
        await change(store, insert('a', {}, ['iss:x']), insert('b', {}, ['iss:y']));
        await lostKey(update('a', 1, {}, ['iss:z']), update('b', 1, {}, ['iss:z']));
        expect(await lostKey(insert('c', {}, ['iss:x']))).to.equal('iss:x');
        expect((await change(store, insert('d', {}, ['iss:z']))).state).to.equal('committed');
      });

      it('pass from one record to another within a unit', async () => {
        await change(store, insert('a', {}, ['iss:x']));
        await change(store, update('a', 1, {}, []), insert('b', {}, ['iss:x']));
        expect(await lostKey(update('a', 2, {}, ['iss:x']))).to.equal('iss:x');
      });

      it('may be named twice by one record', async () => {
        expect((await change(store, insert('a', {}, ['iss:x', 'iss:x']))).state).to.equal('committed');
      });
    });

    describe('events', () => {
      it('come back as they went in', async () => {
        const event = anEvent(0, {
          principalId: 'p1',
          requestId: requestIdAt(baseTimeMs),
          body: '{"text":"ü 💡 \\u0000"}',
        });
        await append(store, [event]);
        expect(await allEvents(store)).to.deep.equal([event]);
      });

      it('are inserted in the order of the seal', async () => {
        await append(
          store,
          events(5, () => ({ timeMs: baseTimeMs })),
        );
        expect(numbers(await allEvents(store))).to.deep.equal([0, 1, 2, 3, 4]);
      });

      it('are ordered by time across chains', async () => {
        await append(store, [anEvent(0, { timeMs: baseTimeMs + 9 })]);
        await append(store, [anEvent(0, { chain: 'start1-management', timeMs: baseTimeMs })]);
        expect((await allEvents(store)).map((event) => event.chain)).to.deep.equal([
          'start1-management',
          'start1-token',
        ]);
      });

      for (const direction of ['asc', 'desc'] as const) {
        it(`are paged without gap or repeat, ${direction}`, async () => {
          await append(
            store,
            events(23, (number) => ({ timeMs: baseTimeMs + Math.floor(number / 4) })),
          );
          const seen: number[] = [];
          let after: string | undefined;
          do {
            const page = await store.events.page({
              direction,
              limit: 5,
              ...(after === undefined ? {} : { after }),
            });
            seen.push(...numbers(page.items));
            after = page.next;
          } while (after !== undefined);
          const expected = Array.from({ length: 23 }, (_, number) => number);
          expect(seen).to.deep.equal(direction === 'asc' ? expected : expected.reverse());
        });
      }

      it('announce no page behind the last full one', async () => {
        await append(store, events(4));
        expect((await store.events.page({ direction: 'asc', limit: 4 })).next).to.equal(undefined);
        expect((await store.events.page({ direction: 'asc', limit: 3 })).next).to.be.a('string');
      });

      it('that arrive later appear behind the cursor', async () => {
        await append(store, events(3));
        const { next = '' } = await store.events.page({ direction: 'asc', limit: 2 });
        await append(store, [anEvent(3)]);
        const page = await store.events.page({ direction: 'asc', limit: 9, after: next });
        expect(numbers(page.items)).to.deep.equal([2, 3]);
      });

      const windows: readonly (readonly [
        string,
        { sinceMs?: number; untilMs?: number },
        readonly number[],
      ])[] = [
        ['since is inclusive', { sinceMs: baseTimeMs + 2_000 }, [2, 3, 4]],
        ['until is exclusive', { untilMs: baseTimeMs + 2_000 }, [0, 1]],
        ['both bound', { sinceMs: baseTimeMs + 1_000, untilMs: baseTimeMs + 3_000 }, [1, 2]],
        ['an empty window is empty', { sinceMs: baseTimeMs + 2_000, untilMs: baseTimeMs + 2_000 }, []],
      ];
      for (const [title, window, expected] of windows) {
        it(`are bounded by time: ${title}`, async () => {
          await append(store, events(5));
          const up = await store.events.page({ direction: 'asc', limit: 10, ...window });
          const down = await store.events.page({ direction: 'desc', limit: 10, ...window });
          expect(numbers(up.items)).to.deep.equal(expected);
          expect(numbers(down.items)).to.deep.equal(expected.toReversed());
        });
      }

      it('keep the time window on later pages', async () => {
        await append(store, events(9));
        const window = {
          direction: 'desc',
          limit: 2,
          sinceMs: baseTimeMs + 3_000,
          untilMs: baseTimeMs + 7_000,
        } as const;
        const first = await store.events.page(window);
        const second = await store.events.page({ ...window, after: first.next ?? '' });
        expect([...numbers(first.items), ...numbers(second.items)]).to.deep.equal([6, 5, 4, 3]);
        expect(second.next).to.equal(undefined);
      });

      it('are filtered by principal', async () => {
        await append(
          store,
          events(9, (number) => (number % 3 === 0 ? {} : { principalId: `p${number % 3}` })),
        );
        const of = async (...principalIds: string[]) =>
          numbers((await store.events.page({ direction: 'asc', limit: 9, principalIds })).items);
        expect(await of('p1')).to.deep.equal([1, 4, 7]);
        expect(await of('p2', 'p1', 'p9')).to.deep.equal([1, 2, 4, 5, 7, 8]);
        expect(await of('p9')).to.deep.equal([]);
        expect(await of()).to.deep.equal([]);
      });

      it('are filtered by principal page after page, newest first', async () => {
        await append(
          store,
          events(9, (number) => ({ principalId: `p${number % 2}` })),
        );
        const query = { direction: 'desc', limit: 2, principalIds: ['p0'] } as const;
        const first = await store.events.page(query);
        const second = await store.events.page({ ...query, after: first.next ?? '' });
        expect([...numbers(first.items), ...numbers(second.items)]).to.deep.equal([8, 6, 4, 2]);
      });

      for (const after of [
        '',
        'x',
        '1',
        '1.',
        '-1.1',
        '1.1; DROP TABLE event',
        `${'9'.repeat(16)}.1`,
        '1e3.1',
      ]) {
        it(`refuse the cursor ${JSON.stringify(after)}`, async () => {
          await append(store, events(2));
          const error = await rejection(store.events.page({ direction: 'asc', limit: 1, after }));
          expect(error).to.be.instanceOf(GatewayError).and.have.property('code', 'invalid_argument');
        });
      }

      it('are found by uid', async () => {
        await append(store, [...events(3), anEvent(1, { chain: 'start1-management' })]);
        const event = await store.events.byUid('start1-management-1');
        expect(event).to.deep.equal(anEvent(1, { chain: 'start1-management' }));
      });

      for (const uid of [
        'start1-token-3',
        'start1-token-01',
        'start1-token',
        'other-token-1',
        '',
        "' OR 1=1 --",
      ]) {
        it(`are absent under the uid ${JSON.stringify(uid)}`, async () => {
          await append(store, events(3));
          expect(await store.events.byUid(uid)).to.equal(undefined);
        });
      }

      it('are found by request, all of them', async () => {
        const requestId = requestIdAt(baseTimeMs, 'a');
        await append(
          store,
          events(4, (number) => ({ requestId: number % 2 === 0 ? requestId : requestIdAt(baseTimeMs) })),
        );
        expect(numbers(await store.events.byRequest(requestId))).to.deep.equal([0, 2]);
      });

      it('are absent for an unknown request and for text that is no request id', async () => {
        await append(
          store,
          events(2, () => ({ requestId: requestIdAt(baseTimeMs) })),
        );
        expect(await store.events.byRequest(requestIdAt(baseTimeMs, 'f'))).to.deep.equal([]);
        expect(await store.events.byRequest('nothing')).to.deep.equal([]);
      });

      it('are written with a management unit', async () => {
        await store.journal.commitManagement({
          claims: [],
          changes: [insert('a')],
          seal: () => [anEvent(0)],
        });
        expect(await allEvents(store)).to.deep.equal([anEvent(0)]);
      });

      it('are not sealed for a unit that lost its compare-and-swap', async () => {
        let sealed = 0;
        const seal = () => {
          sealed += 1;
          return [anEvent(0)];
        };
        await rejection(store.journal.commitManagement({ claims: [], changes: [update('a', 1)], seal }));
        expect(sealed).to.equal(0);
        expect(await allEvents(store)).to.deep.equal([]);
      });

      it('are sealed once per flush, when the losers are known', async () => {
        await claim(aClaim('jti:a', 'old'));
        const calls: string[][] = [];
        await store.journal.flushTokens({
          claims: [aClaim('jti:a', 'u1'), aClaim('jti:b', 'u2')],
          seal: (lost) => {
            calls.push([...lost]);
            return [];
          },
        });
        expect(calls).to.deep.equal([['u1']]);
      });
    });

    describe('failure', () => {
      const failing = (): never => {
        throw new Error('abandoned');
      };

      it('a token flush whose seal throws writes no event and the next one succeeds', async () => {
        const error = await rejection(
          store.journal.flushTokens({ claims: [aClaim('jti:a', 'u1')], seal: failing }),
        );
        expect(error.message).to.equal('abandoned');
        await append(store, events(1));
        expect(await allEvents(store)).to.have.length(1);
      });

      it('a management unit whose seal throws writes nothing', async () => {
        const unit = { claims: [aClaim('jti:a', 'u1')], changes: [insert('a', {}, ['key'])], seal: failing };
        expect((await rejection(store.journal.commitManagement(unit))).message).to.equal('abandoned');
        expect(await since(0)).to.deep.equal({ epoch: 0, records: [] });
        expect((await change(store, insert('b', {}, ['key']))).state).to.equal('committed');
        expect((await claim(aClaim('jti:a', 'u2'))).lost).to.deep.equal([]);
      });
    });

    describe('checkpoints', () => {
      it('come back as they went in, by number', async () => {
        for (const number of [1, 2, 3]) await store.journal.appendCheckpoint(aCheckpoint(number));
        const page = await store.events.checkpoints({ direction: 'asc', limit: 9 });
        expect(page).to.deep.equal({ items: [aCheckpoint(1), aCheckpoint(2), aCheckpoint(3)] });
      });

      it('are read from the newest', async () => {
        for (const number of [1, 2, 3]) await store.journal.appendCheckpoint(aCheckpoint(number));
        const newest = await store.events.checkpoints({ direction: 'desc', limit: 1 });
        expect(numbers(newest.items)).to.deep.equal([3]);
      });

      for (const direction of ['asc', 'desc'] as const) {
        it(`are paged ${direction}`, async () => {
          for (const number of [1, 2, 3]) await store.journal.appendCheckpoint(aCheckpoint(number));
          const first = await store.events.checkpoints({ direction, limit: 2 });
          const second = await store.events.checkpoints({ direction, limit: 2, after: first.next ?? '' });
          const expected = direction === 'asc' ? [1, 2, 3] : [3, 2, 1];
          expect([...numbers(first.items), ...numbers(second.items)]).to.deep.equal(expected);
          expect(second.next).to.equal(undefined);
        });
      }

      it('are insert-only: a taken number is a conflict', async () => {
        await store.journal.appendCheckpoint(aCheckpoint(1));
        const error = await rejection(store.journal.appendCheckpoint(aCheckpoint(1, { body: '{}' })));
        expect(error).to.be.instanceOf(Conflict).and.include({ on: 'unique' });
        const { items } = await store.events.checkpoints({ direction: 'asc', limit: 9 });
        expect(items).to.deep.equal([aCheckpoint(1)]);
      });
    });

    describe('concurrency', () => {
      const outcomes = async (attempts: readonly Promise<unknown>[]) => {
        const settled = await Promise.allSettled(attempts);
        const lost = settled.filter((one) => one.status === 'rejected').map((one) => one.reason);
        for (const error of lost) expect(error).to.be.instanceOf(Conflict);
        return { won: settled.length - lost.length, lost: lost.length };
      };

      it('64 flushes with one claim: one wins', async () => {
        const results = await parallel(64, (i) => claim(aClaim('jti:a', `u${i}`)));
        expect(results.filter(({ lost }) => lost.length === 0)).to.have.length(1);
      });

      it('64 flushes with one claim: all losers learn the same winner', async () => {
        const results = await parallel(64, (i) => claim(aClaim('jti:a', `u${i}`)));
        const winners = new Set(
          results.flatMap(({ winners }) => [...winners.values()].map((one) => one.unitId)),
        );
        expect(winners.size).to.equal(1);
      });

      it('64 flushes with different claims: all win', async () => {
        const results = await parallel(64, (i) => claim(aClaim(`jti:${i}`, `u${i}`)));
        expect(results.flatMap(({ lost }) => lost)).to.deep.equal([]);
      });

      it('64 flushes of one unit: all are its own', async () => {
        const results = await parallel(64, () => claim(aClaim('jti:a', 'u1')));
        expect(results.flatMap(({ lost }) => lost)).to.deep.equal([]);
      });

      it('overlapping batches: every claim has one winner', async () => {
        const ids = Array.from({ length: 16 }, (_, i) => `jti:${i}`);
        const results = await parallel(16, (i) => claim(...ids.map((id) => aClaim(id, `u${i}-${id}`))));
        expect(results.flatMap(({ lost }) => lost)).to.have.length(16 * 15);
      });

      it('16 management units with one claim: one is committed, the others change nothing', async () => {
        const results = await parallel(16, (i) =>
          store.journal.commitManagement({
            claims: [aClaim('boot:1', `u${i}`)],
            changes: [insert(`person${i}`)],
            seal: () => [],
          }),
        );
        expect(results.filter(({ state }) => state === 'committed')).to.have.length(1);
        expect((await since(0)).records).to.have.length(1);
      });

      it('a token flush and a management unit with one claim: one wins', async () => {
        const [token, management] = await Promise.all([
          claim(aClaim('x:1', 'u1')),
          store.journal.commitManagement({ claims: [aClaim('x:1', 'u2')], changes: [], seal: () => [] }),
        ]);
        expect(token.lost.length === 0).to.equal(management.state === 'lost');
      });

      it('32 updates of one version: one wins', async () => {
        await change(store, insert('a'));
        const result = await outcomes(
          Array.from({ length: 32 }, (_, by) => change(store, update('a', 1, { by }))),
        );
        expect(result).to.deep.equal({ won: 1, lost: 31 });
        expect(await stateOf('a')).to.include({ version: 2, epoch: 2 });
      });

      it('32 inserts of one id: one wins', async () => {
        const result = await outcomes(Array.from({ length: 32 }, () => change(store, insert('a'))));
        expect(result).to.deep.equal({ won: 1, lost: 31 });
      });

      it('32 inserts with one unique key: one wins', async () => {
        const result = await outcomes(
          Array.from({ length: 32 }, (_, i) => change(store, insert(`a${i}`, {}, ['iss:x']))),
        );
        expect(result).to.deep.equal({ won: 1, lost: 31 });
        expect((await since(0)).records).to.have.length(1);
      });

      it('an update against a deletion: one wins', async () => {
        await change(store, insert('a'));
        expect(await outcomes([change(store, update('a', 1)), change(store, remove('a', 1))])).to.deep.equal({
          won: 1,
          lost: 1,
        });
      });

      it('two records that swap a unique key one by one: one wins', async () => {
        await change(store, insert('a', {}, ['k:a']), insert('b', {}, ['k:b']));
        const result = await outcomes([
          change(store, update('a', 1, {}, ['k:c'])),
          change(store, update('b', 1, {}, ['k:c'])),
        ]);
        expect(result).to.deep.equal({ won: 1, lost: 1 });
      });

      it('32 independent changes: each has an epoch of its own', async () => {
        const results = await parallel(32, (i) => change(store, insert(`a${i}`)));
        const epochs = results.map((result) => (result.state === 'committed' ? result.epoch : 0));
        expect(epochs.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 32 }, (_, i) => i + 1));
      });

      it('a reader that follows the epoch while 32 changes run misses none', async () => {
        const writers = parallel(32, (i) => change(store, insert(`a${i}`)));
        const seen = new Set<string>();
        for (let epoch = 0; epoch < 32; ) {
          const next = await since(epoch);
          for (const record of next.records) seen.add(record.id);
          epoch = next.epoch;
        }
        await writers;
        expect(seen.size).to.equal(32);
      });

      it('32 flushes and 32 changes at once: nothing is lost', async () => {
        await Promise.all([
          parallel(32, (i) => append(store, [anEvent(i, { timeMs: baseTimeMs })])),
          parallel(32, (i) => change(store, insert(`a${i}`))),
        ]);
        expect(numbers(await allEvents(store, 7)).sort((a, b) => a - b)).to.deep.equal([...Array(32).keys()]);
        expect((await since(0)).epoch).to.equal(32);
      });

      it('16 checkpoints of one number: one is written', async () => {
        const result = await outcomes(
          Array.from({ length: 16 }, (_, i) =>
            store.journal.appendCheckpoint(aCheckpoint(1, { signature: `from${i}` })),
          ),
        );
        expect(result).to.deep.equal({ won: 1, lost: 15 });
      });
    });
  });
}
