import { expect } from 'chai';
import fc from 'fast-check';
import type { JsonObject, RecordState } from '../../src/journal/model.ts';
import { createRecordMap, type Entry } from '../../src/journal/snapshot.ts';

const state = (version: number, body?: JsonObject): RecordState => ({
  kind: 'person',
  id: 'a',
  version,
  epoch: version,
  body,
});
const passThrough = (body: JsonObject): JsonObject => body;

describe('journal: record map', () => {
  it('holds the parsed value of the newest version', () => {
    const map = createRecordMap({ kind: 'person', parse: (body) => `<${body['name']}>` });
    map.apply(state(1, { name: 'Ada' }));
    map.apply(state(2, { name: 'Bob' }));
    expect(map.get('a')).to.deep.equal({ id: 'a', version: 2, value: '<Bob>' });
    expect(map.size).to.equal(1);
    expect([...map.values()]).to.have.length(1);
  });

  const ignored: readonly (readonly [string, readonly RecordState[], number | undefined])[] = [
    ['an older version', [state(2, {}), state(1, {})], 2],
    ['the same version', [state(2, {}), state(2, { other: true })], 2],
    ['a deletion that is older', [state(3, {}), state(2)], 3],
    ['a version older than the deletion', [state(1, {}), state(3), state(2, {})], undefined],
  ];
  for (const [title, states, version] of ignored) {
    it(`ignores ${title}`, () => {
      const map = createRecordMap({ kind: 'person', parse: passThrough });
      for (const one of states) map.apply(one);
      expect(map.get('a')?.version).to.equal(version);
    });
  }

  it('freezes values all the way down', () => {
    const map = createRecordMap({ kind: 'person', parse: passThrough });
    map.apply(state(1, { roles: [{ id: 'admin' }] }));
    const roles = map.get('a')?.value['roles'] as { id: string }[];
    expect(() => roles.push({ id: 'x' })).to.throw(TypeError);
    expect(() => {
      (roles[0] as { id: string }).id = 'x';
    }).to.throw(TypeError);
  });

  it('tells each change once, with what was before', () => {
    const told: unknown[] = [];
    const versions = (entry: Entry<JsonObject> | undefined) => entry?.version;
    const map = createRecordMap({
      kind: 'person',
      parse: passThrough,
      onChange: (id, next, previous) =>
        told.push([id, versions(next), versions(previous), map.get(id)?.version]),
    });
    for (const one of [state(1, {}), state(1, {}), state(2, {}), state(3), state(3)]) map.apply(one);
    expect(told).to.deep.equal([
      ['a', 1, undefined, 1],
      ['a', 2, 1, 2],
      ['a', undefined, 2, undefined],
    ]);
  });

  it('keeps the old value when the new one cannot be read, and names the record', () => {
    const map = createRecordMap({
      kind: 'person',
      parse: (body) => {
        if (body['bad'] === true) throw new Error('bad');
        return body;
      },
    });
    map.apply(state(1, {}));
    expect(() => map.apply(state(2, { bad: true }))).to.throw('the stored person a cannot be read');
    expect(map.get('a')?.version).to.equal(1);
  });

  it('property: states in any order, any number of times, end at the newest', () => {
    const versions = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 });
    fc.assert(
      fc.property(versions, fc.boolean(), (order, endsDeleted) => {
        const newest = Math.max(...order);
        const map = createRecordMap({ kind: 'person', parse: passThrough });
        for (const version of order) {
          map.apply(state(version, version === newest && endsDeleted ? undefined : { version }));
        }
        expect(map.get('a')?.value).to.deep.equal(endsDeleted ? undefined : { version: newest });
      }),
    );
  });
});
