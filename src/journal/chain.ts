import { hash } from 'node:crypto';
import type { Clock } from '../kernel/ports.ts';
import { type AuditEvent, type ChainedEvent, eventUid, type Head } from './model.ts';
import { toOcsf } from './ocsf.ts';

export type LaneName = 'token' | 'management';

/** Operation of the record that opens every chain. */
export const openChain = 'Journal/OpenChain';

/**
 * SHA-256, hex. Every column is covered, and no two records share one input: the JSON array ends by itself, so nothing
 * can be shifted between a column and the body.
 * @param previousHash Of the record before in the chain; empty for its first.
 */
export function recordHash(previousHash: string, record: Omit<ChainedEvent, 'hash'>): string {
  const { chain, number, timeMs, principalId, requestId, body } = record;
  const columns = JSON.stringify([
    previousHash,
    chain,
    number,
    timeMs,
    principalId ?? null,
    requestId ?? null,
  ]);
  return hash('sha256', columns + body, 'hex');
}

/** Writes one lane's chain after another; knows only what the store acknowledged. */
export interface ChainWriter {
  /**
   * Numbers and chains the events behind the acknowledged head; the first record of a chain names the one before it.
   * Sealing again before `acknowledge` starts from the same head.
   */
  seal(events: readonly AuditEvent[]): readonly ChainedEvent[];
  /** The sealed records are durable. */
  acknowledge(records: readonly ChainedEvent[]): void;
  /** The fate of sealed records is unknown: whatever landed stays surplus, the next seal opens a new chain (rule 8). */
  end(): void;
  /** Tells the writer the last record of this lane in an earlier start. */
  follow(head: Head): void;
  heads(): readonly Head[];
}

export function createChainWriter(deps: {
  readonly lane: LaneName;
  readonly startId: string;
  readonly clock: Clock;
}): ChainWriter {
  const { lane, startId, clock } = deps;
  const heads = new Map<string, Head>();
  let chainsEnded = 0;
  let chain = `${startId}-${lane}`;
  let head: Head | undefined;
  /** Last acknowledged record of the lane, whatever its chain. */
  let last: Head | undefined;
  let sealedAtMs = 0;

  return {
    seal: (events) => {
      if (events.length === 0) return [];
      const records: ChainedEvent[] = [];
      // Never backwards within a chain: stores order events by time.
      sealedAtMs = Math.max(sealedAtMs, clock.nowMs());
      const timeMs = sealedAtMs;
      let number = head === undefined ? 0 : head.number + 1;
      let previousHash = head?.hash ?? '';
      for (const event of head === undefined ? [genesis(last), ...events] : events) {
        const { principalId, requestId } = event;
        const body = toOcsf(event, eventUid(chain, number), timeMs);
        const record = { chain, number, timeMs, principalId, requestId, body };
        previousHash = recordHash(previousHash, record);
        records.push({ ...record, hash: previousHash });
        number += 1;
      }
      return records;
    },
    acknowledge: (records) => {
      const record = records.at(-1);
      if (record === undefined) return;
      head = { chain: record.chain, number: record.number, hash: record.hash };
      last = head;
      heads.set(chain, head);
    },
    end: () => {
      chainsEnded += 1;
      chain = `${startId}.${chainsEnded}-${lane}`;
      head = undefined;
      sealedAtMs = 0;
    },
    follow: (earlier) => {
      last ??= earlier;
    },
    heads: () => [...heads.values()],
  };
}

function genesis(previous: Head | undefined): AuditEvent {
  return {
    kind: 'management',
    operation: openChain,
    activity: 'other',
    outcome: 'success',
    user: { uid: 'system', name: 'Postern', type: 'System' },
    data: { previous: previous ?? null },
  };
}
