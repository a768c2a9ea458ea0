import { Unavailable } from '../../kernel/errors.ts';

/** The embedded database: one connection through the runtime's own SQLite, or libsql's where it has none. */

export type DriverName = 'node:sqlite' | 'libsql';
export type Value = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

/** Every method throws `Unavailable` when SQLite fails; the cause carries its code. */
export interface Driver {
  exec(sql: string): void;
  /** Prepared once, run often. */
  prepare(sql: string): Statement;
  /** One write transaction: all of it is durable when the call returns, nothing when it throws. */
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface Statement {
  /** Number of rows that were changed. */
  run(values: readonly Value[]): number;
  all(values: readonly Value[]): readonly Row[];
}

/** What the two packages have in common, of what we use. */
interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(values: readonly Value[]): { readonly changes: number | bigint };
    all(values: readonly Value[]): unknown[];
  };
  close(): unknown;
}

/** The part of `node:sqlite` that we use; the type package of the oldest supported runtime lacks it. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
  ) => {
    exec(sql: string): void;
    prepare(sql: string): {
      run(...values: readonly Value[]): { readonly changes: number | bigint };
      all(...values: readonly Value[]): unknown[];
    };
    close(): void;
  };
}

/** Whether this runtime has `node:sqlite` (Node.js 22.13 and newer). */
export function hasNodeSqlite(): boolean {
  return process.getBuiltinModule('node:sqlite') !== undefined;
}

/** @param name Default: the runtime's own SQLite where there is one. */
export async function openDriver(
  path: string,
  name: DriverName = hasNodeSqlite() ? 'node:sqlite' : 'libsql',
): Promise<Driver> {
  const database = name === 'libsql' ? await openLibsql(path) : openNodeSqlite(path);
  return createDriver(database);
}

async function openLibsql(path: string): Promise<Database> {
  const { default: Libsql } = await import('libsql');
  const database = translated(() => new Libsql(path));
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => database.prepare<[readonly Value[]]>(sql),
    close: () => database.close(),
  };
}

function openNodeSqlite(path: string): Database {
  const module = process.getBuiltinModule('node:sqlite') as NodeSqlite | undefined;
  if (module === undefined) throw new Unavailable('this runtime has no node:sqlite');
  const database = translated(() => new module.DatabaseSync(path));
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        run: (values) => statement.run(...values),
        all: (values) => statement.all(...values),
      };
    },
    close: () => database.close(),
  };
}

function createDriver(database: Database): Driver {
  const prepare = (sql: string): Statement => {
    const statement = translated(() => database.prepare(sql));
    return {
      run: (values) => translated(() => Number(statement.run(values).changes)),
      all: (values) => translated(() => statement.all(values) as Row[]),
    };
  };
  const begin = prepare('BEGIN IMMEDIATE');
  const commit = prepare('COMMIT');
  const rollback = prepare('ROLLBACK');

  return {
    exec: (sql) => translated(() => void database.exec(sql)),
    prepare,
    transaction: (work) => {
      begin.run([]);
      try {
        const result = work();
        commit.run([]);
        return result;
      } catch (error) {
        try {
          rollback.run([]);
        } catch {
          // SQLite has rolled back by itself, as it does when the disk is full.
        }
        throw error;
      }
    },
    close: () => void database.close(),
  };
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new Unavailable(`SQLite: ${cause instanceof Error ? cause.message : 'unknown error'}`, { cause });
  }
}
