import { z } from 'zod';
import type { Provider, WellKnownProvider } from '../../federation/model.ts';
import type { Providers } from '../../federation/providers.ts';
import { GatewayError, invalidArgument } from '../../kernel/errors.ts';
import { type Route, route } from '../route.ts';
import { newProvider, provider, providerToWire, providerUpdate } from '../schemas/federation.ts';
import { empty, listOf, pageQuery, present, readPage, toList, wholeListSize } from '../schemas/wire-forms.ts';

const base = '/api/v1/workload_federation/providers';
const one = z.object({ provider });

/** Registered issuers (contract §4.5). */
export function providerRoutes(deps: { readonly providers: Providers }): readonly Route[] {
  const { providers } = deps;
  const answer = ({ value }: { readonly value: Provider }) => ({ provider: providerToWire(value) });

  return [
    route({
      method: 'get',
      path: base,
      summary: 'Lists providers.',
      query: pageQuery,
      response: listOf(provider),
      handle: ({ actor, query }) =>
        toList(providers.list(actor, readPage(query, base, wholeListSize)), base, ({ value }) =>
          providerToWire(value),
        ),
    }),
    route({
      method: 'post',
      path: base,
      summary: 'Registers an issuer, after its discovery or with uploaded keys.',
      body: newProvider,
      response: one,
      handle: async ({ actor, body }) => {
        const { oidc, spiffe, wellKnownProvider, ...rest } = body;
        checkKind(wellKnownProvider, oidc, spiffe);
        return answer(
          await providers.create(actor, {
            ...rest,
            wellKnownProvider: wellKnownProvider as WellKnownProvider,
          }),
        );
      },
    }),
    route({
      method: 'get',
      path: `${base}/:id`,
      summary: 'Reads a provider.',
      response: one,
      handle: ({ actor, params }) => answer(providers.get(actor, params['id'] ?? '')),
    }),
    route({
      method: 'patch',
      path: `${base}/:id`,
      summary: 'Changes name, state or settings of a provider; never its issuer.',
      body: providerUpdate,
      response: one,
      handle: async ({ actor, params, body }) => {
        const { id: _a, issuerUrl: _b, wellKnownProvider: _c, preset: _d, oidc: _e, ...rest } = body.provider;
        const { spiffe: _f, createdAt: _g, updatedAt: _h, ...members } = rest;
        const update = { changes: present(members), mask: body.updateMask };
        return answer(await providers.update(actor, params['id'] ?? '', update));
      },
    }),
    route({
      method: 'delete',
      path: `${base}/:id`,
      summary: 'Deletes a provider that no trust uses.',
      response: empty,
      handle: async ({ actor, params }) => {
        await providers.remove(actor, params['id'] ?? '');
        return {};
      },
    }),
  ];
}

/** Exactly one of `oidc` and `spiffe`, and the one that fits the kind of issuer. */
function checkKind(wellKnown: string, oidc: unknown, spiffe: unknown): void {
  if (wellKnown.endsWith('_UNSPECIFIED')) throw invalidArgument('wellKnownProvider', 'must be specified');
  if (wellKnown.endsWith('_SPIFFE') || spiffe !== undefined) {
    const violations = [{ field: 'spiffe', description: 'not supported yet' }];
    throw new GatewayError('not_supported_yet', { violations });
  }
  if (oidc === undefined) throw invalidArgument('oidc', 'is required');
}
