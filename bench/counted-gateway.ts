import { createGateway } from '../src/compose.ts';
import { readSettings } from '../src/config/read.ts';
import { startServer } from '../src/http/server.ts';
import type { JournalStore } from '../src/journal/ports.ts';
import { openStore } from '../src/store/open-store.ts';
import { createSystemRandom, systemClock, systemScheduler } from '../src/system.ts';
import { createLogger } from '../src/telemetry/logger.ts';

/**
 * Postern with a store that counts: how many audit rows travel in one commit. A process apart, so that the gateway whose
 * CPU is measured is the one that ships. Argument: settings file. Prints its port; each IPC message is answered
 * with the counts so far.
 */

export interface CommitCounts {
  commits: number;
  rows: number;
}

function counting(store: JournalStore, counts: CommitCounts): JournalStore {
  return {
    ...store,
    flushTokens: async ({ claims, seal }) => {
      let rows = 0;
      const winners = await store.flushTokens({
        claims,
        seal: (lost) => {
          const sealed = seal(lost);
          rows = sealed.length;
          return sealed;
        },
      });
      counts.commits += 1;
      counts.rows += rows;
      return winners;
    },
  };
}

const result = readSettings(process.argv[2]);
if (!result.ok) throw new Error(result.problems.join('\n'));
const { settings } = result;
const counts: CommitCounts = { commits: 0, rows: 0 };
const store = await openStore(settings.store);
const gateway = await createGateway(settings, {
  clock: systemClock,
  random: createSystemRandom(),
  scheduler: systemScheduler,
  logger: createLogger({ level: 'warn', pretty: false }),
  store: { ...store, journal: counting(store.journal, counts) },
});
const server = await startServer({
  app: gateway.app,
  ...settings.listen,
  maxConnections: settings.limits.connections,
  scheduler: systemScheduler,
});
process.on('message', () => process.send?.(counts));
process.once('SIGTERM', () => {
  void server
    .close(0)
    .then(gateway.close)
    .then(() => process.exit());
});
process.stdout.write(`${server.port}\n`);
