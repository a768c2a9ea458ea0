/** Caches behind small ports: node-cache for small fixed sets, lru-cache where entries must be evicted. */

import { LRUCache } from 'lru-cache';
import NodeCache from 'node-cache';

export interface TtlCache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
}

/** For one entry a known thing (a provider): values are kept by reference and never evicted for space. */
export function createTtlCache<Value>(options: { readonly ttlSeconds: number }): TtlCache<Value> {
  const cache = new NodeCache({ stdTTL: options.ttlSeconds, useClones: false, checkperiod: 0 });
  return {
    get: (key) => cache.get<Value>(nameOf(key)),
    set: (key, value) => {
      cache.set(nameOf(key), value);
    },
    delete: (key) => {
      cache.del(nameOf(key));
    },
  };
}

/** node-cache keeps its entries in a plain object: no key may be the name of something inherited. */
const nameOf = (key: string): string => `:${key}`;

/** For keys that strangers choose: the least recently used entry leaves when the cache is full. */
export function createBoundedCache<Value extends NonNullable<unknown>>(options: {
  readonly maxEntries: number;
}): TtlCache<Value> {
  const cache = new LRUCache<string, Value>({ max: options.maxEntries });
  return {
    get: (key) => cache.get(key),
    set: (key, value) => {
      cache.set(key, value);
    },
    delete: (key) => {
      cache.delete(key);
    },
  };
}
