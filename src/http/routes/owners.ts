import { z } from 'zod';
import type { Person } from '../../directory/model.ts';
import { GatewayError, invalidArgument } from '../../kernel/errors.ts';
import type { Owner } from '../../principals/model.ts';
import type { Owners } from '../../principals/owners.ts';
import { type Route, route } from '../route.ts';
import { personToWire, user } from '../schemas/users.ts';
import {
  empty,
  ignored,
  listOf,
  pageQuery,
  readPage,
  text,
  timestamp,
  toList,
  toTimestamp,
} from '../schemas/wire-forms.ts';

const base = '/api/v2/users/:userId/owners';
const roleSlug = 'owner';

const userOwner = z.object({ user, userId: z.string(), roleSlug: z.string(), createdAt: timestamp });
const userRef = z.strictObject({ id: text });

/** Owners of service principals (contract §4.8). */
export function ownerRoutes(deps: {
  readonly owners: Owners;
  readonly personOf: (userId: string) => Person | undefined;
}): readonly Route[] {
  const { owners, personOf } = deps;

  const wire = (principalId: string, { userId, createdAtMs }: Owner) => {
    const person = personOf(userId);
    if (person === undefined) throw new GatewayError('internal', { detail: 'an owner is not a person' });
    return { user: personToWire(person), userId: principalId, roleSlug, createdAt: toTimestamp(createdAtMs) };
  };
  const checkRole = (slug: string | undefined): void => {
    if (slug !== undefined && slug !== roleSlug) throw invalidArgument('roleSlug', 'must be owner');
  };

  return [
    route({
      method: 'get',
      path: `${base}/users`,
      summary: 'Lists the owners of a service principal.',
      query: pageQuery.extend({ roleSlug: text.optional() }),
      response: listOf(userOwner),
      handle: ({ actor, params, query }) => {
        checkRole(query.roleSlug);
        const { userId = '' } = params;
        const filter = `owners/${userId}`;
        const page = owners.list(actor, userId, readPage(query, filter));
        const known = page.items.filter((owner) => personOf(owner.userId) !== undefined);
        return toList({ ...page, items: known }, filter, (owner) => wire(userId, owner));
      },
    }),
    route({
      method: 'post',
      path: `${base}/users/:roleSlug/:ownerId`,
      summary: 'Adds an owner.',
      body: z.strictObject({ userRef: userRef.optional() }),
      response: z.object({ userOwnerUser: userOwner }),
      handle: async ({ actor, params, body }) => {
        const { userId = '', ownerId = '' } = params;
        checkRole(params['roleSlug']);
        if (body.userRef !== undefined && body.userRef.id !== ownerId) {
          throw invalidArgument('userRef.id', 'differs from the path');
        }
        return { userOwnerUser: wire(userId, await owners.add(actor, userId, ownerId)) };
      },
    }),
    route({
      method: 'delete',
      path: `${base}/users/:roleSlug/:ownerId`,
      summary: 'Removes an owner; never the last one.',
      response: empty,
      handle: async ({ actor, params }) => {
        checkRole(params['roleSlug']);
        await owners.remove(actor, params['userId'] ?? '', params['ownerId'] ?? '');
        return {};
      },
    }),
    route({
      method: 'put',
      path: base,
      summary: 'Replaces all owners.',
      body: z.strictObject({
        roleSlug: text.optional(),
        userRefs: z.array(userRef, 'must be a list').default([]),
        appEntitlementRefs: z.array(z.unknown(), 'must be a list').max(0, 'is not supported').optional(),
        userId: ignored,
      }),
      response: empty,
      handle: async ({ actor, params, body }) => {
        checkRole(body.roleSlug);
        await owners.replace(
          actor,
          params['userId'] ?? '',
          body.userRefs.map(({ id }) => id),
        );
        return {};
      },
    }),
  ];
}
