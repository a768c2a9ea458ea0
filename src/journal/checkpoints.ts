import { Conflict } from '../kernel/errors.ts';
import type { Cancel, Clock, Logger, Scheduler } from '../kernel/ports.ts';
import { checkpointHash, formatCheckpointBody } from './checkpoint-body.ts';
import { within } from './deadline.ts';
import type { Checkpoint, Head } from './model.ts';
import type { CheckpointSigner, EventSource, JournalStore } from './ports.ts';

const everyMs = 60_000;
const everyRecords = 1_000;
const lookEveryMs = 1_000;
const deadlineMs = 2_000;
/** A record may be stored a little after a checkpoint that was made later: a flush takes up to 2 s. */
const overlapMs = 5_000;
const recordsPerPage = 500;

/** Signs how far the chains have come: each 60 s or 1,000 records, and at the end. */
export interface Checkpoints {
  /** Finds what an earlier start left unsigned, then begins. */
  start(): Promise<void>;
  /** Signs the last heads; call it after the journal was closed. */
  close(): Promise<void>;
}

export function createCheckpoints(deps: {
  readonly store: Pick<JournalStore, 'appendCheckpoint'>;
  readonly events: EventSource;
  /** Heads of this start's chains (`Journal.heads`). */
  readonly heads: () => readonly Head[];
  readonly signer: CheckpointSigner;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
}): Checkpoints {
  const { store, events, signer, clock, scheduler, logger } = deps;
  /** Chain → number of its head in the checkpoints of this start. */
  const signed = new Map<string, number>();
  /** Heads that earlier starts left behind. */
  let inherited: readonly Head[] = [];
  /** The newest checkpoint of the store; unknown again after any failure. */
  let newest: { readonly checkpoint: Checkpoint | undefined } | undefined;
  let signedAtMs = clock.monotonicMs();
  let writing: Promise<void> | undefined;
  let stop: Cancel = () => {};

  const readNewest = async (): Promise<Checkpoint | undefined> => {
    const page = await within(scheduler, deadlineMs, events.checkpoints({ direction: 'desc', limit: 1 }));
    return page.items[0];
  };

  const write = async (heads: readonly Head[]): Promise<void> => {
    newest ??= { checkpoint: await readNewest() };
    const before = newest.checkpoint;
    const number = (before?.number ?? 0) + 1;
    const timeMs = clock.nowMs();
    const previous = before === undefined ? '' : checkpointHash(before);
    const body = formatCheckpointBody({ number, timeMs, previous, heads, keyId: signer.keyId });
    const checkpoint = { number, timeMs, body, signature: signer.sign(body) };
    try {
      await within(scheduler, deadlineMs, store.appendCheckpoint(checkpoint));
    } catch (error) {
      newest = undefined;
      throw error;
    }
    newest = { checkpoint };
    signedAtMs = clock.monotonicMs();
    inherited = [];
    for (const head of heads) signed.set(head.chain, head.number);
  };

  const moved = (): readonly Head[] =>
    deps.heads().filter((head) => head.number > (signed.get(head.chain) ?? -1));

  const writeMoved = async (): Promise<void> => {
    const heads = [...inherited, ...moved()];
    if (heads.length === 0) return;
    try {
      await write(heads);
    } catch (error) {
      // Another process took the number: the next look has another one.
      if (!(error instanceof Conflict)) logger.warn({ err: error }, 'a checkpoint could not be written');
    }
  };

  const look = (): void => {
    if (writing !== undefined) return;
    const unsigned = moved().reduce((sum, head) => sum + head.number - (signed.get(head.chain) ?? -1), 0);
    const isDue = unsigned >= everyRecords || clock.monotonicMs() - signedAtMs >= everyMs;
    if (!isDue) return;
    writing = writeMoved().finally(() => {
      writing = undefined;
    });
  };

  return {
    start: async () => {
      newest = { checkpoint: await readNewest() };
      inherited = await headsSince(events, newest.checkpoint);
      stop = scheduler.every(lookEveryMs, look);
    },
    close: async () => {
      stop();
      await writing;
      await writeMoved();
    },
  };
}

/** The last record of each chain that was written since the checkpoint; listing a head twice does no harm. */
async function headsSince(events: EventSource, since: Checkpoint | undefined): Promise<readonly Head[]> {
  const heads = new Map<string, Head>();
  const window = since === undefined ? {} : { sinceMs: since.timeMs - overlapMs };
  let after: string | undefined;
  do {
    const cursor = after === undefined ? {} : { after };
    const page = await events.page({ direction: 'desc', limit: recordsPerPage, ...window, ...cursor });
    for (const { chain, number, hash } of page.items) {
      if (!heads.has(chain)) heads.set(chain, { chain, number, hash });
    }
    after = page.next;
  } while (after !== undefined);
  return [...heads.values()];
}
