import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { recordHash } from '../../src/journal/chain.ts';
import { parseCheckpointBody } from '../../src/journal/checkpoint-body.ts';
import { createCheckpoints } from '../../src/journal/checkpoints.ts';
import type { ChainedEvent, Checkpoint } from '../../src/journal/model.ts';
import type { EventSource } from '../../src/journal/ports.ts';
import { type AuditReport, verifyAudit } from '../../src/journal/verify.ts';
import type { Store } from '../../src/store/model.ts';
import { type Driver, openDriver, type Row } from '../../src/store/sqlite/driver.ts';
import { createEventReader } from '../../src/store/sqlite/event-reader.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createFakeClock, type FakeClock, seededNumbers, silentLogger } from '../fakes.ts';
import { requestIdAt } from '../store/samples.ts';
import {
  createTestSigner,
  insertUnit,
  managementEvent,
  startJournal,
  tokenEvent,
  tokenUnit,
} from './harness.ts';

const signer = createTestSigner();

/** One start of a process: four batches on both lanes, a checkpoint after each second one, a failed flush in the middle. */
async function liveOnce(inner: Store, seed: number, clock: FakeClock): Promise<void> {
  const { journal, store, scheduler } = await startJournal({ inner, seed, clock });
  const checkpoints = createCheckpoints({
    store: inner.journal,
    events: inner.events,
    heads: journal.heads,
    signer,
    clock,
    scheduler,
    logger: silentLogger,
  });
  await checkpoints.start();
  for (let batch = 0; batch < 4; batch += 1) {
    const requestId = requestIdAt(clock.nowMs(), `${seed}${batch}`);
    const tokens = Array.from({ length: 7 }, (_, n) =>
      journal.commit({
        events: [tokenEvent({ data: { seed, batch, n }, requestId, principalId: `p${n % 3}` })],
      }),
    );
    await Promise.all([...tokens, journal.commit(insertUnit(`${seed}-${batch}`))]);
    if (batch === 1) {
      store.fault = 'land';
      await journal.commit(tokenUnit()).catch(() => undefined);
      store.fault = 'none';
      await scheduler.advance(250);
      await journal.commit(tokenUnit());
    }
    await scheduler.advance(30_500);
  }
  await journal.close();
  await checkpoints.close();
}

const all = (driver: Driver, sql: string): readonly Row[] => driver.prepare(sql).all([]);

describe('journal: verify', () => {
  let folder: string;
  let driver: Driver;
  let events: EventSource;
  let newest: Checkpoint;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-verify-'));
    const path = join(folder, 'audit.db');
    const clock = createFakeClock();
    const store = await openSqliteStore({ path });
    for (const seed of [1, 2, 3]) await liveOnce(store, seed, clock);
    await store.close();
    driver = await openDriver(path);
    // Whoever writes to the file can drop its constraints as well.
    driver.exec('DROP INDEX event_place');
    events = createEventReader(driver);
    newest = (await events.checkpoints({ direction: 'desc', limit: 1 })).items[0] as Checkpoint;
  });
  after(() => {
    driver.close();
    rmSync(folder, { recursive: true });
  });

  const check = (external?: Checkpoint): Promise<AuditReport> =>
    verifyAudit({ events, publicKeyOf: signer.publicKeyOf, ...(external === undefined ? {} : { external }) });
  const codes = (report: AuditReport) => [...new Set(report.problems.map(({ code }) => code))];

  /** Verifies the file as it would be after some statements, and takes them back. */
  const verifyAfter = async (tamper: () => void, external?: Checkpoint): Promise<AuditReport> => {
    driver.exec('BEGIN');
    try {
      tamper();
      return await check(external);
    } finally {
      driver.exec('ROLLBACK');
    }
  };
  const run = (sql: string, ...values: (string | number | null)[]): number => driver.prepare(sql).run(values);

  it('finds nothing wrong with an honest store', async () => {
    const report = await check(newest);
    expect(report.problems).to.deep.equal([]);
    expect(report).to.deep.include({ ok: true, chains: 9, checkpoints: newest.number });
    expect(report.records).to.equal(all(driver, 'SELECT id FROM event').length);
  });

  it('finds nothing wrong with an empty store', async () => {
    const report = await verifyAfter(() => {
      run('DELETE FROM event');
      run('DELETE FROM checkpoint');
    });
    expect(report).to.deep.equal({ ok: true, records: 0, chains: 0, checkpoints: 0, problems: [] });
  });

  const named: readonly (readonly [string, string, () => void])[] = [
    [
      'a body',
      'record_altered',
      () => run("UPDATE event SET body = replace(body, 'Success', 'Failure') WHERE id = 5"),
    ],
    ['a principal', 'record_altered', () => run("UPDATE event SET principal_id = 'px' WHERE id = 5")],
    [
      'a principal taken away',
      'record_altered',
      () => run('UPDATE event SET principal_id = NULL WHERE id = 5'),
    ],
    ['a time', 'record_altered', () => run('UPDATE event SET time_ms = time_ms + 1')],
    ['a missing record', 'record_missing', () => run('DELETE FROM event WHERE id = 5')],
    [
      'a missing start of a chain',
      'genesis_missing',
      () => run("DELETE FROM event WHERE number = 0 AND chain LIKE '%-management'"),
    ],
    [
      'a dropped chain',
      'head_missing',
      () => run('DELETE FROM event WHERE chain = (SELECT chain FROM event WHERE id = 1)'),
    ],
    [
      'the last records',
      'head_missing',
      () => run('DELETE FROM event WHERE id > (SELECT max(id) - 3 FROM event)'),
    ],
    [
      'a column of another type',
      'unreadable',
      () => {
        driver.exec(
          'CREATE TABLE loose AS SELECT * FROM event; DROP TABLE event; ALTER TABLE loose RENAME TO event',
        );
        run("UPDATE event SET number = 'five' WHERE id = 5");
      },
    ],
    [
      'a checkpoint in the middle',
      'checkpoint_missing',
      () => run('DELETE FROM checkpoint WHERE number = 2'),
    ],
    ['the first checkpoint', 'checkpoint_missing', () => run('DELETE FROM checkpoint WHERE number = 1')],
    [
      'the text of a checkpoint',
      'checkpoint_altered',
      () => run("UPDATE checkpoint SET body = body || ' ' WHERE number = 2"),
    ],
    [
      'the key of a checkpoint',
      'checkpoint_key_unknown',
      () => run("UPDATE checkpoint SET body = replace(body, 'audit-1', 'audit-2')"),
    ],
    [
      'the time of a checkpoint',
      'checkpoint_altered',
      () => run('UPDATE checkpoint SET time_ms = time_ms + 1 WHERE number = 2'),
    ],
    [
      'text that is no checkpoint',
      'checkpoint_altered',
      () => run("UPDATE checkpoint SET body = '[]' WHERE number = 2"),
    ],
  ];
  for (const [title, code, tamper] of named) {
    it(`reports ${code} for ${title}`, async () => {
      const report = await verifyAfter(tamper);
      expect(report.ok).to.equal(false);
      expect(codes(report)).to.include(code);
    });
  }

  it('reports head_altered when a record is rewritten and the whole chain hashed anew', async () => {
    const report = await verifyAfter(() => {
      const [{ chain } = {}] = all(driver, 'SELECT chain FROM event WHERE id = 5');
      let previous = '';
      for (const row of driver
        .prepare('SELECT * FROM event WHERE chain = ? ORDER BY number')
        .all([chain as string])) {
        const body = row['number'] === 2 ? '{"forged":true}' : (row['body'] as string);
        const record = {
          chain: row['chain'] as string,
          number: row['number'] as number,
          timeMs: row['time_ms'] as number,
          principalId: (row['principal_id'] as string | null) ?? undefined,
          requestId: (row['request_id'] as string | null) ?? undefined,
          body,
        } satisfies Omit<ChainedEvent, 'hash'>;
        previous = recordHash(previous, record);
        run('UPDATE event SET body = ?, hash = ? WHERE id = ?', body, previous, row['id'] as number);
      }
    });
    expect(codes(report)).to.deep.equal(['head_altered', 'predecessor_missing']);
  });

  it('reports checkpoint_missing for a signed checkpoint of another history', async () => {
    const report = await verifyAfter(() => {
      const body = parseCheckpointBody(newest.body);
      const other = JSON.stringify({ ...body, previous: 'f'.repeat(64) });
      run(
        'UPDATE checkpoint SET body = ?, signature = ? WHERE number = ?',
        other,
        signer.sign(other),
        newest.number,
      );
    });
    expect(codes(report)).to.deep.equal(['checkpoint_missing']);
  });

  it('reports checkpoint_altered for another spelling of the same signature', async () => {
    // 64 bytes leave four bits of the last base64url character free; an honest one has them zero.
    const spelled = `${newest.signature.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[newest.signature.slice(-1)]}`;
    expect(Buffer.from(spelled, 'base64url')).to.deep.equal(Buffer.from(newest.signature, 'base64url'));
    const report = await verifyAfter(() =>
      run('UPDATE checkpoint SET signature = ? WHERE number = ?', spelled, newest.number),
    );
    expect(codes(report)).to.deep.equal(['checkpoint_altered']);
  });

  it('accepts the surplus record of a flush that was reported as failed', () => {
    const chains = all(
      driver,
      "SELECT count(*) AS records FROM event GROUP BY chain HAVING chain LIKE '%-token'",
    );
    expect(chains.map((row) => row['records'])).to.include(16);
  });

  describe('cutting off the newest records together with every checkpoint about them', () => {
    const cut = () => {
      run('DELETE FROM checkpoint WHERE number = ?', newest.number);
      const [{ time_ms: until } = {}] = all(driver, 'SELECT max(time_ms) AS time_ms FROM checkpoint');
      run('DELETE FROM event WHERE time_ms > ?', until as number);
    };

    it('is the limit of what the store alone can show', async () => {
      const report = await verifyAfter(cut);
      expect(report.problems).to.deep.equal([]);
    });

    it('shows against a checkpoint kept outside', async () => {
      expect(codes(await verifyAfter(cut, newest))).to.deep.equal(['external_missing']);
    });

    it('of a whole store shows against a checkpoint kept outside', async () => {
      const wipe = () => {
        run('DELETE FROM event');
        run('DELETE FROM checkpoint');
      };
      expect(codes(await verifyAfter(wipe, newest))).to.deep.equal(['external_missing']);
    });
  });

  it('refuses an external checkpoint that nobody signed', async () => {
    expect(codes(await check({ ...newest, signature: 'AAAA' }))).to.include('checkpoint_altered');
  });

  it('detects 1,000 of 1,000 random tamperings', async function () {
    this.timeout(60_000);
    const random = createTamperer(driver, 20_260_115);
    const missed: string[] = [];
    const counts = new Map<string, number>();
    for (let round = 0; round < 1_000; ) {
      driver.exec('BEGIN');
      const done = random();
      // Some draws change nothing: two equal columns swapped, say.
      if (done !== undefined) {
        round += 1;
        counts.set(done.kind, (counts.get(done.kind) ?? 0) + 1);
        if ((await check()).ok) missed.push(`${done.kind}: ${done.what}`);
      }
      driver.exec('ROLLBACK');
    }
    expect(missed).to.deep.equal([]);
    expect([...counts.keys()]).to.have.members(['bit', 'delete', 'swap', 'copy', 'chain', 'checkpoint']);
    expect(Math.min(...counts.values())).to.be.greaterThan(50);
  });

  it('stops counting problems at a hundred, not records', async () => {
    const report = await verifyAfter(() => run("UPDATE event SET hash = 'x'"));
    expect(report.problems.length).to.equal(100);
    expect(report.records).to.be.greaterThan(100);
  });

  it('reads a management event of each start', () => {
    const operation = managementEvent().operation;
    const found = all(driver, `SELECT id FROM event WHERE body LIKE '%${operation}%'`);
    expect(found).to.have.length(12);
  });
});

/** Does one random thing to the rows of the file; `undefined` when it changed nothing. */
function createTamperer(driver: Driver, seed: number) {
  const next = seededNumbers(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const rows = all(driver, 'SELECT * FROM event');
  const checkpoints = all(driver, 'SELECT * FROM checkpoint');
  const columns = ['chain', 'number', 'time_ms', 'principal_id', 'request_id', 'body', 'hash'];
  const run = (sql: string, ...values: unknown[]) =>
    driver.prepare(sql).run(values as (string | number | null)[]);

  const signed = new Map<string, number>();
  for (const checkpoint of checkpoints) {
    const heads = parseCheckpointBody(checkpoint['body'] as string)?.heads ?? [];
    for (const { chain, number } of heads) signed.set(chain, number);
  }
  const isSurplus = (row: Row): boolean =>
    (row['number'] as number) > (signed.get(row['chain'] as string) ?? -1);

  const flipped = (value: unknown): string | number => {
    if (value === null) return pick(['', 'null', 'p1']);
    if (typeof value === 'number') return value + (below(2) === 0 ? 1 : -1) * 2 ** below(20);
    const text = value as string;
    const at = below(text.length);
    const character = String.fromCharCode(text.charCodeAt(at) ^ (1 << below(7)));
    return text.slice(0, at) + character + text.slice(at + 1);
  };

  const kinds: Readonly<Record<string, () => string | undefined>> = {
    bit: () => {
      const row = pick(rows);
      const column = pick(columns);
      run(`UPDATE event SET ${column} = ? WHERE id = ?`, flipped(row[column]), row['id']);
      return `${column} of ${row['id']}`;
    },
    delete: () => {
      const first = 1 + below(rows.length);
      const count = 1 + below(10);
      // A surplus record was promised to nobody: whether it stays cannot be told.
      if (rows.slice(first - 1, first - 1 + count).every(isSurplus)) return undefined;
      run('DELETE FROM event WHERE id >= ? AND id < ?', first, first + count);
      return `${first} and ${count} more`;
    },
    swap: () => {
      const [a, b] = [pick(rows), pick(rows)];
      // Position decides between records of one chain and one time only; between chains it means nothing.
      const isTied = a['chain'] === b['chain'] && a['time_ms'] === b['time_ms'];
      const column = isTied && below(2) === 0 ? 'id' : pick(columns);
      if (a[column] === b[column]) return undefined;
      run(`UPDATE event SET ${column} = ? WHERE id = ?`, column === 'id' ? -1 : b[column], a['id']);
      run(`UPDATE event SET ${column} = ? WHERE id = ?`, a[column], b['id']);
      if (column === 'id') run('UPDATE event SET id = ? WHERE id = -1', b['id']);
      return `${column} of ${a['id']} and ${b['id']}`;
    },
    copy: () => {
      const { id } = pick(rows);
      run(
        `INSERT INTO event (chain, number, time_ms, principal_id, request_id, body, hash)
         SELECT chain, number, time_ms, principal_id, request_id, body, hash FROM event WHERE id = ?`,
        id,
      );
      return String(id);
    },
    chain: () => {
      const { chain } = pick(rows);
      run('DELETE FROM event WHERE chain = ?', chain);
      return String(chain);
    },
    checkpoint: () => {
      const row = pick(checkpoints);
      const { number } = row;
      // The newest one alone is the limit that has a test of its own.
      if (below(3) === 0 && number !== checkpoints.length) {
        run('DELETE FROM checkpoint WHERE number = ?', number);
        return `without ${number}`;
      }
      const other = pick(checkpoints);
      const column = pick(['number', 'time_ms', 'body', 'signature']);
      const value = below(2) === 0 && column !== 'number' ? other[column] : flipped(row[column]);
      if (value === row[column]) return undefined;
      run(
        'DELETE FROM checkpoint WHERE number = ? AND number <> ?',
        column === 'number' ? value : -1,
        number,
      );
      run(`UPDATE checkpoint SET ${column} = ? WHERE number = ?`, value, number);
      return `${column} of ${number}`;
    },
  };

  return (): { readonly kind: string; readonly what: string } | undefined => {
    const kind = pick(Object.keys(kinds));
    const what = kinds[kind]?.();
    return what === undefined ? undefined : { kind, what };
  };
}
