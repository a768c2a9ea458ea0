import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Unavailable } from '../../kernel/errors.ts';
import type { Store } from '../model.ts';
import { type Driver, type DriverName, openDriver } from './driver.ts';
import { createEventReader } from './event-reader.ts';
import { createJournalWriter } from './journal-writer.ts';
import { migrate } from './migrations.ts';
import { createRecordTable } from './record-table.ts';

/** Pages (4 KiB) of the write-ahead log that SQLite itself lets pass before it moves them in the middle of a commit. */
const autoCheckpointPages = 8_000;
const idleCheckMs = 500;

/** Opens the one file of the embedded store, mode 0600, for this process alone. */
export async function openSqliteStore(deps: {
  readonly path: string;
  readonly driver?: DriverName;
}): Promise<Store> {
  const { path } = deps;
  makePrivateFile(path);
  const driver = await openDriver(path, deps.driver);
  try {
    takeLock(driver, path);
    return createSqliteStore(driver);
  } catch (error) {
    driver.close();
    throw error;
  }
}

/** The store over an open connection that nobody else uses. */
export function createSqliteStore(driver: Driver): Store {
  migrate(driver);
  const records = createRecordTable(driver);
  const checkpoints = checkpointWhenIdle(driver);
  return {
    journal: createJournalWriter(checkpoints.observed, records),
    records: records.source,
    events: createEventReader(driver),
    close: async () => {
      checkpoints.stop();
      try {
        releaseLock(driver);
      } finally {
        driver.close();
      }
    },
  };
}

function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // An existing file is not opened here: closing it again would drop the lock another store of this process holds.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  chmodSync(path, 0o600);
}

/**
 * Takes the file at once and for good: the lock must be exclusive before the write-ahead log is first touched, and
 * asking for that log touches it.
 */
function takeLock(driver: Driver, path: string): void {
  try {
    driver.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE');
    driver.prepare('PRAGMA journal_mode = WAL').all([]);
    driver.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${autoCheckpointPages}`);
  } catch (error) {
    const isLocked = error instanceof Unavailable && /locked|busy/i.test(error.message);
    if (!isLocked) throw error;
    throw new Unavailable(
      `${path} is in use by another process: the embedded store serves one process only, ` +
        'use the MongoDB store to run more than one instance',
      { cause: error },
    );
  }
}

/**
 * Folds the log into the file and gives the file back. libsql alone would hold it until its statements are collected,
 * and SQLite leaves exclusive mode only outside WAL.
 */
function releaseLock(driver: Driver): void {
  driver.prepare('PRAGMA journal_mode = DELETE').all([]);
  driver.prepare('PRAGMA locking_mode = NORMAL').all([]);
  driver.prepare('SELECT epoch FROM state').all([]);
}

/** Moves the write-ahead log into the file while nothing is written, so that commits seldom have to. */
function checkpointWhenIdle(driver: Driver): { readonly observed: Driver; stop(): void } {
  const checkpoint = driver.prepare('PRAGMA wal_checkpoint(PASSIVE)');
  let hasWritten = false;
  let isDirty = false;
  const timer = setInterval(() => {
    if (!hasWritten && isDirty) {
      isDirty = false;
      try {
        checkpoint.all([]);
      } catch {
        // The log stays longer; the next commit shows whether the disk is really broken.
      }
    }
    hasWritten = false;
  }, idleCheckMs);
  timer.unref();
  const observed: Driver = {
    ...driver,
    transaction: (work) => {
      hasWritten = true;
      isDirty = true;
      return driver.transaction(work);
    },
  };
  return { observed, stop: () => clearInterval(timer) };
}
