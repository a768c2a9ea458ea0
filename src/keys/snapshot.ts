import { z } from 'zod';
import { createRecordMap, type RecordMap } from '../journal/snapshot.ts';
import type { SigningKeyRecord } from './model.ts';

const text = z.string().min(1).max(512);
const record = z.strictObject({
  kid: text,
  purpose: z.enum(['token', 'audit']),
  state: z.enum(['next', 'current', 'retired']),
  publicKey: z.string().length(43),
  wrapped: z.strictObject({ iv: text, ciphertext: text, tag: text }),
  createdAtMs: z.int(),
});

export type KeySnapshot = RecordMap<SigningKeyRecord>;

export function createKeySnapshot(): KeySnapshot {
  return createRecordMap({ kind: 'signingKey', parse: (body) => record.parse(body) });
}
