import type { Access, ObjectPermissions } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import type { RoleCatalogue } from '../access/roles.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, rewrite } from '../journal/management.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock } from '../kernel/ports.ts';
import { editMembers, type MemberRules, type Update } from '../kernel/update-mask.ts';
import type { Person } from './model.ts';
import { assignableRoles } from './roles.ts';
import type { PeopleSnapshot } from './snapshot.ts';
import { checkDisplayName } from './texts.ts';

interface NewPerson {
  readonly displayName: string;
  readonly email?: string | undefined;
  readonly roleIds?: readonly string[] | undefined;
}

export type PersonMembers = Pick<Person, 'displayName' | 'email' | 'status' | 'roleIds'>;

const memberRules: MemberRules<PersonMembers> = {
  displayName: { path: 'displayName', required: true },
  email: { path: 'email', fallback: '' },
  status: { path: 'status', required: true },
  roleIds: { path: 'roleIds', fallback: [] },
};

/** RFC 5321 §4.5.3.1.3: a path has at most 256 octets, two of them the angle brackets. */
const maxEmailBytes = 254;

export interface People {
  /** Needs `users.manage`. */
  create(actor: Actor, input: NewPerson): Promise<Entry<Person>>;
  get(actor: Actor, personId: string): Entry<Person>;
  /** By id, which is the order of creation. */
  list(actor: Actor, request: PageRequest): Page<Entry<Person>>;
  /** Needs `users.manage`. A disabled person's tokens stop working at once (contract §7.3). */
  update(actor: Actor, personId: string, update: Update<PersonMembers>): Promise<Entry<Person>>;
  objectPermissions(actor: Actor): ObjectPermissions;
}

export function createPeople(deps: {
  readonly people: PeopleSnapshot;
  readonly roles: RoleCatalogue;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
}): People {
  const { people, roles, access, journal, clock, ids } = deps;

  const find = (personId: string): Entry<Person> => {
    const entry = people.get(personId);
    if (entry === undefined) throw new GatewayError('not_found', { detail: 'person' });
    return entry;
  };

  const create: People['create'] = async (actor, input) => {
    access.requirePermission(actor, 'users.manage');
    const { displayName, email = '', roleIds = [] } = input;
    checkDisplayName(displayName);
    checkEmail(email);
    const now = clock.nowMs();
    const person: Person = {
      id: ids.user(),
      displayName,
      email,
      status: 'ENABLED',
      roleIds: assignableRoles(roles, roleIds),
      createdAtMs: now,
      updatedAtMs: now,
    };
    await commitAct(journal, actor, {
      operation: 'UserService/Create',
      activity: 'create',
      changes: [insertion('person', person.id, person)],
      data: { user_id: person.id, display_name: displayName, role_ids: person.roleIds },
    });
    return { id: person.id, version: 1, value: person };
  };

  const get: People['get'] = (actor, personId) => {
    access.requirePermission(actor, 'users.read');
    return find(personId);
  };

  const list: People['list'] = (actor, request) => {
    access.requirePermission(actor, 'users.read');
    const sorted = [...people.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return pageOf(sorted, (entry) => entry.id, request);
  };

  const update: People['update'] = async (actor, personId, request) => {
    access.requirePermission(actor, 'users.manage');
    const entry = find(personId);
    const { next, changed, record } = editMembers<PersonMembers>(entry.value, request, memberRules);
    if (changed.size === 0) return entry;
    checkDisplayName(next.displayName);
    checkEmail(next.email);
    const roleIds = assignableRoles(roles, next.roleIds, entry.value.roleIds);
    const value: Person = { ...entry.value, ...next, roleIds, updatedAtMs: clock.nowMs() };
    await commitAct(journal, actor, {
      operation: 'UserService/Update',
      activity: 'update',
      changes: [rewrite('person', entry, value)],
      data: { user_id: personId, ...record },
    });
    return { id: personId, version: entry.version + 1, value };
  };

  const objectPermissions: People['objectPermissions'] = (actor) => ({
    read: access.can(actor, 'users.read'),
    edit: access.can(actor, 'users.manage'),
    delete: access.can(actor, 'users.manage'),
    extra: {},
  });

  return { create, get, list, update, objectPermissions };
}

function checkEmail(email: string): void {
  const isPlausible = /^[^\s@]+@[^\s@]+$/.test(email) && Buffer.byteLength(email) <= maxEmailBytes;
  if (email !== '' && !isPlausible) throw invalidArgument('email', 'must be an e-mail address');
}
