import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import type { Person } from '../directory/model.ts';
import type { PeopleSnapshot } from '../directory/snapshot.ts';
import { checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, removal, rerunLostRace } from '../journal/management.ts';
import type { Change } from '../journal/model.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import type { Cutename, Ids } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock, RandomBytes } from '../kernel/ports.ts';
import type { Secret } from '../kernel/secret.ts';
import { createClientSecret } from '../principals/client-secret.ts';
import { checkRestrictions, expiryOf } from '../principals/restrictions.ts';
import type { PersonalClient } from './model.ts';
import type { PersonalClientSnapshot } from './snapshot.ts';

export interface NewPersonalClient {
  /** For another person: needs `users.manage`. It is how people get their first token. */
  readonly userId?: string | undefined;
  readonly displayName: string;
  /** > 0, at most 180 days; 90 days when absent. */
  readonly lifetimeSeconds?: number | undefined;
  readonly scopedRoleIds?: readonly string[] | undefined;
  readonly allowSourceCidrs?: readonly string[] | undefined;
}

/** A client with its secret, which is answered once and never stored. */
export interface CreatedClient {
  readonly client: Entry<PersonalClient>;
  readonly clientSecret: Secret;
}

/** A person's own clients; nobody reads or deletes those of another. */
export interface PersonalClients {
  create(actor: Actor, input: NewPersonalClient): Promise<CreatedClient>;
  get(actor: Actor, cutename: string): Entry<PersonalClient>;
  list(actor: Actor, request: PageRequest): Page<Entry<PersonalClient>>;
  remove(actor: Actor, cutename: string): Promise<void>;
}

export function createPersonalClients(deps: {
  readonly people: PeopleSnapshot;
  readonly personalClients: PersonalClientSnapshot;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: RandomBytes;
  /** Second part of the secrets. */
  readonly secretLabel: string;
  readonly limits: { readonly clientsPerPerson: number };
}): PersonalClients {
  const { people, personalClients, access, journal, clock, ids, random, secretLabel, limits } = deps;

  const ownClient = (actor: Actor, cutename: string): Entry<PersonalClient> => {
    const entry = personalClients.get(cutename);
    if (entry === undefined || entry.value.personId !== actor.id) {
      throw new GatewayError('not_found', { detail: 'personal client' });
    }
    return entry;
  };

  const createOnce = async (actor: Actor, input: NewPersonalClient): Promise<CreatedClient> => {
    const holderId = input.userId ?? actor.id;
    const isOwn = holderId === actor.id;
    if (!isOwn) access.requirePermission(actor, 'users.manage');
    const person = requirePerson(people, holderId, isOwn);
    checkDisplayName(input.displayName);
    if (isOwn) checkBreadth(actor, person, input.scopedRoleIds ?? []);
    const now = clock.nowMs();
    const restrictions = checkRestrictions(input, isOwn ? actor.roleIds : person.roleIds);
    const expiresAtMs = expiryOf(now, input.lifetimeSeconds);
    if (personalClients.ofPerson(person.id).length >= limits.clientsPerPerson) {
      throw new GatewayError('limit_reached', { detail: 'personal clients' });
    }
    const { secret, publicKey } = createClientSecret(random, secretLabel);
    const client = newClient(person, ids.cutename(), {
      displayName: input.displayName,
      publicKey,
      expiresAtMs,
      ...restrictions,
      createdAtMs: now,
    });
    await commitAct(journal, actor, {
      operation: 'PersonalClientService/Create',
      activity: 'create',
      changes: [insertClient(client)],
      data: describe(client),
    });
    return { client: { id: client.cutename, version: 1, value: client }, clientSecret: secret };
  };

  const removeOnce = async (actor: Actor, cutename: string): Promise<void> => {
    const entry = ownClient(actor, cutename);
    await commitAct(journal, actor, {
      operation: 'PersonalClientService/Delete',
      activity: 'delete',
      changes: [removal('personalClient', entry)],
      data: { personal_client_id: cutename, display_name: entry.value.displayName },
    });
  };

  return {
    create: (actor, input) => rerunLostRace(() => createOnce(actor, input)),
    get: ownClient,
    list: (actor, request) => pageOf(personalClients.ofPerson(actor.id), (entry) => entry.id, request),
    remove: (actor, cutename) => rerunLostRace(() => removeOnce(actor, cutename)),
  };
}

function requirePerson(people: PeopleSnapshot, holderId: string, isOwn: boolean): Person {
  const person = people.get(holderId)?.value;
  if (person !== undefined) return person;
  throw isOwn
    ? new GatewayError('permission_denied', { detail: 'people only' })
    : invalidArgument('userId', 'names no person');
}

/** A token of narrowed scope must not make a client without scope: that would hold every role of the person. */
function checkBreadth(actor: Actor, person: Person, scopedRoleIds: readonly string[]): void {
  const isNarrowed = !person.roleIds.every((id) => actor.roleIds.includes(id));
  if (isNarrowed && scopedRoleIds.length === 0) {
    throw invalidArgument('scopedRoleIds', 'must name roles: this token does not hold all of yours');
  }
}

type NewClientMembers = Omit<PersonalClient, 'cutename' | 'personId' | 'updatedAtMs'>;

export function newClient(person: Person, cutename: Cutename, members: NewClientMembers): PersonalClient {
  return { cutename, personId: person.id, ...members, updatedAtMs: members.createdAtMs };
}

export function insertClient(client: PersonalClient): Change {
  return insertion('personalClient', client.cutename, client, [`cutename:${client.cutename}`]);
}

function describe(client: PersonalClient): Readonly<Record<string, unknown>> {
  return {
    personal_client_id: client.cutename,
    user_id: client.personId,
    display_name: client.displayName,
    expires_at_ms: client.expiresAtMs,
    scoped_role_ids: client.scopedRoleIds,
    allow_source_cidrs: client.allowSourceCidrs,
  };
}
