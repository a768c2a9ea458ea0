import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/model.ts';
import { seededNumbers } from '../fakes.ts';

/** The memory adapter behind a slow wire: every call starts late and answers late, so that answers overtake each other. */
export function createLateStore(seed: number): Store {
  const { journal, records, events, close } = createMemoryStore();
  const next = seededNumbers(seed);

  const wait = async (): Promise<void> => {
    for (let turns = Math.floor(next() * 6); turns > 0; turns -= 1) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };

  const late =
    <Args extends readonly unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await wait();
      const settled = await Promise.allSettled([call(...args)]);
      await wait();
      if (settled[0].status === 'rejected') throw settled[0].reason;
      return settled[0].value;
    };

  return {
    journal: {
      flushTokens: late(journal.flushTokens),
      commitManagement: late(journal.commitManagement),
      appendCheckpoint: late(journal.appendCheckpoint),
      purgeClaims: late(journal.purgeClaims),
    },
    records: { changedSince: late(records.changedSince) },
    events: {
      page: late(events.page),
      byUid: late(events.byUid),
      byRequest: late(events.byRequest),
      checkpoints: late(events.checkpoints),
    },
    close,
  };
}
