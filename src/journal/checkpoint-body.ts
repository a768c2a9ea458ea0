import { hash } from 'node:crypto';
import type { Checkpoint, Head, JsonObject } from './model.ts';

/** What a checkpoint says. The chain of checkpoints as a whole names the head of every chain the store ever had. */
export interface CheckpointBody {
  readonly number: number;
  readonly timeMs: number;
  /** Hash of the checkpoint before; empty for the first. */
  readonly previous: string;
  /** Heads that moved since the checkpoint before. */
  readonly heads: readonly Head[];
  readonly keyId: string;
}

export function formatCheckpointBody(body: CheckpointBody): string {
  const { number, timeMs, previous, heads, keyId } = body;
  return JSON.stringify({ number, timeMs, previous, heads, keyId });
}

/** `undefined` when the text is no checkpoint: it may come from a tampered store. */
export function parseCheckpointBody(text: string): CheckpointBody | undefined {
  const body = parseObject(text);
  if (body === undefined) return undefined;
  const { number, timeMs, previous, heads, keyId } = body;
  const isSound =
    Number.isSafeInteger(number) &&
    Number.isSafeInteger(timeMs) &&
    typeof previous === 'string' &&
    typeof keyId === 'string' &&
    Array.isArray(heads) &&
    heads.every((head) => parseHead(head) !== undefined);
  return isSound ? (body as unknown as CheckpointBody) : undefined;
}

/** `undefined` when the value is no head. */
export function parseHead(value: unknown): Head | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { chain, number, hash: headHash } = value as Partial<Record<keyof Head, unknown>>;
  const isSound = typeof chain === 'string' && Number.isSafeInteger(number) && typeof headHash === 'string';
  return isSound ? (value as Head) : undefined;
}

/** The JSON object a text holds; `undefined` for anything else. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256, hex, of what was signed; the next checkpoint carries it. */
export function checkpointHash(checkpoint: Checkpoint): string {
  return hash('sha256', checkpoint.body, 'hex');
}
