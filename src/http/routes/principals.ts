import { z } from 'zod';
import type { Actor } from '../../access/model.ts';
import type { Entry } from '../../journal/snapshot.ts';
import type { ServicePrincipal } from '../../principals/model.ts';
import type { Principals } from '../../principals/principals.ts';
import { type Route, route } from '../route.ts';
import { newPrincipal, principal, principalToWire, principalUpdate } from '../schemas/principals.ts';
import { empty, listOf, pageQuery, present, readPage, toList, wholeListSize } from '../schemas/wire-forms.ts';

const base = '/api/v1/service_principals';
const one = z.object({ servicePrincipal: principal });

/** Service principals (contract §4.2). */
export function principalRoutes(deps: { readonly principals: Principals }): readonly Route[] {
  const { principals } = deps;
  const wire = (actor: Actor, { value }: Entry<ServicePrincipal>) => {
    const permissions = principals.objectPermissions(actor, value);
    return principalToWire(value, permissions, !permissions.read);
  };

  return [
    route({
      method: 'get',
      path: base,
      summary: 'Lists service principals; metadata only for those who neither own nor administer them.',
      query: pageQuery,
      response: listOf(principal),
      handle: ({ actor, query }) =>
        toList(principals.list(actor, readPage(query, base, wholeListSize)), base, (entry) =>
          wire(actor, entry),
        ),
    }),
    route({
      method: 'post',
      path: base,
      summary: 'Creates a service principal; its creator becomes the first owner.',
      body: newPrincipal,
      response: one,
      handle: async ({ actor, body }) => ({
        servicePrincipal: wire(actor, await principals.create(actor, body)),
      }),
    }),
    route({
      method: 'get',
      path: `${base}/:id`,
      summary: 'Reads a service principal.',
      response: one,
      handle: ({ actor, params }) => ({
        servicePrincipal: wire(actor, principals.get(actor, params['id'] ?? '')),
      }),
    }),
    route({
      method: 'patch',
      path: `${base}/:id`,
      summary: 'Changes name, status or roles of a service principal.',
      body: principalUpdate,
      response: one,
      handle: async ({ actor, params, body }) => {
        const { displayName, user = {} } = body.servicePrincipal;
        const changes = present({ displayName, status: user.status, roleIds: user.roleIds });
        const update = { changes, mask: body.updateMask };
        return { servicePrincipal: wire(actor, await principals.update(actor, params['id'] ?? '', update)) };
      },
    }),
    route({
      method: 'delete',
      path: `${base}/:id`,
      summary: 'Deletes a service principal with all its credentials and trusts.',
      response: empty,
      handle: async ({ actor, params }) => {
        await principals.remove(actor, params['id'] ?? '');
        return {};
      },
    }),
  ];
}
