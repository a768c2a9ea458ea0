import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import { type DriverName, hasNodeSqlite } from '../../src/store/sqlite/driver.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { describeStoreContract } from './contract.ts';
import { createLateStore } from './late-store.ts';

describeStoreContract('memory', async () => createMemoryStore());

let seed = 0;
describeStoreContract('memory, late and out of order', async () => createLateStore(seed++));

const drivers: readonly DriverName[] = hasNodeSqlite() ? ['libsql', 'node:sqlite'] : ['libsql'];
for (const driver of drivers) {
  describe(`on a real file with ${driver}`, () => {
    let folder: string;
    let files = 0;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'postern-store-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    describeStoreContract(`sqlite (${driver})`, () => {
      files += 1;
      return openSqliteStore({ path: join(folder, `${files}.db`), driver });
    });
  });
}

if (!hasNodeSqlite()) {
  describe('store contract: sqlite (node:sqlite)', () => {
    it(`is LEFT OUT: Node.js ${process.version} has no node:sqlite`);
  });
}
