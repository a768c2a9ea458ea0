import { z } from 'zod';
import { createRecordMap, type RecordMap } from '../journal/snapshot.ts';
import type { UserId } from '../kernel/ids.ts';
import type { Person } from './model.ts';

/** Hot state of the directory: the people. */
export type PeopleSnapshot = RecordMap<Person>;

/** Strict: a document with members this version does not know may carry a restriction it would ignore. */
const personDocument = z.strictObject({
  id: z.custom<UserId>((value) => typeof value === 'string'),
  displayName: z.string(),
  email: z.string(),
  status: z.enum(['ENABLED', 'DISABLED']),
  roleIds: z.array(z.string()),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

export function createPeopleSnapshot(): PeopleSnapshot {
  return createRecordMap({ kind: 'person', parse: (body) => personDocument.parse(body) });
}
