import type { Actor } from '../access/model.ts';
import { Conflict, GatewayError } from '../kernel/errors.ts';
import type { Journal } from './journal.ts';
import type { AuditEvent, Change, JsonObject, RecordKind } from './model.ts';
import type { Entry } from './snapshot.ts';

/** What somebody does to the durable state: the changes, and how the audit names them (contract §7.10). */
export interface Act {
  readonly operation: string;
  readonly activity: 'create' | 'update' | 'delete';
  /** The service principal it concerns: its owners may read the event. */
  readonly principalId?: string;
  readonly changes: readonly Change[];
  readonly data: JsonObject;
}

export function managementEvent(actor: Actor, act: Omit<Act, 'changes'>): AuditEvent {
  const { operation, activity, principalId, data } = act;
  return {
    kind: 'management',
    operation,
    activity,
    outcome: 'success',
    requestId: actor.requestId,
    sourceIp: actor.sourceIp,
    user: { uid: actor.id, name: actor.displayName, type: actor.kind === 'person' ? 'User' : 'Service' },
    ...(principalId === undefined ? {} : { principalId }),
    data: { ...data, client_id: actor.clientId },
  };
}

/**
 * Commits the changes together with their event. A lost race is 409: `already_exists` for a unique key, `aborted` for
 * a version; nothing was written.
 */
export async function commitAct(journal: Pick<Journal, 'commit'>, actor: Actor, act: Act): Promise<void> {
  try {
    await journal.commit({ changes: act.changes, events: [managementEvent(actor, act)] });
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    const code = error.on === 'unique' ? 'already_exists' : 'aborted';
    throw new GatewayError(code, { detail: error.key, cause: error });
  }
}

/** Enough for a client that creates in parallel; each round lets one of the racers through. */
const maxAttempts = 32;

/**
 * Decides a creation or deletion again when it lost a race. Such an act overwrites nobody's work, so the caller need not
 * hear of it; each attempt checks everything anew on the newer snapshot.
 */
export async function rerunLostRace<Result>(decide: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await decide();
    } catch (error) {
      const isLostRace = error instanceof GatewayError && error.cause instanceof Conflict;
      if (!isLostRace || attempt === maxAttempts) throw error;
    }
  }
}

export function insertion(kind: RecordKind, id: string, value: object, unique?: readonly string[]): Change {
  return { op: 'insert', kind, id, body: bodyOf(value), ...(unique === undefined ? {} : { unique }) };
}

/** Writes the record again; with no new value only its version rises, so that two acts cannot pass each other. */
export function rewrite<T extends object>(
  kind: RecordKind,
  entry: Entry<T>,
  value: T = entry.value,
): Extract<Change, { op: 'update' }> {
  return { op: 'update', kind, id: entry.id, expect: entry.version, body: bodyOf(value) };
}

/** A record's members as JSON has them: those without a value are absent. */
function bodyOf(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

export function removal(kind: RecordKind, entry: Entry<unknown>): Change {
  return { op: 'delete', kind, id: entry.id, expect: entry.version };
}
