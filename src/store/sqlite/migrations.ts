import { Unavailable } from '../../kernel/errors.ts';
import type { Driver } from './driver.ts';
import { integer } from './row.ts';

/**
 * Migration n leads from schema n - 1 to n; `user_version` says how far a file has come. Published ones never change.
 *
 * The event table is the hot one: its key and indexes grow at their end only (one end per principal), which keeps an
 * insert cheap. A request is found through its time.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE state (epoch INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES (0);

  CREATE TABLE record (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL, body TEXT,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX record_epoch ON record (epoch);

  CREATE TABLE unique_key (key TEXT PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX unique_key_holder ON unique_key (kind, id);

  CREATE TABLE claim (
    id TEXT PRIMARY KEY, unit_id TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, note TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claim_expiry ON claim (expires_at_ms);

  CREATE TABLE event (
    id INTEGER PRIMARY KEY, chain TEXT NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    principal_id TEXT, request_id TEXT, body TEXT NOT NULL, hash TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX event_place ON event (chain, number);
  CREATE INDEX event_time ON event (time_ms);
  CREATE INDEX event_principal ON event (principal_id, time_ms) WHERE principal_id IS NOT NULL;

  CREATE TABLE checkpoint (
    number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, body TEXT NOT NULL, signature TEXT NOT NULL
  ) STRICT;
  `,
];

/** Brings the file to the newest schema, one transaction a step; refuses a file that a newer Postern wrote. */
export function migrate(driver: Driver, steps: readonly string[] = migrations): void {
  const [row = {}] = driver.prepare('PRAGMA user_version').all([]);
  const current = integer(row, 'user_version');
  if (current > steps.length) {
    throw new Unavailable(
      `the database has schema ${current}, this version of Postern knows ${steps.length}: run a newer Postern`,
    );
  }
  for (const [index, sql] of steps.entries()) {
    if (index < current) continue;
    driver.transaction(() => driver.exec(`${sql}; PRAGMA user_version = ${index + 1}`));
  }
}
