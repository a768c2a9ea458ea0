import type { AuditEvent } from '../journal/model.ts';
import type { Cancel, Scheduler } from '../kernel/ports.ts';

const windowMs = 60_000;
const countersPerTurn = 64;
/** Beyond this many (reason, address) pairs a minute, further ones share one counter. */
const maxPairs = 10_000;

interface Counter {
  readonly sample: AuditEvent;
  seen: number;
}

export interface RefusalSampling {
  /** Records an unproven refusal in full, or counts it once its (reason, source address) has had its share of the minute. */
  record(event: AuditEvent): void;
  /** Writes what was only counted. */
  close(): void;
}

/** Keeps a flood of unproven refusals from filling the disk: full records up to a limit, then one counter event a minute (contract §2.6). */
export function createRefusalSampling(deps: {
  readonly journal: { record(event: AuditEvent): void };
  readonly scheduler: Scheduler;
  /** Full records per (reason, source address) and minute. */
  readonly perMinute: number;
}): RefusalSampling {
  const { journal, scheduler, perMinute } = deps;
  let counters = new Map<string, Counter>();
  let cancel: Cancel | undefined;

  const flush = (): void => {
    cancel = undefined;
    const counted = [...counters.values()].filter(({ seen }) => seen > perMinute);
    counters = new Map();
    writeSlice(counted);
  };

  /** A few a turn: a flood from many addresses must not crowd the queue that tokens wait in. */
  const writeSlice = (counted: readonly Counter[]): void => {
    for (const { sample, seen } of counted.slice(0, countersPerTurn)) {
      journal.record(counterEvent(sample, seen - perMinute));
    }
    const rest = counted.slice(countersPerTurn);
    if (rest.length > 0) scheduler.soon(() => writeSlice(rest));
  };

  return {
    record: (event) => {
      cancel ??= scheduler.after(windowMs, flush);
      const pair = `${event.reason} ${event.sourceIp}`;
      const key = counters.size < maxPairs || counters.has(pair) ? pair : 'others';
      const counter = counters.get(key) ?? { sample: event, seen: 0 };
      counters.set(key, counter);
      counter.seen += 1;
      if (counter.seen <= perMinute) journal.record(event);
    },
    close: () => {
      cancel?.();
      flush();
    },
  };
}

function counterEvent({ requestId: _, ...sample }: AuditEvent, further: number): AuditEvent {
  return { ...sample, data: { further_refusals: further, window_seconds: windowMs / 1000 } };
}
