import type { Change, JsonObject, RecordKind, RecordState } from '../../journal/model.ts';
import type { RecordSource } from '../../journal/ports.ts';
import { Conflict } from '../../kernel/errors.ts';
import type { Driver, Row } from './driver.ts';
import { integer, optionalText, text } from './row.ts';

export interface RecordTable {
  readonly source: RecordSource;
  /** Inside a transaction. Applies all changes under the next epoch; throws `Conflict` when one loses its race. */
  change(changes: readonly Change[]): { readonly epoch: number; readonly records: readonly RecordState[] };
}

export function createRecordTable(driver: Driver): RecordTable {
  const readEpoch = driver.prepare('SELECT epoch FROM state');
  const writeEpoch = driver.prepare('UPDATE state SET epoch = ?');
  const newer = driver.prepare('SELECT * FROM record WHERE epoch > ? ORDER BY epoch, kind, id');
  const insert = driver.prepare('INSERT INTO record VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING');
  const update = driver.prepare(`UPDATE record SET version = version + 1, epoch = ?, body = ?
    WHERE kind = ? AND id = ? AND version = ? AND body IS NOT NULL`);
  const holdKey = driver.prepare('INSERT INTO unique_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const dropKeys = driver.prepare('DELETE FROM unique_key WHERE kind = ? AND id = ?');

  const epochNow = (): number => integer(readEpoch.all([])[0] ?? {}, 'epoch');

  const holdKeys = (change: Change, keys: readonly string[]): void => {
    dropKeys.run([change.kind, change.id]);
    for (const key of new Set(keys)) {
      if (holdKey.run([key, change.kind, change.id]) === 0) throw new Conflict('unique', key);
    }
  };

  const applyOne = (change: Change, epoch: number): RecordState => {
    const { op, kind, id } = change;
    const body = op === 'delete' ? null : JSON.stringify(change.body);
    const version = op === 'insert' ? 1 : change.expect + 1;
    const written =
      op === 'insert'
        ? insert.run([kind, id, epoch, body])
        : update.run([epoch, body, kind, id, change.expect]);
    if (written === 0) throw new Conflict('version', `${kind}/${id}`);
    const keys = op === 'delete' ? [] : change.unique;
    if (keys !== undefined) holdKeys(change, keys);
    return { kind, id, version, epoch, body: body === null ? undefined : JSON.parse(body) };
  };

  return {
    source: {
      // The epoch is read first: a commit in between is read again later, never missed.
      changedSince: async (since) => {
        const epoch = epochNow();
        return { epoch, records: epoch > since ? newer.all([since]).map(parseRecord) : [] };
      },
    },
    change: (changes) => {
      const epoch = epochNow() + 1;
      const records = changes.map((change) => applyOne(change, epoch));
      writeEpoch.run([epoch]);
      return { epoch, records };
    },
  };
}

function parseRecord(row: Row): RecordState {
  const body = optionalText(row, 'body');
  return {
    // A kind that this version does not know has no snapshot and is passed over.
    kind: text(row, 'kind') as RecordKind,
    id: text(row, 'id'),
    version: integer(row, 'version'),
    epoch: integer(row, 'epoch'),
    body: body === undefined ? undefined : parseBody(body),
  };
}

function parseBody(body: string): JsonObject {
  const value: unknown = JSON.parse(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('column body holds no JSON object');
  }
  return value as JsonObject;
}
