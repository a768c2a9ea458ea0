import type { Entry } from './snapshot.ts';

/** A secondary index over one kind of record; feed `update` from `onChange` of `createRecordMap`. */
export interface RecordIndex<T> {
  /** Entries with this key, by id ascending. */
  of(key: string): readonly Entry<T>[];
  count(key: string): number;
  update(id: string, next: Entry<T> | undefined, previous: Entry<T> | undefined): void;
}

export function createRecordIndex<T>(keyOf: (value: T) => string): RecordIndex<T> {
  const groups = new Map<string, Map<string, Entry<T>>>();

  const drop = (key: string, id: string): void => {
    const group = groups.get(key);
    group?.delete(id);
    if (group?.size === 0) groups.delete(key);
  };

  const add = (key: string, entry: Entry<T>): void => {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, new Map([[entry.id, entry]]));
    else group.set(entry.id, entry);
  };

  return {
    of: (key) => [...(groups.get(key)?.values() ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)),
    count: (key) => groups.get(key)?.size ?? 0,
    update: (id, next, previous) => {
      if (previous !== undefined) drop(keyOf(previous.value), id);
      if (next !== undefined) add(keyOf(next.value), next);
    },
  };
}
