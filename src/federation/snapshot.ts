import { z } from 'zod';
import { removal } from '../journal/management.ts';
import { createRecordIndex } from '../journal/record-index.ts';
import { createRecordMap, type Entry, type RecordMap } from '../journal/snapshot.ts';
import type { Cutename, ProviderId, UserId } from '../kernel/ids.ts';
import { compile } from '../policy/condition.ts';
import type { Condition } from '../policy/model.ts';
import type { Sources } from '../policy/source-ip.ts';
import type { Dependents } from '../principals/ports.ts';
import { compileAllowlist } from '../principals/restrictions.ts';
import { algorithms, type Provider, type Trust, wellKnownProviders } from './model.ts';

export type ProviderSnapshot = RecordMap<Provider>;

/** A trust as the exchange needs it. */
export interface TrustState {
  readonly trust: Trust;
  readonly version: number;
  /** Absent when the stored text no longer compiles: the exchange answers `condition_invalid`. */
  readonly condition: Condition | undefined;
  readonly sources: Pick<Sources, 'allows'>;
}

export interface TrustSnapshot extends RecordMap<Trust>, Dependents {
  /** Of one principal, by cutename. */
  ofPrincipal(principalId: string): readonly Entry<Trust>[];
  countOfProvider(providerId: string): number;
  state(cutename: string): TrustState | undefined;
}

const isText = (value: unknown): boolean => typeof value === 'string';

// Strict: a document with members this version does not know may carry a restriction it would ignore.
const providerDocument = z.strictObject({
  id: z.custom<ProviderId>(isText),
  displayName: z.string(),
  description: z.string(),
  issuerUrl: z.string(),
  wellKnownProvider: z.enum(wellKnownProviders),
  preset: z.string(),
  disabled: z.boolean(),
  audiences: z.array(z.string()),
  audienceMode: z.enum(['single', 'contains']),
  algorithms: z.array(z.enum(algorithms)),
  maxAgeSeconds: z.int(),
  maxLifetimeSeconds: z.int(),
  iatRequired: z.boolean(),
  replay: z.enum(['reuse', 'once']),
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }).exactOptional(),
  sharedIssuer: z.boolean(),
  tenantClaims: z.array(z.string()),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

const trustDocument = z.strictObject({
  cutename: z.custom<Cutename>(isText),
  principalId: z.custom<UserId>(isText),
  providerId: z.custom<ProviderId>(isText),
  displayName: z.string(),
  description: z.string(),
  conditionExpression: z.string(),
  engine: z.string(),
  disabled: z.boolean(),
  scopedRoleIds: z.array(z.string()),
  allowSourceCidrs: z.array(z.string()),
  passthroughClaims: z.array(z.string()),
  createdBy: z.custom<UserId>(isText),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

export function createProviderSnapshot(): ProviderSnapshot {
  return createRecordMap({ kind: 'provider', parse: (body) => providerDocument.parse(body) });
}

export function createTrustSnapshot(): TrustSnapshot {
  const byPrincipal = createRecordIndex<Trust>((trust) => trust.principalId);
  const byProvider = createRecordIndex<Trust>((trust) => trust.providerId);
  const states = new Map<string, TrustState>();
  const records = createRecordMap<Trust>({
    kind: 'trust',
    parse: (body) => trustDocument.parse(body),
    onChange: (id, next, previous) => {
      byPrincipal.update(id, next, previous);
      byProvider.update(id, next, previous);
      if (next === undefined) states.delete(id);
      else states.set(id, stateOf(next));
    },
  });
  return Object.assign(records, {
    ofPrincipal: byPrincipal.of,
    countOfProvider: byProvider.count,
    state: (cutename: string) => states.get(cutename),
    deletionsFor: (principalId: UserId) =>
      byPrincipal.of(principalId).map((trust) => removal('trust', trust)),
  });
}

function stateOf(entry: Entry<Trust>): TrustState {
  const compiled = compile(entry.value.conditionExpression);
  return {
    trust: entry.value,
    version: entry.version,
    condition: compiled.ok ? compiled.condition : undefined,
    sources: compileAllowlist(entry.value.allowSourceCidrs),
  };
}
