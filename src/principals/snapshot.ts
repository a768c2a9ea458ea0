import { z } from 'zod';
import { createRecordIndex } from '../journal/record-index.ts';
import { createRecordMap, type Entry, type RecordMap } from '../journal/snapshot.ts';
import type { Cutename, UserId } from '../kernel/ids.ts';
import type { Sources } from '../policy/source-ip.ts';
import type { Credential, ServicePrincipal } from './model.ts';
import { compileAllowlist } from './restrictions.ts';

/** Hot state of service principals. */
export interface PrincipalSnapshot extends RecordMap<ServicePrincipal> {
  /** Ids of the principals that a user owns. */
  ownedBy(userId: UserId): readonly string[];
}

/** A credential as the token path needs it. */
export interface CredentialState {
  readonly record: Credential;
  readonly sources: Pick<Sources, 'allows'>;
}

/** Hot state of credentials, revoked ones included. */
export interface CredentialSnapshot extends RecordMap<Credential> {
  /** Of one principal, by cutename. */
  ofPrincipal(principalId: string): readonly Entry<Credential>[];
  state(cutename: string): CredentialState | undefined;
}

const isText = (value: unknown): boolean => typeof value === 'string';
const userId = z.custom<UserId>(isText);

// Strict: a document with members this version does not know may carry a restriction it would ignore.
const principalDocument = z.strictObject({
  id: userId,
  displayName: z.string(),
  status: z.enum(['ENABLED', 'DISABLED']),
  roleIds: z.array(z.string()),
  owners: z.array(z.strictObject({ userId, createdAtMs: z.int() })),
  createdBy: userId,
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

const credentialDocument = z.strictObject({
  cutename: z.custom<Cutename>(isText),
  principalId: userId,
  displayName: z.string(),
  publicKey: z.string().length(43),
  expiresAtMs: z.int(),
  scopedRoleIds: z.array(z.string()),
  allowSourceCidrs: z.array(z.string()),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
  revokedAtMs: z.int().exactOptional(),
});

export function createPrincipalSnapshot(): PrincipalSnapshot {
  const records = createRecordMap<ServicePrincipal>({
    kind: 'principal',
    parse: (body) => principalDocument.parse(body),
  });
  const isOwner = (principal: ServicePrincipal, id: UserId): boolean =>
    principal.owners.some((owner) => owner.userId === id);
  return Object.assign(records, {
    ownedBy: (id: UserId) =>
      [...records.values()].filter(({ value }) => isOwner(value, id)).map((entry) => entry.id),
  });
}

export function createCredentialSnapshot(): CredentialSnapshot {
  const byPrincipal = createRecordIndex<Credential>((credential) => credential.principalId);
  const states = new Map<string, CredentialState>();
  const records = createRecordMap<Credential>({
    kind: 'credential',
    parse: (body) => credentialDocument.parse(body),
    onChange: (id, next, previous) => {
      byPrincipal.update(id, next, previous);
      if (next === undefined) states.delete(id);
      else states.set(id, { record: next.value, sources: compileAllowlist(next.value.allowSourceCidrs) });
    },
  });
  return Object.assign(records, {
    ofPrincipal: byPrincipal.of,
    state: (cutename: string) => states.get(cutename),
  });
}
