import { z } from 'zod';
import type { Trust } from '../../federation/model.ts';
import type { Trusts } from '../../federation/trusts.ts';
import type { Entry } from '../../journal/snapshot.ts';
import { type Route, route } from '../route.ts';
import { newTrust, trust, trustToWire, trustUpdate } from '../schemas/federation.ts';
import { empty, listOf, pageQuery, present, readPage, toList, wholeListSize } from '../schemas/wire-forms.ts';

const base = '/api/v1/service_principals/:principalId/trusts';
const one = z.object({ trust });

/** A client id as clients write it into the path: escaped or short in one segment, or with its slash as it is (contract §3). */
const forms = [`${base}/:clientId`, `${base}/:name/wfe`] as const;

const clientIdOf = (params: Readonly<Record<string, string>>): string =>
  params['name'] === undefined ? (params['clientId'] ?? '') : `${params['name']}/wfe`;

/** Trusts of a service principal (contract §4.6). */
export function trustRoutes(deps: {
  readonly trusts: Trusts;
  readonly publicHost: string;
}): readonly Route[] {
  const { trusts, publicHost } = deps;
  const wire = ({ value, version }: Entry<Trust>) => trustToWire(value, version, publicHost);

  const collection = [
    route({
      method: 'get',
      path: base,
      summary: 'Lists the trusts of a service principal.',
      query: pageQuery,
      response: listOf(trust),
      handle: ({ actor, params, query }) => {
        const principalId = params['principalId'] ?? '';
        const filter = `trusts/${principalId}`;
        return toList(trusts.list(actor, principalId, readPage(query, filter, wholeListSize)), filter, wire);
      },
    }),
    route({
      method: 'post',
      path: base,
      summary: 'Creates a trust: who in the world may become this principal.',
      body: newTrust,
      response: one,
      handle: async ({ actor, params, body }) => ({
        trust: wire(await trusts.create(actor, params['principalId'] ?? '', body)),
      }),
    }),
  ];

  const single = (path: string): readonly Route[] => [
    route({
      method: 'get',
      path,
      summary: 'Reads a trust.',
      response: one,
      handle: ({ actor, params }) => ({
        trust: wire(trusts.get(actor, params['principalId'] ?? '', clientIdOf(params))),
      }),
    }),
    route({
      method: 'patch',
      path,
      summary: 'Changes a trust; never its provider.',
      body: trustUpdate,
      response: one,
      handle: async ({ actor, params, body }) => {
        const { displayName, description, conditionExpression, disabled } = body.trust;
        const { scopedRoleIds, allowSourceCidrs, passthroughClaims } = body.trust;
        const texts = { displayName, description, conditionExpression, disabled };
        const changes = present({ ...texts, scopedRoleIds, allowSourceCidrs, passthroughClaims });
        const update = { changes, mask: body.updateMask };
        return {
          trust: wire(await trusts.update(actor, params['principalId'] ?? '', clientIdOf(params), update)),
        };
      },
    }),
    route({
      method: 'delete',
      path,
      summary: 'Deletes a trust.',
      response: empty,
      handle: async ({ actor, params }) => {
        await trusts.remove(actor, params['principalId'] ?? '', clientIdOf(params));
        return {};
      },
    }),
  ];

  return [...collection, ...forms.flatMap(single)];
}
