import type { Page, PageRequest } from '../kernel/page.ts';
import type { ChainedEvent, Change, Checkpoint, ClaimRecord, RecordState } from './model.ts';

/** What the journal needs from a store. Every adapter passes one contract suite (test/store). */

export interface TokenBatch {
  /** Claims of all units of the flush, in the order of the units. */
  readonly claims: readonly ClaimRecord[];
  /**
   * Called once, after the claims are inserted, with the unit ids that lost one. Returns the events of the units
   * that remain, numbered and chained; they are inserted in this order. Nothing is numbered before (rule 3).
   */
  readonly seal: (lostUnitIds: ReadonlySet<string>) => readonly ChainedEvent[];
}

export interface ManagementUnit {
  readonly claims: readonly ClaimRecord[];
  readonly changes: readonly Change[];
  /** Called once, after claims and changes are known to hold; a lost race uses no number (rule 6). */
  readonly seal: () => readonly ChainedEvent[];
}

export type ManagementResult =
  | { readonly state: 'committed'; readonly epoch: number; readonly records: readonly RecordState[] }
  | { readonly state: 'lost'; readonly winner: ClaimRecord };

export interface JournalStore {
  /**
   * Durable when it resolves. Resolves with the record that won, by claim id, for each claim that was lost. Claims are
   * insert-only: those a lost unit did win stay taken, and an expired one stays taken until it is purged.
   */
  flushTokens(batch: TokenBatch): Promise<ReadonlyMap<string, ClaimRecord>>;
  /**
   * One transaction: claims, changes, epoch + 1, events. Throws `Conflict` when a version or unique key is lost.
   * An id lives once: inserting one that exists or existed is a conflict on its version. Changes apply in order, so
   * that a unique key given up by one can be taken by a later one.
   */
  commitManagement(unit: ManagementUnit): Promise<ManagementResult>;
  /** Throws `Conflict` when the number is taken: another process was faster. */
  appendCheckpoint(checkpoint: Checkpoint): Promise<void>;
  /** Forgets some of the claims that expired before the given time; zero means that none is left. */
  purgeClaims(expiredBeforeMs: number): Promise<number>;
}

export interface RecordSource {
  /** Records written after the epoch, tombstones included, and the epoch the answer is complete up to. */
  changedSince(epoch: number): Promise<{ readonly epoch: number; readonly records: readonly RecordState[] }>;
}

export interface EventQuery extends PageRequest {
  readonly direction: 'asc' | 'desc';
  /** Inclusive. */
  readonly sinceMs?: number;
  /** Exclusive. */
  readonly untilMs?: number;
  /** Only events about one of these principals. */
  readonly principalIds?: readonly string[];
}

export interface EventSource {
  /**
   * Ordered by time, records of one chain by number (the writer's time never runs backwards within a chain).
   * `PageRequest.after` is an opaque cursor of this port; `invalid_argument` when it is something else.
   */
  page(query: EventQuery): Promise<Page<ChainedEvent>>;
  /** The event with this `metadata.uid`. */
  byUid(uid: string): Promise<ChainedEvent | undefined>;
  byRequest(requestId: string): Promise<readonly ChainedEvent[]>;
  /** By number. */
  checkpoints(query: CheckpointQuery): Promise<Page<Checkpoint>>;
}

export interface CheckpointQuery extends PageRequest {
  readonly direction: 'asc' | 'desc';
}

/** Signs checkpoints; implemented by `keys/` with a key of its own. */
export interface CheckpointSigner {
  readonly keyId: string;
  /** Ed25519 signature, base64url. */
  sign(text: string): string;
}
