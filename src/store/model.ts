import type { EventSource, JournalStore, RecordSource } from '../journal/ports.ts';

/** Where durable state lives: one folder a technology, all behind these ports and one contract suite. */
export interface Store {
  readonly journal: JournalStore;
  readonly records: RecordSource;
  readonly events: EventSource;
  close(): Promise<void>;
}

/** How far around its own time the events of a request are looked for: a clock step before, a slow request after. */
export const requestWindow = { beforeMs: 5_000, afterMs: 60_000 } as const;
