/** The management features over the real journal and the memory store, with people of every kind to act in them. */

import { expect } from 'chai';
import { createAccess } from '../../src/access/access.ts';
import type { Actor } from '../../src/access/model.ts';
import { createRoleCatalogue } from '../../src/access/roles.ts';
import { readPresetFolder } from '../../src/config/preset-folder.ts';
import { createPeople } from '../../src/directory/people.ts';
import { createPeopleSnapshot } from '../../src/directory/snapshot.ts';
import { checkIssuerUrl, type DiscoveredIssuer } from '../../src/federation/discovery.ts';
import { loadPresets } from '../../src/federation/presets.ts';
import { createProviders } from '../../src/federation/providers.ts';
import { createProviderSnapshot, createTrustSnapshot } from '../../src/federation/snapshot.ts';
import { createTrusts } from '../../src/federation/trusts.ts';
import { createJournal } from '../../src/journal/journal.ts';
import type { Change, RecordState, Unit } from '../../src/journal/model.ts';
import type { ErrorCode } from '../../src/kernel/error-catalogue.ts';
import { GatewayError } from '../../src/kernel/errors.ts';
import { createIds, type ProviderId, type UserId } from '../../src/kernel/ids.ts';
import { Secret } from '../../src/kernel/secret.ts';
import { createCredentials } from '../../src/principals/credentials.ts';
import { createOwners } from '../../src/principals/owners.ts';
import { createPrincipals } from '../../src/principals/principals.ts';
import { createCredentialSnapshot, createPrincipalSnapshot } from '../../src/principals/snapshot.ts';
import { createBootstrap } from '../../src/session/bootstrap.ts';
import { createPersonalClients } from '../../src/session/personal-clients.ts';
import { createPersonalClientSnapshot } from '../../src/session/snapshot.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import {
  countingMetrics,
  createFakeClock,
  createFakeScheduler,
  seededRandom,
  silentLogger,
} from '../fakes.ts';

const presets = loadPresets(readPresetFolder('config/presets'));

export const bootstrapSecret = 'correct horse battery staple';

const limits = {
  principals: 12,
  providers: 4,
  trustsPerPrincipal: 3,
  credentialsPerPrincipal: 3,
  clientsPerPerson: 2,
};

export type World = Awaited<ReturnType<typeof openWorld>>;

export async function openWorld() {
  const clock = createFakeClock();
  const random = seededRandom(7);
  const ids = createIds({ clock, random });
  const people = createPeopleSnapshot();
  const principals = createPrincipalSnapshot();
  const credentials = createCredentialSnapshot();
  const providers = createProviderSnapshot();
  const trusts = createTrustSnapshot();
  const personalClients = createPersonalClientSnapshot();
  const snapshots = [people, principals, credentials, providers, trusts, personalClients];
  const store = createMemoryStore();
  const committed: Unit[] = [];
  const inner = createJournal({
    store: store.journal,
    records: store.records,
    events: store.events,
    snapshots,
    clock,
    scheduler: createFakeScheduler(clock),
    random,
    logger: silentLogger,
    metrics: countingMetrics(),
  });
  await inner.load();
  const journal = {
    commit: async (unit: Unit) => {
      const outcome = await inner.commit(unit);
      committed.push(unit);
      return outcome;
    },
  };
  const roles = createRoleCatalogue([
    { id: 'deployer', name: 'Deployer', permissions: [] },
    { id: 'reader', name: 'Reader', permissions: [] },
  ]);
  const access = createAccess({ roles });
  const discovery = { answer: async (issuer: string): Promise<DiscoveredIssuer> => discovered(issuer) };
  const issuerKeys = { primed: [] as string[], forgotten: [] as string[] };
  const shared = { access, roles, journal, clock, ids, random, secretLabel: 'conductorone.com', limits };

  return {
    clock,
    access,
    roles,
    journal,
    store,
    committed,
    discovery,
    issuerKeys,
    snapshots: { people, principals, credentials, providers, trusts, personalClients },
    people: createPeople({ ...shared, people }),
    principals: createPrincipals({ ...shared, principals, credentials, dependents: trusts }),
    credentials: createCredentials({ ...shared, principals, credentials }),
    owners: createOwners({ ...shared, principals, people }),
    personalClients: createPersonalClients({ ...shared, people, personalClients }),
    bootstrap: createBootstrap({ ...shared, people, secret: new Secret(bootstrapSecret) }),
    providers: createProviders({
      ...shared,
      providers,
      trusts,
      presets,
      issuerKeys: {
        prime: ({ id }) => void issuerKeys.primed.push(id),
        forget: (id: ProviderId) => void issuerKeys.forgotten.push(id),
      },
      discover: (issuerUrl) => discovery.answer(issuerUrl),
      checkIssuerUrl: (issuerUrl) => checkIssuerUrl(issuerUrl, { allowInsecure: false }),
      ownIssuer: 'https://postern.example',
    }),
    trusts: createTrusts({
      ...shared,
      principals,
      providers,
      trusts,
      clientIdHosts: new Set(['postern.example', 'old.example']),
    }),
  };
}

const discovered = (issuer: string): DiscoveredIssuer => ({ issuer, jwksUri: `${issuer}/jwks`, keys: [] });

export function actor(id: string, roleIds: readonly string[] = [], kind: Actor['kind'] = 'person'): Actor {
  return {
    kind,
    id: id as UserId,
    displayName: id,
    roleIds,
    clientId: `${id}-client`,
    requestId: 'r-1',
    sourceIp: '192.0.2.1',
  };
}

/** A super admin, an owner, a stranger, a read-only admin: all of them people in the directory. */
export interface Cast {
  readonly admin: Actor;
  readonly owner: Actor;
  readonly stranger: Actor;
  readonly auditor: Actor;
  /** The one principal, owned by `owner` alone, holding `deployer` and `reader`. */
  readonly principalId: UserId;
}

export async function openCast(world: World): Promise<Cast> {
  const god = actor('god', ['super-admin']);
  const join = async (name: string, roleIds: readonly string[]): Promise<Actor> => {
    const { id } = await world.people.create(god, { displayName: name, roleIds });
    return { ...actor(id, roleIds), displayName: name };
  };
  const admin = await join('Ada', ['super-admin']);
  const owner = await join('Olga', []);
  const stranger = await join('Sid', ['basic-user']);
  const auditor = await join('Rita', ['read-only-admin']);
  const { value } = await world.principals.create(admin, { displayName: 'Deploy prod' });
  await world.principals.update(admin, value.id, { changes: { roleIds: ['deployer', 'reader'] } });
  await world.owners.replace(admin, value.id, [owner.id]);
  return { admin, owner, stranger, auditor, principalId: value.id };
}

/** Runs work that must be refused, and shows with which code and for which members. */
export async function refusal(work: () => unknown): Promise<GatewayError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  return expect.fail('nothing was refused');
}

export async function expectRefused(code: ErrorCode, work: () => unknown, field?: string): Promise<void> {
  const error = await refusal(work);
  expect(error.code, error.message).to.equal(code);
  if (field !== undefined) expect(error.violations.map((violation) => violation.field)).to.include(field);
}

/** The one event of the last unit. */
export function lastEvent(world: World) {
  const event = world.committed.at(-1)?.events[0];
  return event ?? expect.fail('nothing was committed');
}

export function kindsOf(changes: readonly Change[] | undefined): readonly string[] {
  return (changes ?? []).map(({ op, kind }) => `${op} ${kind}`);
}

/** Everything that ever became durable, as text. */
export async function dump(world: World): Promise<string> {
  const { records } = await world.store.records.changedSince(0);
  const { items } = await world.store.events.page({ direction: 'asc', limit: 10_000 });
  const states: readonly RecordState[] = records;
  return JSON.stringify({ states, items, committed: world.committed });
}
