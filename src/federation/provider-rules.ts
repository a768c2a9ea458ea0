import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import { lintKeySet } from './key-linter.ts';
import type { Provider, WellKnownProvider } from './model.ts';
import type { Preset, Presets } from './presets.ts';

/** What a provider's members may be, whoever writes them (contract §4.5). */

const githubIssuer = 'https://token.actions.githubusercontent.com';
const awsHostSuffix = '.tokens.sts.global.api.aws';
const maxSeconds = 86_400;
const maxAudiences = 32;
const maxTextBytes = 512;

export type ProviderSettings = Pick<
  Provider,
  | 'maxAgeSeconds'
  | 'maxLifetimeSeconds'
  | 'iatRequired'
  | 'replay'
  | 'audienceMode'
  | 'audiences'
  | 'algorithms'
  | 'sharedIssuer'
  | 'tenantClaims'
> & { readonly jwks: Provider['jwks'] | undefined };

/** The preset named, or the one that stands for the enum. Refuses one that belongs to another enum value. */
export function choosePreset(presets: Presets, wellKnown: WellKnownProvider, id: string | undefined): Preset {
  if (wellKnown === 'WELL_KNOWN_WORKLOAD_PROVIDER_SPIFFE' || id === 'spiffe') throw notSupportedYet('spiffe');
  const preset = id === undefined ? presets.forWellKnown(wellKnown) : presets.get(id);
  if (preset === undefined) {
    if (id === undefined) throw notSupportedYet('wellKnownProvider');
    throw invalidArgument('preset', 'does not exist');
  }
  const isCustom = wellKnown === 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM';
  if (!isCustom && preset.wellKnownProvider !== wellKnown) {
    throw invalidArgument('preset', 'is of another wellKnownProvider');
  }
  return preset;
}

function notSupportedYet(field: string): GatewayError {
  return new GatewayError('not_supported_yet', { violations: [{ field, description: 'not supported yet' }] });
}

/** A named source vouches for its issuer: GitHub's is fixed, AWS's end alike; the others may be self-hosted. */
export function checkNamedIssuer(wellKnown: WellKnownProvider, issuerUrl: string): void {
  if (wellKnown === 'WELL_KNOWN_WORKLOAD_PROVIDER_GITHUB_ACTIONS' && issuerUrl !== githubIssuer) {
    throw invalidArgument(
      'issuerUrl',
      `must be ${githubIssuer}; register other GitHub issuers as CUSTOM with a preset`,
    );
  }
  if (
    wellKnown === 'WELL_KNOWN_WORKLOAD_PROVIDER_AWS_IAM_OUTBOUND' &&
    !hostOf(issuerUrl).endsWith(awsHostSuffix)
  ) {
    throw invalidArgument('issuerUrl', `must have a host that ends in ${awsHostSuffix}`);
  }
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '');

export function settingsOf(preset: Preset): ProviderSettings {
  return {
    maxAgeSeconds: preset.time.maxAgeSeconds,
    maxLifetimeSeconds: preset.time.maxLifetimeSeconds,
    iatRequired: preset.time.iatRequired,
    replay: preset.replay.default,
    audienceMode: preset.audience.mode,
    audiences: [],
    algorithms: preset.keys.algorithms,
    sharedIssuer: preset.issuer.shared,
    tenantClaims: [],
    jwks: undefined,
  };
}

/** Throws `invalid_argument` on the first member out of bounds. */
export function checkSettings(settings: ProviderSettings, isCustom: boolean): void {
  for (const name of ['maxAgeSeconds', 'maxLifetimeSeconds'] as const) {
    if (settings[name] < 1 || settings[name] > maxSeconds) {
      throw invalidArgument(name, `must be between 1 and ${maxSeconds}`);
    }
  }
  if (settings.algorithms.length === 0) throw invalidArgument('algorithms', 'must not be empty');
  for (const name of ['audiences', 'tenantClaims'] as const) {
    const isFit = settings[name].length <= maxAudiences && settings[name].every(isShortText);
    if (!isFit)
      throw invalidArgument(name, `must be at most ${maxAudiences} texts of 1 to ${maxTextBytes} bytes`);
  }
  if (!isCustom && settings.tenantClaims.length > 0)
    throw invalidArgument('tenantClaims', 'is for custom providers');
  if (settings.jwks !== undefined) thumbprintsOf(settings.jwks);
}

const isShortText = (text: string): boolean => text !== '' && Buffer.byteLength(text) <= maxTextBytes;

/** Thumbprints of an uploaded key set, sorted. Throws `invalid_argument` when it has no usable or a dangerous key. */
function thumbprintsOf(jwks: NonNullable<Provider['jwks']>): readonly string[] {
  const linted = lintKeySet(jwks);
  if (!linted.ok) throw invalidArgument('jwks', linted.why);
  return linted.keys.map(({ thumbprint }) => thumbprint).sort();
}

/**
 * What no two providers may share: the issuer without a trailing slash, or, with uploaded keys, issuer and each key, since
 * many private clusters carry one default issuer string.
 */
export function uniqueKeysOf({ issuerUrl, jwks }: Pick<Provider, 'issuerUrl' | 'jwks'>): readonly string[] {
  const issuer = issuerUrl.replace(/\/$/, '');
  if (jwks === undefined) return [`issuer:${issuer}`];
  return thumbprintsOf(jwks).map((thumbprint) => `issuer:${issuer}#${thumbprint}`);
}
