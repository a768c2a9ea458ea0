/** Process of its own: `open` tries to open the file; `write` commits without end and prints each uid once it is durable. */

import { createJournal } from '../../src/journal/journal.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import {
  countingMetrics,
  createFakeClock,
  createFakeScheduler,
  seededRandom,
  silentLogger,
} from '../fakes.ts';
import { managementEvent, tokenUnit } from '../journal/harness.ts';

const [action, path = '', seed = '0'] = process.argv.slice(2);

async function write(): Promise<void> {
  const store = await openSqliteStore({ path });
  const clock = createFakeClock();
  const journal = createJournal({
    store: store.journal,
    records: store.records,
    events: store.events,
    snapshots: [],
    clock,
    scheduler: createFakeScheduler(clock),
    random: seededRandom(Number(seed)),
    logger: silentLogger,
    metrics: countingMetrics(),
  });
  await journal.load();
  for (let round = 0; ; round += 1) {
    const change = { op: 'insert', kind: 'person', id: `${seed}-${round}`, body: { round } } as const;
    const outcomes = await Promise.all([
      ...Array.from({ length: 16 }, (_, n) => journal.commit(tokenUnit({ round, n }))),
      journal.commit({ changes: [change], events: [managementEvent({ data: { round } })] }),
    ]);
    const uids = outcomes.flatMap((outcome) => (outcome.state === 'committed' ? outcome.uids : []));
    process.stdout.write(`${uids.join('\n')}\n`);
  }
}

if (action === 'write') await write();
else {
  try {
    await (await openSqliteStore({ path })).close();
    process.stdout.write('opened');
  } catch (error) {
    process.stdout.write(error instanceof Error ? `${error.name}: ${error.message}` : 'unknown');
  }
}
