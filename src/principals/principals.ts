import type { Access, ObjectPermissions } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import type { RoleCatalogue } from '../access/roles.ts';
import { assignableRoles } from '../directory/roles.ts';
import { checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, removal, rerunLostRace, rewrite } from '../journal/management.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock } from '../kernel/ports.ts';
import { editMembers, type MemberRules, type Update } from '../kernel/update-mask.ts';
import { ownersOf, requirePrincipal } from './lookup.ts';
import type { ServicePrincipal } from './model.ts';
import type { Dependents } from './ports.ts';
import type { CredentialSnapshot, PrincipalSnapshot } from './snapshot.ts';

export type PrincipalMembers = Pick<ServicePrincipal, 'displayName' | 'status' | 'roleIds'>;

const memberRules: MemberRules<PrincipalMembers> = {
  displayName: { path: 'displayName', required: true },
  status: { path: 'user.status', required: true },
  roleIds: { path: 'user.roleIds', fallback: [] },
};

export interface Principals {
  /** Needs `principals.create`. The creator becomes the first owner (contract §4.2). */
  create(actor: Actor, input: { readonly displayName: string }): Promise<Entry<ServicePrincipal>>;
  get(actor: Actor, id: string): Entry<ServicePrincipal>;
  /** By id, which is the order of creation. */
  list(actor: Actor, request: PageRequest): Page<Entry<ServicePrincipal>>;
  /** Name and status: owners; roles: `principals.assignRoles`. Permission is asked for members that change. */
  update(actor: Actor, id: string, update: Update<PrincipalMembers>): Promise<Entry<ServicePrincipal>>;
  /** With all its credentials and trusts, irreversibly. */
  remove(actor: Actor, id: string): Promise<void>;
  objectPermissions(actor: Actor, principal: ServicePrincipal): ObjectPermissions;
}

interface PrincipalsDeps {
  readonly principals: PrincipalSnapshot;
  readonly credentials: CredentialSnapshot;
  readonly roles: RoleCatalogue;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: { readonly principals: number };
  readonly dependents: Dependents;
}

export function createPrincipals(deps: PrincipalsDeps): Principals {
  const { principals, credentials, roles, access, journal, clock, ids } = deps;

  const create: Principals['create'] = async (actor, { displayName }) => {
    access.requirePermission(actor, 'principals.create');
    checkDisplayName(displayName);
    if (principals.size >= deps.limits.principals) {
      throw new GatewayError('limit_reached', {
        sentence: `at most ${deps.limits.principals} service principals`,
      });
    }
    const now = clock.nowMs();
    const principal: ServicePrincipal = {
      id: ids.user(),
      displayName,
      status: 'ENABLED',
      roleIds: [],
      owners: [{ userId: actor.id, createdAtMs: now }],
      createdBy: actor.id,
      createdAtMs: now,
      updatedAtMs: now,
    };
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/Create',
      activity: 'create',
      principalId: principal.id,
      changes: [insertion('principal', principal.id, principal)],
      data: { display_name: displayName },
    });
    return { id: principal.id, version: 1, value: principal };
  };

  const update: Principals['update'] = async (actor, id, request) => {
    const entry = requirePrincipal(principals, id);
    const { next, changed, record } = editMembers<PrincipalMembers>(entry.value, request, memberRules);
    if (changed.has('roleIds')) access.requirePermission(actor, 'principals.assignRoles');
    // Asked even when nothing changes: who may not edit learns nothing of what is.
    if (changed.size !== 1 || !changed.has('roleIds')) {
      access.requirePermission(actor, 'principals.edit', ownersOf(entry.value));
    }
    if (changed.size === 0) return entry;
    checkDisplayName(next.displayName);
    const roleIds = assignableRoles(roles, next.roleIds, entry.value.roleIds);
    const value: ServicePrincipal = { ...entry.value, ...next, roleIds, updatedAtMs: clock.nowMs() };
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/Update',
      activity: 'update',
      principalId: id,
      changes: [rewrite('principal', entry, value)],
      data: record,
    });
    return { id, version: entry.version + 1, value };
  };

  const removeOnce = async (actor: Actor, id: string): Promise<void> => {
    const entry = requirePrincipal(principals, id);
    access.requirePermission(actor, 'principals.delete', ownersOf(entry.value));
    const removals = credentials.ofPrincipal(id).map((credential) => removal('credential', credential));
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/Delete',
      activity: 'delete',
      principalId: id,
      changes: [removal('principal', entry), ...removals, ...deps.dependents.deletionsFor(entry.value.id)],
      data: { display_name: entry.value.displayName, credentials: removals.length },
    });
  };

  return {
    create,
    update,
    get: (actor, id) => {
      access.requirePermission(actor, 'principals.read');
      return requirePrincipal(principals, id);
    },
    list: (actor, request) => {
      access.requirePermission(actor, 'principals.read');
      const sorted = [...principals.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      return pageOf(sorted, (entry) => entry.id, request);
    },
    remove: (actor, id) => rerunLostRace(() => removeOnce(actor, id)),
    objectPermissions: (actor, principal) => {
      const owned = ownersOf(principal);
      return {
        read: access.can(actor, 'credentials.read', owned),
        edit: access.can(actor, 'principals.edit', owned),
        delete: access.can(actor, 'principals.delete', owned),
        extra: { assignRoles: access.can(actor, 'principals.assignRoles') },
      };
    },
  };
}
