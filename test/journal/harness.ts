/** A journal on a store whose faults the test switches on and off, under a clock the test moves. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createJournal, type Journal } from '../../src/journal/journal.ts';
import type { AuditEvent, ChainedEvent, Claim, Unit } from '../../src/journal/model.ts';
import type { CheckpointSigner } from '../../src/journal/ports.ts';
import type { Snapshot } from '../../src/journal/snapshot.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/model.ts';
import {
  type CountingMetrics,
  countingMetrics,
  createFakeClock,
  createFakeScheduler,
  type FakeClock,
  type FakeScheduler,
  seededRandom,
  silentLogger,
} from '../fakes.ts';

/**
 * `fail`: refused. `hang`: never settles. `slow`: a write waits for `release` and then goes on to the store; a read has
 * its answer and waits with it. Of writes only: `land`: written, but the answer is an error; `land-hang`: written, never
 * settles.
 */
export type Fault = 'none' | 'fail' | 'land' | 'hang' | 'land-hang' | 'slow';

export interface FaultyStore extends Store {
  fault: Fault;
  /** Lets the calls of `slow` go on. */
  release(): void;
  /** Calls of `flushTokens` and `commitManagement` so far, and how many were under way at most. */
  readonly calls: { flushes: number; commits: number; deepest: number };
}

export function createFaultyStore(store: Store): FaultyStore {
  let held: (() => void)[] = [];
  let depth = 0;
  const calls = { flushes: 0, commits: 0, deepest: 0 };

  const hold = (): Promise<void> => new Promise((resolve) => held.push(resolve));

  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    depth += 1;
    calls.deepest = Math.max(calls.deepest, depth);
    try {
      const { fault } = faulty;
      if (fault === 'fail') throw new Error('the store is broken');
      if (fault === 'hang') return await new Promise<T>(() => {});
      if (fault === 'slow') await hold();
      const result = await call();
      if (fault === 'land') throw new Error('the answer was lost');
      if (fault === 'land-hang') return await new Promise<T>(() => {});
      return result;
    } finally {
      depth -= 1;
    }
  };

  const faulty: FaultyStore = {
    fault: 'none',
    release: () => {
      for (const resolve of held) resolve();
      held = [];
    },
    calls,
    journal: {
      flushTokens: (batch) => {
        calls.flushes += 1;
        return through(() => store.journal.flushTokens(batch));
      },
      commitManagement: (unit) => {
        calls.commits += 1;
        return through(() => store.journal.commitManagement(unit));
      },
      appendCheckpoint: (checkpoint) => through(() => store.journal.appendCheckpoint(checkpoint)),
      purgeClaims: (beforeMs) => through(() => store.journal.purgeClaims(beforeMs)),
    },
    records: {
      changedSince: (epoch) => {
        const read = () => store.records.changedSince(epoch);
        if (faulty.fault === 'slow') return read().then((answer) => hold().then(() => answer));
        return faulty.fault.startsWith('land') ? read() : through(read);
      },
    },
    events: store.events,
    close: store.close,
  };
  return faulty;
}

export interface Harness {
  readonly clock: FakeClock;
  readonly scheduler: FakeScheduler;
  readonly metrics: CountingMetrics;
  readonly store: FaultyStore;
  readonly journal: Journal;
}

export async function startJournal(
  options: {
    readonly inner?: Store;
    readonly snapshots?: readonly Snapshot[];
    readonly seed?: number;
    readonly clock?: FakeClock;
  } = {},
): Promise<Harness> {
  const { inner = createMemoryStore(), snapshots = [], seed = 1, clock = createFakeClock() } = options;
  const scheduler = createFakeScheduler(clock);
  const metrics = countingMetrics();
  const store = createFaultyStore(inner);
  const journal = createJournal({
    store: store.journal,
    records: store.records,
    events: store.events,
    snapshots,
    clock,
    scheduler,
    random: seededRandom(seed),
    logger: silentLogger,
    metrics,
  });
  await journal.load();
  return { clock, scheduler, metrics, store, journal };
}

export function tokenEvent(patch: Partial<AuditEvent> = {}): AuditEvent {
  return {
    kind: 'token',
    operation: 'token_exchange',
    activity: 'other',
    outcome: 'success',
    sourceIp: '203.0.113.7',
    data: {},
    ...patch,
  };
}

export function managementEvent(patch: Partial<AuditEvent> = {}): AuditEvent {
  return {
    kind: 'management',
    operation: 'ServicePrincipalService/Create',
    activity: 'create',
    outcome: 'success',
    user: { uid: 'u1', name: 'Ada', type: 'User' },
    data: {},
    ...patch,
  };
}

export function tokenUnit(data: AuditEvent['data'] = {}, claims: readonly Claim[] = []): Unit {
  return { claims, events: [tokenEvent({ data })] };
}

export function insertUnit(id: string, unique: readonly string[] = []): Unit {
  return {
    changes: [{ op: 'insert', kind: 'person', id, body: { id }, unique }],
    events: [managementEvent({ data: { id } })],
  };
}

/** The stored events without those that open a chain. */
export async function storedEvents(store: Store): Promise<readonly ChainedEvent[]> {
  const { items } = await store.events.page({ direction: 'asc', limit: 5_000 });
  return items.filter((event) => !isGenesis(event));
}

export async function genesisRecords(store: Store): Promise<readonly ChainedEvent[]> {
  const { items } = await store.events.page({ direction: 'asc', limit: 5_000 });
  return items.filter(isGenesis);
}

function isGenesis(event: ChainedEvent): boolean {
  return JSON.parse(event.body).api?.operation === 'Journal/OpenChain';
}

/** How each promise ended: `committed`, `lost`, or the name of its error. */
export async function endings(
  attempts: readonly Promise<{ readonly state: string }>[],
): Promise<readonly string[]> {
  const settled = await Promise.allSettled(attempts);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value.state : (one.reason as Error).name));
}

export function createTestSigner(): CheckpointSigner & {
  readonly publicKeyOf: (keyId: string) => KeyObject | undefined;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    keyId: 'audit-1',
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
    publicKeyOf: (keyId) => (keyId === 'audit-1' ? publicKey : undefined),
  };
}
