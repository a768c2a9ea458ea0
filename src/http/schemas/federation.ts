import { z } from 'zod';
import { algorithms, type Provider, type Trust, wellKnownProviders } from '../../federation/model.ts';
import { formatClientId } from '../../kernel/ids.ts';
import { ignored, text, textList, timestamp, toTimestamp, updateMask } from './wire-forms.ts';

/** Providers and trusts (contract §4.5, §4.6). */

const flag = z.boolean('must be true or false');
const seconds = z.int('must be a whole number of seconds');
const keySet = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())) }, 'must be a key set');

const wellKnownProvider = z.enum(
  ['WELL_KNOWN_WORKLOAD_PROVIDER_UNSPECIFIED', ...wellKnownProviders],
  'must be a known provider',
);

export const provider = z.object({
  id: z.string(),
  displayName: z.string(),
  description: z.string(),
  issuerUrl: z.string(),
  wellKnownProvider: z.string(),
  oidc: z.object({}),
  disabled: z.boolean(),
  createdAt: timestamp,
  updatedAt: timestamp,
  preset: z.string(),
  maxAgeSeconds: z.int(),
  maxLifetimeSeconds: z.int(),
  iatRequired: z.boolean(),
  replay: z.enum(['reuse', 'once']),
  audienceMode: z.enum(['single', 'contains']),
  audiences: z.array(z.string()),
  algorithms: z.array(z.string()),
  jwks: keySet.optional(),
  sharedIssuer: z.boolean(),
  tenantClaims: z.array(z.string()),
});

const settings = {
  maxAgeSeconds: seconds.optional(),
  maxLifetimeSeconds: seconds.optional(),
  iatRequired: flag.optional(),
  replay: z.enum(['reuse', 'once'], 'must be reuse or once').optional(),
  audienceMode: z.enum(['single', 'contains'], 'must be single or contains').optional(),
  audiences: textList.optional(),
  algorithms: z.array(z.enum(algorithms, 'must be a known algorithm'), 'must be a list').optional(),
  jwks: keySet.optional(),
  sharedIssuer: flag.optional(),
  tenantClaims: textList.optional(),
};

const oidc = z.strictObject({}, 'must be an empty object');
const spiffe = z.looseObject({}, 'must be an object');

export const newProvider = z.strictObject({
  displayName: text,
  description: text.optional(),
  issuerUrl: text,
  wellKnownProvider,
  oidc: oidc.optional(),
  spiffe: spiffe.optional(),
  preset: text.optional(),
  ...settings,
});

export const providerUpdate = z.strictObject({
  provider: z
    .strictObject({
      displayName: text.optional(),
      description: text.optional(),
      disabled: flag.optional(),
      ...settings,
      id: ignored,
      issuerUrl: ignored,
      wellKnownProvider: ignored,
      preset: ignored,
      oidc: ignored,
      spiffe: ignored,
      createdAt: ignored,
      updatedAt: ignored,
    })
    .default({}),
  updateMask,
});

export function providerToWire(value: Provider): z.input<typeof provider> {
  const { createdAtMs, updatedAtMs, audiences, algorithms: accepted, tenantClaims, jwks, ...rest } = value;
  return {
    ...rest,
    oidc: {},
    audiences: [...audiences],
    algorithms: [...accepted],
    tenantClaims: [...tenantClaims],
    ...(jwks === undefined ? {} : { jwks: { keys: jwks.keys.map((key) => ({ ...key })) } }),
    createdAt: toTimestamp(createdAtMs),
    updatedAt: toTimestamp(updatedAtMs),
  };
}

export const trust = z.object({
  clientId: z.string(),
  servicePrincipalId: z.string(),
  providerId: z.string(),
  displayName: z.string(),
  description: z.string(),
  conditionExpression: z.string(),
  disabled: z.boolean(),
  scopedRoleIds: z.array(z.string()),
  allowSourceCidrs: z.array(z.string()),
  passthroughClaims: z.array(z.string()),
  createdAt: timestamp,
  updatedAt: timestamp,
  version: z.int(),
});

export const newTrust = z.strictObject({
  displayName: text,
  description: text.optional(),
  providerId: text,
  conditionExpression: text,
  scopedRoleIds: textList.optional(),
  allowSourceCidrs: textList.optional(),
  passthroughClaims: textList.optional(),
});

export const trustUpdate = z.strictObject({
  trust: z
    .strictObject({
      displayName: text.optional(),
      description: text.optional(),
      conditionExpression: text.optional(),
      disabled: flag.optional(),
      scopedRoleIds: textList.optional(),
      allowSourceCidrs: textList.optional(),
      passthroughClaims: textList.optional(),
      clientId: ignored,
      servicePrincipalId: ignored,
      providerId: ignored,
      createdAt: ignored,
      updatedAt: ignored,
      lastUsedAt: ignored,
      version: ignored,
    })
    .default({}),
  updateMask,
});

export function trustToWire(value: Trust, version: number, publicHost: string): z.input<typeof trust> {
  return {
    clientId: formatClientId(value.cutename, publicHost, 'wfe'),
    servicePrincipalId: value.principalId,
    providerId: value.providerId,
    displayName: value.displayName,
    description: value.description,
    conditionExpression: value.conditionExpression,
    disabled: value.disabled,
    scopedRoleIds: [...value.scopedRoleIds],
    allowSourceCidrs: [...value.allowSourceCidrs],
    passthroughClaims: [...value.passthroughClaims],
    createdAt: toTimestamp(value.createdAtMs),
    updatedAt: toTimestamp(value.updatedAtMs),
    version,
  };
}
