import { z } from 'zod';
import { GatewayError } from '../../kernel/errors.ts';
import type { Credentials } from '../../principals/credentials.ts';
import { type Route, route } from '../route.ts';
import { credential, credentialToWire, credentialUpdate, newCredential } from '../schemas/principals.ts';
import { empty, listOf, pageQuery, present, readPage, toList, wholeListSize } from '../schemas/wire-forms.ts';

const base = '/api/v1/service_principals/:principalId/credentials';
const one = z.object({ credential });

/** Credentials of a service principal (contract §4.3). */
export function credentialRoutes(deps: {
  readonly credentials: Credentials;
  readonly publicHost: string;
}): readonly Route[] {
  const { credentials, publicHost } = deps;

  return [
    route({
      method: 'get',
      path: base,
      summary: 'Lists the credentials of a service principal.',
      query: pageQuery,
      response: listOf(credential),
      handle: ({ actor, params, query }) => {
        const principalId = params['principalId'] ?? '';
        const filter = `credentials/${principalId}`;
        const page = credentials.list(actor, principalId, readPage(query, filter, wholeListSize));
        return toList(page, filter, ({ value }) => credentialToWire(value, publicHost));
      },
    }),
    route({
      method: 'post',
      path: base,
      summary: 'Creates a credential; its secret is shown this once.',
      body: newCredential,
      response: z.object({ credential, clientSecret: z.string() }),
      handle: async ({ actor, params, body }) => {
        const { expires, scopedRoles, scopedRoleIds, ...rest } = body;
        const input = { ...rest, lifetimeSeconds: expires, scopedRoleIds: oneOf(scopedRoles, scopedRoleIds) };
        const issued = await credentials.create(actor, params['principalId'] ?? '', input);
        return {
          credential: credentialToWire(issued.credential.value, publicHost),
          clientSecret: issued.clientSecret.reveal(),
        };
      },
    }),
    route({
      method: 'get',
      path: `${base}/:id`,
      summary: 'Reads a credential, without its secret.',
      response: one,
      handle: ({ actor, params }) => {
        const entry = credentials.get(actor, params['principalId'] ?? '', params['id'] ?? '');
        return { credential: credentialToWire(entry.value, publicHost) };
      },
    }),
    route({
      method: 'patch',
      path: `${base}/:id`,
      summary: 'Changes name, roles or addresses of a credential; never its expiry.',
      body: credentialUpdate,
      response: one,
      handle: async ({ actor, params, body }) => {
        const { displayName, scopedRoles, scopedRoleIds, allowSourceCidrs, requireDpop } = body.credential;
        const scope = oneOf(scopedRoles, scopedRoleIds);
        const changes = present({ displayName, scopedRoleIds: scope, allowSourceCidrs, requireDpop });
        const { principalId = '', id = '' } = params;
        const entry = await credentials.update(actor, principalId, id, { changes, mask: body.updateMask });
        return { credential: credentialToWire(entry.value, publicHost) };
      },
    }),
    route({
      method: 'delete',
      path: `${base}/:id`,
      summary: 'Revokes a credential.',
      response: empty,
      handle: async ({ actor, params }) => {
        await credentials.revoke(actor, params['principalId'] ?? '', params['id'] ?? '');
        return {};
      },
    }),
  ];
}

/** One list under either of its two names; both at once are refused. */
function oneOf(
  scopedRoles: readonly string[] | undefined,
  scopedRoleIds: readonly string[] | undefined,
): readonly string[] | undefined {
  if (scopedRoles !== undefined && scopedRoleIds !== undefined) {
    const violations = [
      { field: 'scopedRoles', description: 'and scopedRoleIds are one member: send either' },
    ];
    throw new GatewayError('invalid_argument', { violations });
  }
  return scopedRoles ?? scopedRoleIds;
}
