import type { Cutename, ProviderId, UserId } from '../kernel/ids.ts';

/** JWS algorithms a provider may use; `EdDSA` also admits the name `Ed25519` (RFC 9864). */
export const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type Algorithm = (typeof algorithms)[number];

export const wellKnownProviders = [
  'WELL_KNOWN_WORKLOAD_PROVIDER_GITHUB_ACTIONS',
  'WELL_KNOWN_WORKLOAD_PROVIDER_GITLAB_CI',
  'WELL_KNOWN_WORKLOAD_PROVIDER_HCP_TERRAFORM',
  'WELL_KNOWN_WORKLOAD_PROVIDER_AWS_IAM_OUTBOUND',
  'WELL_KNOWN_WORKLOAD_PROVIDER_SPIFFE',
  'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
] as const;
export type WellKnownProvider = (typeof wellKnownProviders)[number];

export interface JsonWebKeySet {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** How subject tokens of one provider are judged (contract §4.5, issuers.md §3). */
export interface VerificationRules {
  /** Compared byte for byte with `iss`, exactly as discovery returned it. */
  readonly issuerUrl: string;
  /** Bare host names or whatever the operator accepts as `aud`; empty = the operator's `audiences`. */
  readonly audiences: readonly string[];
  readonly audienceMode: 'single' | 'contains';
  readonly algorithms: readonly Algorithm[];
  /** Oldest accepted `iat`, seconds. */
  readonly maxAgeSeconds: number;
  /** Longest accepted `exp − iat`, seconds. */
  readonly maxLifetimeSeconds: number;
  readonly iatRequired: boolean;
}

/** A registered issuer of identity tokens. */
export interface Provider extends VerificationRules {
  readonly id: ProviderId;
  readonly displayName: string;
  readonly description: string;
  readonly wellKnownProvider: WellKnownProvider;
  /** Id of the preset file that filled the defaults. */
  readonly preset: string;
  readonly disabled: boolean;
  readonly replay: 'reuse' | 'once';
  /** Uploaded key set; replaces discovery. */
  readonly jwks?: JsonWebKeySet;
  readonly sharedIssuer: boolean;
  readonly tenantClaims: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Who in the world may become the principal: one provider, one condition, addresses, roles (contract §4.6). */
export interface Trust {
  readonly cutename: Cutename;
  readonly principalId: UserId;
  readonly providerId: ProviderId;
  readonly displayName: string;
  readonly description: string;
  readonly conditionExpression: string;
  /** Policy engine that accepted the condition, `cel-js@8.0.0/policy-<n>`. */
  readonly engine: string;
  readonly disabled: boolean;
  readonly scopedRoleIds: readonly string[];
  readonly allowSourceCidrs: readonly string[];
  readonly passthroughClaims: readonly string[];
  readonly createdBy: UserId;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}
