import { z } from 'zod';
import type { Access } from '../../access/access.ts';
import type { Bootstrap } from '../../session/bootstrap.ts';
import type { CreatedClient, PersonalClients } from '../../session/personal-clients.ts';
import { type Route, route } from '../route.ts';
import {
  bootstrap as bootstrapBody,
  introspection,
  issuedPersonalClient,
  newPersonalClient,
  personalClient,
  personalClientToWire,
} from '../schemas/session.ts';
import { empty, listOf, pageQuery, readPage, toList } from '../schemas/wire-forms.ts';

const base = '/api/v1/iam/personal_clients';

/** Bootstrap, personal clients, and who the caller is (contract §5.1, §5.3). */
export function sessionRoutes(deps: {
  readonly bootstrap: Bootstrap;
  readonly personalClients: PersonalClients;
  readonly access: Access;
  readonly publicHost: string;
}): readonly Route[] {
  const { bootstrap, personalClients, access, publicHost } = deps;
  const issued = ({ client, clientSecret }: CreatedClient) => ({
    client: personalClientToWire(client.value, publicHost),
    clientSecret: clientSecret.reveal(),
  });

  return [
    route({
      method: 'post',
      path: '/auth/v1/bootstrap',
      summary: 'Makes the first super admin, once for ever.',
      isPublic: true,
      body: bootstrapBody,
      response: issuedPersonalClient,
      handle: async ({ actor, body }) => issued(await bootstrap.perform(body, actor)),
    }),
    route({
      method: 'get',
      path: '/api/v1/auth/introspect',
      summary: 'Tells the caller who it is and what it may do.',
      response: introspection,
      handle: ({ actor }) => ({
        principleId: `user:${actor.id}`,
        userId: actor.id,
        tenantId: publicHost,
        roles: actor.roleIds,
        permissions: [...access.permissionsOf(actor)].sort(),
        features: ['SERVICE_PRINCIPALS'],
        deviceClientId: '',
        disabledModules: [],
      }),
    }),
    route({
      method: 'post',
      path: base,
      summary: 'Makes a personal client; its secret is shown this once.',
      body: newPersonalClient,
      response: issuedPersonalClient,
      handle: async ({ actor, body }) =>
        issued(
          await personalClients.create(actor, {
            userId: body.userId,
            displayName: body.displayName,
            lifetimeSeconds: body.expires,
            scopedRoleIds: body.scopedRoles,
            allowSourceCidrs: body.allowSourceCidr,
          }),
        ),
    }),
    route({
      method: 'get',
      path: base,
      summary: 'Lists the caller’s own personal clients.',
      query: pageQuery,
      response: listOf(personalClient),
      handle: ({ actor, query }) =>
        toList(personalClients.list(actor, readPage(query, base)), base, ({ value }) =>
          personalClientToWire(value, publicHost),
        ),
    }),
    route({
      method: 'get',
      path: `${base}/:id`,
      summary: 'Reads one of the caller’s own personal clients.',
      response: z.object({ client: personalClient }),
      handle: ({ actor, params }) => ({
        client: personalClientToWire(personalClients.get(actor, params['id'] ?? '').value, publicHost),
      }),
    }),
    route({
      method: 'delete',
      path: `${base}/:id`,
      summary: 'Deletes one of the caller’s own personal clients.',
      response: empty,
      handle: async ({ actor, params }) => {
        await personalClients.remove(actor, params['id'] ?? '');
        return {};
      },
    }),
  ];
}
