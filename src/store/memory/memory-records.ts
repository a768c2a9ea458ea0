import type { Change, JsonObject, RecordState } from '../../journal/model.ts';
import type { RecordSource } from '../../journal/ports.ts';
import { Conflict } from '../../kernel/errors.ts';

interface Held {
  readonly state: RecordState;
  readonly unique: readonly string[];
}

export interface MemoryRecords {
  readonly source: RecordSource;
  /** Applies all changes under the next epoch, or none: when one loses its race or `beforeCommit` throws. */
  change(
    changes: readonly Change[],
    beforeCommit: () => void,
  ): { readonly epoch: number; readonly records: readonly RecordState[] };
}

export function createMemoryRecords(): MemoryRecords {
  const held = new Map<string, Held>();
  /** Unique key → who holds it. */
  const keys = new Map<string, string>();
  let epoch = 0;

  const put = (place: string, next: Held, undo: (() => void)[]): void => {
    const previous = held.get(place);
    for (const key of previous?.unique ?? []) {
      keys.delete(key);
      undo.push(() => keys.set(key, place));
    }
    for (const key of next.unique) {
      const holder = keys.get(key);
      if (holder === place) continue;
      if (holder !== undefined) throw new Conflict('unique', key);
      keys.set(key, place);
      undo.push(() => keys.delete(key));
    }
    held.set(place, next);
    undo.push(() => {
      if (previous === undefined) held.delete(place);
      else held.set(place, previous);
    });
  };

  const applyOne = (change: Change, nextEpoch: number, undo: (() => void)[]): RecordState => {
    const { kind, id } = change;
    const place = `${kind}/${id}`;
    const current = held.get(place);
    const isFound =
      change.op === 'insert'
        ? current === undefined
        : current?.state.body !== undefined && current.state.version === change.expect;
    if (!isFound) throw new Conflict('version', place);
    const version = (current?.state.version ?? 0) + 1;
    const body = change.op === 'delete' ? undefined : copyOf(change.body);
    const state: RecordState = { kind, id, version, epoch: nextEpoch, body };
    const unique = change.op === 'delete' ? [] : (change.unique ?? current?.unique ?? []);
    put(place, { state, unique }, undo);
    return state;
  };

  return {
    source: {
      changedSince: async (since) => {
        const newer = [...held.values()].map((one) => one.state).filter((state) => state.epoch > since);
        return { epoch, records: newer.sort((a, b) => a.epoch - b.epoch) };
      },
    },
    change: (changes, beforeCommit) => {
      const undo: (() => void)[] = [];
      try {
        const records = changes.map((change) => applyOne(change, epoch + 1, undo));
        beforeCommit();
        epoch += 1;
        return { epoch, records };
      } catch (error) {
        for (const step of undo.reverse()) step();
        throw error;
      }
    },
  };
}

/** As a database would keep it: nothing that JSON does not know, no tie to the caller's object. */
function copyOf(body: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(body));
}
