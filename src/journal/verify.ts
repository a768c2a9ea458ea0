import { type KeyObject, verify } from 'node:crypto';
import type { Page } from '../kernel/page.ts';
import { openChain, recordHash } from './chain.ts';
import {
  type CheckpointBody,
  checkpointHash,
  parseCheckpointBody,
  parseHead,
  parseObject,
} from './checkpoint-body.ts';
import { type ChainedEvent, type Checkpoint, eventUid, type Head, type JsonObject } from './model.ts';
import type { EventSource } from './ports.ts';

export type AuditProblemCode =
  | 'unreadable'
  | 'record_missing'
  | 'record_altered'
  | 'genesis_missing'
  | 'predecessor_missing'
  | 'head_missing'
  | 'head_altered'
  | 'checkpoint_missing'
  | 'checkpoint_altered'
  | 'checkpoint_key_unknown'
  | 'external_missing';

export interface AuditProblem {
  readonly code: AuditProblemCode;
  readonly chain?: string;
  /** Of the record in its chain, or of the checkpoint. */
  readonly number?: number;
  readonly message: string;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly records: number;
  readonly chains: number;
  readonly checkpoints: number;
  readonly problems: readonly AuditProblem[];
}

interface VerifyDeps {
  readonly events: EventSource;
  /** Public keys of checkpoint signers by `keyId`. */
  readonly publicKeyOf: (keyId: string) => KeyObject | undefined;
  /**
   * A checkpoint kept outside the store. Without one, a store whose newest records were cut off together with all
   * checkpoints about them looks sound: nothing inside can tell that there was more.
   */
  readonly external?: Checkpoint;
}

const pageSize = 500;
const maxProblems = 100;

/**
 * Proves that no record or checkpoint was altered, removed or reordered since it was acknowledged. Reads the whole store
 * page by page; memory grows with the number of chains only. Never throws for what it finds.
 */
export async function verifyAudit(deps: VerifyDeps): Promise<AuditReport> {
  const problems: AuditProblem[] = [];
  const report = (problem: AuditProblem): void => {
    if (problems.length < maxProblems) problems.push(problem);
  };
  const checkpoints = createCheckpointCheck(deps, report);
  const records = createRecordCheck(deps.events, checkpoints.heads, report);
  try {
    await eachOf((cursor) => deps.events.checkpoints({ direction: 'asc', ...cursor }), checkpoints.next);
    checkpoints.finish();
    await eachOf((cursor) => deps.events.page({ direction: 'asc', ...cursor }), records.next);
    records.finish();
  } catch (error) {
    report({ code: 'unreadable', message: error instanceof Error ? error.message : 'the store failed' });
  }
  return {
    ok: problems.length === 0,
    records: records.count(),
    chains: records.chains(),
    checkpoints: checkpoints.count(),
    problems,
  };
}

type Report = (problem: AuditProblem) => void;

async function eachOf<Item>(
  read: (cursor: { readonly limit: number; readonly after?: string }) => Promise<Page<Item>>,
  use: (item: Item) => void | Promise<void>,
): Promise<void> {
  let after: string | undefined;
  do {
    const page = await read(after === undefined ? { limit: pageSize } : { limit: pageSize, after });
    for (const item of page.items) await use(item);
    after = page.next;
  } while (after !== undefined);
}

/** Checkpoints are numbered without a gap, each signed and naming the one before. */
function createCheckpointCheck({ publicKeyOf, external }: VerifyDeps, report: Report) {
  /** Highest signed head of each chain: with the chain intact up to it, the earlier ones are implied. */
  const heads = new Map<string, Head>();
  let count = 0;
  let lastNumber = 0;
  let lastHash = '';
  let isExternalFound = false;

  const flawOf = (checkpoint: Checkpoint): AuditProblem | CheckpointBody => {
    const { number, timeMs, body: signedText, signature } = checkpoint;
    const body = parseCheckpointBody(signedText);
    const altered = (message: string): AuditProblem => ({ code: 'checkpoint_altered', number, message });
    if (body === undefined) return altered('its text is no checkpoint');
    const key = publicKeyOf(body.keyId);
    if (key === undefined) {
      return { code: 'checkpoint_key_unknown', number, message: `no public key has the id ${body.keyId}` };
    }
    if (!isSignatureValid(signedText, signature, key)) return altered('its signature does not verify');
    if (body.number !== number || body.timeMs !== timeMs) return altered('its columns differ from its text');
    return body;
  };

  const next = (checkpoint: Checkpoint): void => {
    const { number } = checkpoint;
    count += 1;
    const body = flawOf(checkpoint);
    if ('code' in body) report(body);
    else {
      const isNext = number === lastNumber + 1 && body.previous === lastHash;
      if (!isNext) {
        report({
          code: 'checkpoint_missing',
          number,
          message: 'it does not follow the checkpoint before it',
        });
      }
      for (const head of body.heads) {
        if (head.number > (heads.get(head.chain)?.number ?? -1)) heads.set(head.chain, head);
      }
    }
    if (number === external?.number) {
      isExternalFound = checkpoint.body === external.body && checkpoint.signature === external.signature;
    }
    lastNumber = number;
    lastHash = checkpointHash(checkpoint);
  };

  const finish = (): void => {
    if (external === undefined) return;
    const { number } = external;
    const body = flawOf(external);
    if ('code' in body) report({ ...body, message: `external checkpoint: ${body.message}` });
    else if (!isExternalFound) {
      report({
        code: 'external_missing',
        number,
        message: 'the store does not hold the external checkpoint',
      });
    }
  };

  return { next, finish, heads, count: () => count };
}

/** Records of a chain are numbered without a gap from a genesis on, each hash covering the one before, up to the signed head. */
function createRecordCheck(events: EventSource, heads: ReadonlyMap<string, Head>, report: Report) {
  const chains = new Map<string, Head>();
  let count = 0;

  const next = async (event: ChainedEvent): Promise<void> => {
    count += 1;
    const { chain, number, hash } = event;
    const before = chains.get(chain);
    chains.set(chain, { chain, number, hash });
    const expected = before === undefined ? 0 : before.number + 1;
    const problem = (code: AuditProblemCode, message: string): void =>
      report({ code, chain, number, message });
    if (number !== expected) problem('record_missing', `number ${expected} was expected here`);
    else if (hash !== recordHash(before?.hash ?? '', event)) {
      problem('record_altered', 'its hash does not cover it');
    }
    if (before === undefined) {
      const predecessor = predecessorOf(event);
      if (predecessor === undefined) problem('genesis_missing', 'the first record does not open a chain');
      else if (predecessor !== null && !(await isStored(events, predecessor))) {
        problem(
          'predecessor_missing',
          `the record ${eventUid(predecessor.chain, predecessor.number)} it names`,
        );
      }
    }
    const head = heads.get(chain);
    if (head?.number === number && head.hash !== hash) {
      problem('head_altered', 'a checkpoint signed another hash');
    }
  };

  const finish = (): void => {
    for (const { chain, number } of heads.values()) {
      if (number > (chains.get(chain)?.number ?? -1)) {
        report({ code: 'head_missing', chain, number, message: 'a checkpoint signed this record' });
      }
    }
  };

  return { next, finish, count: () => count, chains: () => chains.size };
}

/** The head a genesis record names, `null` when it names none, `undefined` when it is no genesis. */
function predecessorOf(event: ChainedEvent): Head | null | undefined {
  const body = parseObject(event.body);
  const { operation } = (body?.['api'] ?? {}) as JsonObject;
  const { previous } = (body?.['unmapped'] ?? {}) as JsonObject;
  if (event.number !== 0 || operation !== openChain) return undefined;
  return previous === null ? null : parseHead(previous);
}

async function isStored(events: EventSource, head: Head): Promise<boolean> {
  const event = await events.byUid(eventUid(head.chain, head.number));
  return event?.hash === head.hash;
}

/** Ed25519; only the one canonical spelling of a signature counts, so that no bit of it is free. */
function isSignatureValid(signedText: string, signature: string, key: KeyObject): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  return bytes.toString('base64url') === signature && verify(null, Buffer.from(signedText), key, bytes);
}
