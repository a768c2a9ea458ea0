import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import type { PeopleSnapshot } from '../directory/snapshot.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, rerunLostRace, rewrite } from '../journal/management.ts';
import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock } from '../kernel/ports.ts';
import { ownersOf, requirePrincipal } from './lookup.ts';
import type { Owner, ServicePrincipal } from './model.ts';
import type { PrincipalSnapshot } from './snapshot.ts';

/** Owners of a service principal; at least one remains, always (contract §4.8). */
export interface Owners {
  /** By user id. */
  list(actor: Actor, principalId: string, request: PageRequest): Page<Owner>;
  /** Adding one who is already an owner changes nothing. */
  add(actor: Actor, principalId: string, userId: string): Promise<Owner>;
  remove(actor: Actor, principalId: string, userId: string): Promise<void>;
  /** Replaces the whole set. */
  replace(actor: Actor, principalId: string, userIds: readonly string[]): Promise<void>;
}

const maxOwners = 100;

export function createOwners(deps: {
  readonly principals: PrincipalSnapshot;
  readonly people: PeopleSnapshot;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
}): Owners {
  const { principals, people, access, journal, clock } = deps;

  /** The owners' list is one compare-and-swap, so that two last owners can never remove each other. */
  const change = (
    actor: Actor,
    principalId: string,
    decide: (principal: ServicePrincipal) => readonly Owner[],
  ): Promise<readonly Owner[]> =>
    rerunLostRace(async () => {
      const entry = requirePrincipal(principals, principalId);
      access.requirePermission(actor, 'owners.manage', ownersOf(entry.value));
      const owners = decide(entry.value);
      if (owners === entry.value.owners) return owners;
      if (owners.length === 0) throw new GatewayError('last_owner');
      if (owners.length > maxOwners) throw invalidArgument('userRefs', `must be at most ${maxOwners} owners`);
      await commitAct(journal, actor, {
        operation: 'UserOwnersService/Update',
        activity: 'update',
        principalId,
        changes: [rewrite('principal', entry, { ...entry.value, owners, updatedAtMs: clock.nowMs() })],
        data: { owners: { from: idsOf(entry.value.owners), to: idsOf(owners) } },
      });
      return owners;
    });

  const ownerOf = (principal: ServicePrincipal, userId: string): Owner => {
    const known = principal.owners.find((owner) => owner.userId === userId);
    if (known !== undefined) return known;
    const person = people.get(userId)?.value;
    if (person === undefined) throw invalidArgument('userRef.id', 'is not a user who can own');
    return { userId: person.id, createdAtMs: clock.nowMs() };
  };

  return {
    list: (actor, principalId, request) => {
      const { value } = requirePrincipal(principals, principalId);
      access.requirePermission(actor, 'owners.read', ownersOf(value));
      const sorted = [...value.owners].sort((a, b) => (a.userId < b.userId ? -1 : 1));
      return pageOf(sorted, (owner) => owner.userId, request);
    },
    add: async (actor, principalId, userId) => {
      const owners = await change(actor, principalId, (principal) => {
        const owner = ownerOf(principal, userId);
        return principal.owners.includes(owner) ? principal.owners : [...principal.owners, owner];
      });
      const added = owners.find((owner) => owner.userId === userId);
      if (added === undefined)
        throw new GatewayError('internal', { detail: 'an owner was added and is not there' });
      return added;
    },
    remove: async (actor, principalId, userId) => {
      await change(actor, principalId, ({ owners }) => {
        const rest = owners.filter((owner) => owner.userId !== userId);
        if (rest.length === owners.length) throw new GatewayError('not_found', { detail: 'owner' });
        return rest;
      });
    },
    replace: async (actor, principalId, userIds) => {
      await change(actor, principalId, (principal) =>
        [...new Set(userIds)].map((id) => ownerOf(principal, id)),
      );
    },
  };
}

const idsOf = (owners: readonly Owner[]): readonly string[] => owners.map(({ userId }) => userId);
