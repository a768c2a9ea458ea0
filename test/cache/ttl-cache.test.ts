import { expect } from 'chai';
import { createBoundedCache, createTtlCache } from '../../src/cache/ttl-cache.ts';

describe('cache', () => {
  const kinds = {
    'ttl cache': () => createTtlCache<object>({ ttlSeconds: 60 }),
    'bounded cache': () => createBoundedCache<object>({ maxEntries: 2 }),
  };
  for (const [kind, create] of Object.entries(kinds)) {
    it(`${kind}: gives back the very value, until it is deleted or replaced`, () => {
      const cache = create();
      const value = { set: new Set([1]) };
      expect(cache.get('a')).to.equal(undefined);
      cache.set('a', value);
      expect(cache.get('a')).to.equal(value);
      const other = {};
      cache.set('a', other);
      expect(cache.get('a')).to.equal(other);
      cache.delete('a');
      cache.delete('a');
      expect(cache.get('a')).to.equal(undefined);
    });
    it(`${kind}: has no entry by inheritance`, () => {
      for (const key of ['__proto__', 'constructor', 'toString'])
        expect(create().get(key), key).to.equal(undefined);
    });
  }
  it('bounded cache: the least recently used entry leaves', () => {
    const cache = createBoundedCache<number>({ maxEntries: 2 });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).to.deep.equal([1, undefined, 3]);
  });
});
