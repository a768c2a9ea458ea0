/** Known-good inputs of the store ports, each patched by the case that uses it. */

import type { ChainedEvent, Change, Checkpoint, ClaimRecord, JsonObject } from '../../src/journal/model.ts';
import type { ManagementResult } from '../../src/journal/ports.ts';
import type { Store } from '../../src/store/model.ts';

export const baseTimeMs = Date.UTC(2026, 0, 15, 12);

export function aClaim(id: string, unitId: string, patch: Partial<ClaimRecord> = {}): ClaimRecord {
  return { id, unitId, expiresAtMs: baseTimeMs + 600_000, ...patch };
}

/** The n-th event of a chain; time moves one second with each number. */
export function anEvent(number: number, patch: Partial<ChainedEvent> = {}): ChainedEvent {
  return {
    chain: 'start1-token',
    number,
    timeMs: baseTimeMs + number * 1_000,
    principalId: undefined,
    requestId: undefined,
    body: `{"n":${number}}`,
    hash: number.toString(16).padStart(64, '0'),
    ...patch,
  };
}

export function events(
  count: number,
  patch: (number: number) => Partial<ChainedEvent> = () => ({}),
): ChainedEvent[] {
  return Array.from({ length: count }, (_, number) => anEvent(number, patch(number)));
}

export function aCheckpoint(number: number, patch: Partial<Checkpoint> = {}): Checkpoint {
  return {
    number,
    timeMs: baseTimeMs + number,
    body: `{"number":${number}}`,
    signature: `sig${number}`,
    ...patch,
  };
}

export function requestIdAt(timeMs: number, tail = '0'): string {
  return timeMs.toString(16).padStart(12, '0') + tail.padEnd(20, '0');
}

export function insert(id: string, body: JsonObject = {}, unique?: readonly string[]): Change {
  return { op: 'insert', kind: 'person', id, body, ...(unique === undefined ? {} : { unique }) };
}

export function update(
  id: string,
  expect: number,
  body: JsonObject = {},
  unique?: readonly string[],
): Change {
  return { op: 'update', kind: 'person', id, expect, body, ...(unique === undefined ? {} : { unique }) };
}

export function remove(id: string, expect: number): Change {
  return { op: 'delete', kind: 'person', id, expect };
}

/** Appends events without any claim. */
export async function append(store: Store, added: readonly ChainedEvent[]): Promise<void> {
  await store.journal.flushTokens({ claims: [], seal: () => added });
}

/** Commits changes without claim or event. */
export function change(store: Store, ...changes: readonly Change[]): Promise<ManagementResult> {
  return store.journal.commitManagement({ claims: [], changes, seal: () => [] });
}

/** Every event, page after page. */
export async function allEvents(store: Store, pageSize = 100): Promise<readonly ChainedEvent[]> {
  const found: ChainedEvent[] = [];
  let after: string | undefined;
  do {
    const page = await store.events.page({
      direction: 'asc',
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return found;
}

/** The error a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
