import type { JsonObject, RecordKind, RecordState } from './model.ts';

/**
 * Hot state of one kind of record, held as a plain Map: loaded at start, never expiring, brought up to date by the journal
 * and the epoch alone. It is not a cache; the token path reads nothing else.
 */
export interface Snapshot {
  readonly kind: RecordKind;
  /** Throws when a body is not one of this kind; asked before such a body becomes durable. */
  parse(body: JsonObject): unknown;
  /** Takes over a newer version, ignores an older one. */
  apply(state: RecordState): void;
}

export interface Entry<T> {
  readonly id: string;
  readonly version: number;
  readonly value: T;
}

export interface RecordMap<T> extends Snapshot {
  parse(body: JsonObject): T;
  get(id: string): Entry<T> | undefined;
  values(): IterableIterator<Entry<T>>;
  readonly size: number;
}

/** Freezes JSON-like data all the way down. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}

/**
 * @param deps.parse Turns a stored body into the feature's type; throws when the document is not one (it is an edge).
 * @param deps.onChange Called after the map has changed; for secondary indexes and compiled forms.
 */
export function createRecordMap<T>(deps: {
  readonly kind: RecordKind;
  readonly parse: (body: JsonObject) => T;
  readonly onChange?: (id: string, next: Entry<T> | undefined, previous: Entry<T> | undefined) => void;
}): RecordMap<T> {
  const { kind, parse, onChange } = deps;
  const entries = new Map<string, Entry<T>>();
  /** Versions of deleted records: an old state that arrives late must not revive one. */
  const tombstones = new Map<string, number>();

  const read = (id: string, body: JsonObject): T => {
    try {
      return parse(body);
    } catch (cause) {
      throw new Error(`the stored ${kind} ${id} cannot be read`, { cause });
    }
  };

  const apply = (state: RecordState): void => {
    const { id, version, body } = state;
    const previous = entries.get(id);
    if (version <= (previous?.version ?? tombstones.get(id) ?? 0)) return;
    if (body === undefined) {
      entries.delete(id);
      tombstones.set(id, version);
      if (previous !== undefined) onChange?.(id, undefined, previous);
      return;
    }
    const next = Object.freeze({ id, version, value: freeze(read(id, body)) });
    entries.set(id, next);
    tombstones.delete(id);
    onChange?.(id, next, previous);
  };

  return {
    kind,
    parse,
    apply,
    get: (id) => entries.get(id),
    values: () => entries.values(),
    get size() {
      return entries.size;
    },
  };
}
