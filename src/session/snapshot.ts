import { z } from 'zod';
import { createRecordIndex } from '../journal/record-index.ts';
import { createRecordMap, type Entry, type RecordMap } from '../journal/snapshot.ts';
import type { Cutename, UserId } from '../kernel/ids.ts';
import type { Sources } from '../policy/source-ip.ts';
import { compileAllowlist } from '../principals/restrictions.ts';
import type { PersonalClient } from './model.ts';

/** Hot state of how people sign in: their personal clients. */
export interface PersonalClientSnapshot extends RecordMap<PersonalClient> {
  /** Of one person, by cutename. */
  ofPerson(personId: string): readonly Entry<PersonalClient>[];
  state(cutename: string): PersonalClientState | undefined;
}

/** A personal client as the token path needs it. */
export interface PersonalClientState {
  readonly record: PersonalClient;
  readonly sources: Pick<Sources, 'allows'>;
}

const isText = (value: unknown): boolean => typeof value === 'string';

// Strict: a document with members this version does not know may carry a restriction it would ignore.
const personalClientDocument = z.strictObject({
  cutename: z.custom<Cutename>(isText),
  personId: z.custom<UserId>(isText),
  displayName: z.string(),
  publicKey: z.string().length(43),
  expiresAtMs: z.int(),
  scopedRoleIds: z.array(z.string()),
  allowSourceCidrs: z.array(z.string()),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

export function createPersonalClientSnapshot(): PersonalClientSnapshot {
  const byPerson = createRecordIndex<PersonalClient>((client) => client.personId);
  const states = new Map<string, PersonalClientState>();
  const records = createRecordMap<PersonalClient>({
    kind: 'personalClient',
    parse: (body) => personalClientDocument.parse(body),
    onChange: (id, next, previous) => {
      byPerson.update(id, next, previous);
      if (next === undefined) states.delete(id);
      else states.set(id, { record: next.value, sources: compileAllowlist(next.value.allowSourceCidrs) });
    },
  });
  return Object.assign(records, {
    ofPerson: byPerson.of,
    state: (cutename: string) => states.get(cutename),
  });
}
