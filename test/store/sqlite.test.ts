import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { verifyAudit } from '../../src/journal/verify.ts';
import { Unavailable } from '../../src/kernel/errors.ts';
import { openStore } from '../../src/store/open-store.ts';
import { openDriver } from '../../src/store/sqlite/driver.ts';
import { migrate } from '../../src/store/sqlite/migrations.ts';
import { createSqliteStore, openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { endings, insertUnit, startJournal, type storedEvents, tokenUnit } from '../journal/harness.ts';
import { aCheckpoint, allEvents, anEvent, append, change, events, insert, rejection } from './samples.ts';

const child = fileURLToPath(new URL('sqlite-child.ts', import.meta.url));
const nodeArguments = (...rest: readonly string[]) => ['--import', 'tsx', child, ...rest];

const audit = (store: Parameters<typeof storedEvents>[0]) =>
  verifyAudit({ events: store.events, publicKeyOf: () => undefined });

describe('store: sqlite', () => {
  let folder: string;
  let files = 0;
  let path: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-sqlite-'));
  });
  beforeEach(() => {
    files += 1;
    path = join(folder, `${files}.db`);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('keeps everything over a restart', async () => {
    const first = await openSqliteStore({ path });
    await append(first, events(3));
    await change(first, insert('a', { name: 'Ada' }, ['key']));
    await first.journal.appendCheckpoint(aCheckpoint(1));
    await first.close();
    const second = await openSqliteStore({ path });
    expect(await allEvents(second)).to.deep.equal(events(3));
    expect(await second.records.changedSince(0)).to.deep.include({ epoch: 1 });
    expect((await second.events.checkpoints({ direction: 'asc', limit: 9 })).items).to.deep.equal([
      aCheckpoint(1),
    ]);
    await second.close();
  });

  it('is opened by its settings, in a folder that it makes', async () => {
    const nested = join(folder, 'new', 'folder', 'postern.db');
    const store = await openStore({ kind: 'sqlite', path: nested });
    await store.close();
    expect(statSync(nested).isFile()).to.equal(true);
    const memory = await openStore({ kind: 'memory' });
    await memory.close();
  });

  it('makes a file for its owner alone, and narrows one that is open to others', async () => {
    const modeOf = (file: string) => statSync(file).mode & 0o777;
    writeFileSync(path, '', { mode: 0o644 });
    const store = await openSqliteStore({ path });
    await append(store, events(1));
    expect([modeOf(path), modeOf(`${path}-wal`)]).to.deep.equal([0o600, 0o600]);
    await store.close();
  });

  it('has a commit in the write-ahead log when it resolves', async () => {
    const store = await openSqliteStore({ path });
    const before = statSync(`${path}-wal`).size;
    await append(store, events(1));
    expect(statSync(`${path}-wal`).size).to.be.greaterThan(before);
    await store.close();
  });

  describe('one process', () => {
    it('a second one is refused at once, with the way to more than one instance, until the first ends', async () => {
      // A file as a crash leaves it, in WAL mode: nothing but the opening itself takes the lock.
      await (await openSqliteStore({ path })).close();
      const crashed = await openDriver(path);
      crashed.prepare('PRAGMA journal_mode = WAL').all([]);
      crashed.close();
      const store = await openSqliteStore({ path });
      const refused = spawnSync(process.execPath, nodeArguments('open', path), { encoding: 'utf8' });
      expect(refused.stdout).to.match(/^Unavailable: .* is in use by another process: .*MongoDB/);
      await append(store, events(1));
      await store.close();
      const opened = spawnSync(process.execPath, nodeArguments('open', path), { encoding: 'utf8' });
      expect(opened.stdout).to.equal('opened');
    });

    it('a second store on the file is refused inside the process as well, and the first keeps its lock', async () => {
      const store = await openSqliteStore({ path });
      const error = await rejection(openSqliteStore({ path }));
      expect(error.message).to.include('in use by another process');
      const refused = spawnSync(process.execPath, nodeArguments('open', path), { encoding: 'utf8' });
      expect(refused.stdout).to.match(/^Unavailable/);
      await store.close();
    });

    it('text that is no database is refused, not overwritten', async () => {
      writeFileSync(path, 'precious text, not a database'.repeat(99));
      expect(await rejection(openSqliteStore({ path }))).to.be.instanceOf(Unavailable);
      expect(readFileSync(path, 'utf8')).to.match(/^precious/);
    });
  });

  describe('migrations', () => {
    it('run each once, in order, and remember how far they came', async () => {
      const driver = await openDriver(path);
      migrate(driver, ['CREATE TABLE a (x)']);
      migrate(driver, ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO a VALUES (1)']);
      migrate(driver, ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO a VALUES (1)']);
      expect(driver.prepare('SELECT count(*) AS n FROM a').all([])[0]).to.include({ n: 1 });
      expect(driver.prepare('PRAGMA user_version').all([])[0]).to.include({ user_version: 2 });
      driver.close();
    });

    it('leave a file as it was when a step fails', async () => {
      const driver = await openDriver(path);
      const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO missing VALUES (1)'];
      expect(() => migrate(driver, steps)).to.throw(Unavailable);
      const tables = driver.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all([]);
      expect(tables.map((row) => row['name'])).to.deep.equal(['a']);
      expect(driver.prepare('PRAGMA user_version').all([])[0]).to.include({ user_version: 1 });
      driver.close();
    });

    it('refuse a file that a newer version wrote', async () => {
      const driver = await openDriver(path);
      driver.exec('PRAGMA user_version = 99');
      driver.close();
      const error = await rejection(openSqliteStore({ path }));
      expect(error.message).to.match(/schema 99.*newer Postern/);
    });
  });

  it('is Unavailable on a full disk and recovers without a restart (F7)', async () => {
    const driver = await openDriver(path);
    driver.exec('PRAGMA locking_mode = EXCLUSIVE');
    driver.prepare('PRAGMA journal_mode = WAL').all([]);
    const inner = createSqliteStore(driver);
    const { journal, scheduler } = await startJournal({ inner });
    const acknowledged: string[] = [];
    const commit = async (unit: Parameters<typeof journal.commit>[0]): Promise<string> => {
      const outcome = await journal.commit(unit);
      if (outcome.state === 'committed') acknowledged.push(...outcome.uids);
      return outcome.state;
    };
    await commit(tokenUnit());
    const [{ page_count: pages } = {}] = driver.prepare('PRAGMA page_count').all([]);
    driver.prepare(`PRAGMA max_page_count = ${Number(pages) + 2}`).all([]);

    const filled = tokenUnit({ filler: 'x'.repeat(20_000) });
    let full: string | undefined;
    for (let n = 0; n < 50 && full === undefined; n += 1) {
      full = await commit(filled).then(
        () => undefined,
        (error: Error) => error.name,
      );
    }
    expect(full).to.equal('Unavailable');
    const bulky = { ...insertUnit('bulky'), events: filled.events };
    expect(await endings([journal.commit(bulky)])).to.deep.equal(['Unavailable']);

    driver.prepare('PRAGMA max_page_count = 100000').all([]);
    await scheduler.advance(250);
    expect(await commit(filled)).to.equal('committed');
    expect(await commit(bulky)).to.equal('committed');
    for (const uid of acknowledged) expect(await inner.events.byUid(uid), uid).to.not.equal(undefined);
    expect((await audit(inner)).problems).to.deep.equal([]);
    await journal.close();
    await inner.close();
  });

  it('opens with the clean prefix when its last transactions are torn (F18)', async () => {
    const { store, copy } = await openCopyable(path);
    const { journal } = await startJournal({ inner: store });
    const sizes: number[] = [];
    for (let batch = 0; batch < 4; batch += 1) {
      await Promise.all(Array.from({ length: 3 }, (_, n) => journal.commit(tokenUnit({ batch, n }))));
      sizes.push(statSync(`${path}-wal`).size);
    }
    const [, second = 0, , fourth = 0] = sizes;
    const step = Math.max(1, Math.floor((fourth - second) / 60));
    const seen = new Set<number>();
    for (let size = second; size <= fourth; size += step) {
      const torn = await openSqliteStore({ path: copy(size) });
      const report = await audit(torn);
      expect(report.problems, `cut at ${size}`).to.deep.equal([]);
      seen.add(report.records);
      await append(torn, [anEvent(0, { chain: 'after-token' })]);
      await torn.close();
    }
    // Genesis and three events a batch: every cut leaves whole transactions.
    expect([...seen].sort((a, b) => a - b)).to.satisfy((counts: number[]) =>
      counts.every((count) => [7, 10, 13].includes(count)),
    );
    expect([...seen])
      .to.include(7)
      .and.include(10);
    await journal.close();
    await store.close();
  });

  it('loses nothing that was acknowledged when the process is killed, five times', async function () {
    this.timeout(60_000);
    const acknowledged: string[] = [];
    for (let kill = 0; kill < 5; kill += 1) {
      const writer = spawn(process.execPath, nodeArguments('write', path, String(kill)), {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const mine: string[] = [];
      for await (const line of createInterface({ input: writer.stdout })) {
        mine.push(line);
        // Whole rounds end with the pipe's chunk, so the kill falls somewhere into a later round.
        if (mine.length === 17 * (20 + 7 * kill)) writer.kill('SIGKILL');
      }
      acknowledged.push(...mine.filter((uid) => /-\d+$/.test(uid)));
      const store = await openSqliteStore({ path });
      for (const uid of mine) expect(await store.events.byUid(uid), uid).to.not.equal(undefined);
      expect((await audit(store)).problems).to.deep.equal([]);
      await store.close();
    }
    expect(acknowledged.length).to.be.greaterThan(17 * 5 * 20);
  });
});

/** A store, and a way to copy its files as a crash would leave them, the log cut at a byte. */
async function openCopyable(path: string) {
  const store = await openSqliteStore({ path });
  let copies = 0;
  const copy = (logBytes: number): string => {
    copies += 1;
    const target = `${path}.${copies}`;
    copyFileSync(path, target);
    copyFileSync(`${path}-wal`, `${target}-wal`);
    truncateSync(`${target}-wal`, logBytes);
    return target;
  };
  return { store, copy };
}
