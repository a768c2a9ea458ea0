import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import { checkDescription, checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, removal, rerunLostRace, rewrite } from '../journal/management.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock } from '../kernel/ports.ts';
import { editMembers, type MemberRules, type Update } from '../kernel/update-mask.ts';
import type { DiscoveredIssuer } from './discovery.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { Provider, WellKnownProvider } from './model.ts';
import type { Presets } from './presets.ts';
import {
  checkNamedIssuer,
  checkSettings,
  choosePreset,
  type ProviderSettings,
  settingsOf,
  uniqueKeysOf,
} from './provider-rules.ts';
import type { ProviderSnapshot, TrustSnapshot } from './snapshot.ts';

type Optional<Members> = { readonly [Name in keyof Members]?: Members[Name] | undefined };

export interface NewProvider extends Optional<ProviderSettings> {
  readonly displayName: string;
  readonly description?: string | undefined;
  readonly issuerUrl: string;
  readonly wellKnownProvider: WellKnownProvider;
  readonly preset?: string | undefined;
}

export type ProviderMembers = Pick<Provider, 'displayName' | 'description' | 'disabled'> &
  ProviderSettings & {
    /** Always empty; clients name it in their masks. */
    readonly oidc: object;
  };

/** Registered issuers. Everybody signed in reads them, super admins change them (contract §4.5). */
export interface Providers {
  /** Discovers the issuer first, unless keys are uploaded: what cannot be verified is not stored. */
  create(actor: Actor, input: NewProvider): Promise<Entry<Provider>>;
  get(actor: Actor, id: string): Entry<Provider>;
  list(actor: Actor, request: PageRequest): Page<Entry<Provider>>;
  update(actor: Actor, id: string, update: Update<ProviderMembers>): Promise<Entry<Provider>>;
  /** Refused while trusts reference it. */
  remove(actor: Actor, id: string): Promise<void>;
}

interface ProvidersDeps {
  readonly providers: ProviderSnapshot;
  readonly trusts: Pick<TrustSnapshot, 'countOfProvider'>;
  readonly presets: Presets;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly issuerKeys: Pick<IssuerKeys, 'prime' | 'forget'>;
  readonly discover: (issuerUrl: string) => Promise<DiscoveredIssuer>;
  /** Throws for what no issuer may be called. */
  readonly checkIssuerUrl: (issuerUrl: string) => void;
  /** The public URL: a token of ours is never a subject token (threat T13). */
  readonly ownIssuer: string;
  readonly limits: { readonly providers: number };
}

/** Clearing a setting brings back what its preset says. */
function rulesFor(presets: Presets, { preset: id }: Provider): MemberRules<ProviderMembers> {
  const preset = presets.get(id);
  if (preset === undefined) throw new GatewayError('internal', { detail: `preset ${id} is gone` });
  const defaults = settingsOf(preset);
  const rule = <Name extends keyof ProviderSettings>(path: Name) => ({ path, fallback: defaults[path] });
  return {
    displayName: { path: 'displayName', required: true },
    description: { path: 'description', fallback: '' },
    disabled: { path: 'disabled', fallback: false },
    oidc: { path: 'oidc', fallback: {} },
    maxAgeSeconds: rule('maxAgeSeconds'),
    maxLifetimeSeconds: rule('maxLifetimeSeconds'),
    iatRequired: rule('iatRequired'),
    replay: rule('replay'),
    audienceMode: rule('audienceMode'),
    audiences: rule('audiences'),
    algorithms: rule('algorithms'),
    sharedIssuer: rule('sharedIssuer'),
    tenantClaims: rule('tenantClaims'),
    jwks: rule('jwks'),
  };
}

export function createProviders(deps: ProvidersDeps): Providers {
  const { providers, trusts, presets, access, journal, clock, ids, issuerKeys, limits } = deps;

  const find = (id: string): Entry<Provider> => {
    const entry = providers.get(id);
    if (entry === undefined) throw new GatewayError('not_found', { detail: 'provider' });
    return entry;
  };

  const draft = (input: NewProvider): Provider => {
    checkDisplayName(input.displayName);
    checkDescription(input.description ?? '');
    const { displayName, description = '', issuerUrl, wellKnownProvider } = input;
    const preset = choosePreset(presets, wellKnownProvider, input.preset);
    deps.checkIssuerUrl(issuerUrl);
    checkNamedIssuer(wellKnownProvider, issuerUrl);
    if (withoutSlash(issuerUrl) === withoutSlash(deps.ownIssuer))
      throw invalidArgument('issuerUrl', 'is this gateway');
    const { jwks, ...settings } = withSent(settingsOf(preset), input);
    checkSettings({ jwks, ...settings }, isCustom(wellKnownProvider));
    const now = clock.nowMs();
    return {
      id: ids.provider(),
      displayName,
      description,
      issuerUrl,
      wellKnownProvider,
      preset: preset.id,
      disabled: false,
      ...settings,
      ...(jwks === undefined ? {} : { jwks }),
      createdAtMs: now,
      updatedAtMs: now,
    };
  };

  const create: Providers['create'] = async (actor, input) => {
    access.requirePermission(actor, 'providers.manage');
    if (providers.size >= limits.providers) {
      throw new GatewayError('limit_reached', { sentence: `at most ${limits.providers} providers` });
    }
    const drafted = draft(input);
    const discovered = drafted.jwks === undefined ? await deps.discover(drafted.issuerUrl) : undefined;
    const provider = { ...drafted, issuerUrl: discovered?.issuer ?? drafted.issuerUrl };
    checkNamedIssuer(provider.wellKnownProvider, provider.issuerUrl);
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/CreateProvider',
      activity: 'create',
      changes: [insertion('provider', provider.id, provider, uniqueKeysOf(provider))],
      data: { provider_id: provider.id, display_name: provider.displayName, issuer: provider.issuerUrl },
    });
    if (discovered !== undefined) issuerKeys.prime(provider, discovered);
    return { id: provider.id, version: 1, value: provider };
  };

  /** Going back from an uploaded key set to discovery must find the very issuer that is registered. */
  const rediscover = async (issuerUrl: string): Promise<void> => {
    const { issuer } = await deps.discover(issuerUrl);
    if (issuer !== issuerUrl) throw invalidArgument('jwks', `discovery spells the issuer ${issuer}`);
  };

  const update: Providers['update'] = async (actor, id, request) => {
    access.requirePermission(actor, 'providers.manage');
    const entry = find(id);
    const current: ProviderMembers = { ...entry.value, jwks: entry.value.jwks, oidc: {} };
    const { next, changed, record } = editMembers<ProviderMembers>(
      current,
      request,
      rulesFor(presets, entry.value),
    );
    if (changed.size === 0) return entry;
    checkDisplayName(next.displayName);
    checkDescription(next.description);
    checkSettings(next, isCustom(entry.value.wellKnownProvider));
    const { jwks, oidc: _oidc, ...members } = next;
    const { jwks: _, ...kept } = entry.value;
    const value: Provider = {
      ...kept,
      ...members,
      ...(jwks === undefined ? {} : { jwks }),
      updatedAtMs: clock.nowMs(),
    };
    if (changed.has('jwks') && jwks === undefined) await rediscover(value.issuerUrl);
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/UpdateProvider',
      activity: 'update',
      changes: [{ ...rewrite('provider', entry, value), unique: uniqueKeysOf(value) }],
      data: { provider_id: id, ...record },
    });
    if (changed.has('jwks')) issuerKeys.forget(value.id);
    return { id, version: entry.version + 1, value };
  };

  const removeOnce = async (actor: Actor, id: string): Promise<void> => {
    access.requirePermission(actor, 'providers.manage');
    const entry = find(id);
    const count = trusts.countOfProvider(id);
    if (count > 0) {
      const sentence = `the provider is used by ${count} ${count === 1 ? 'trust' : 'trusts'}`;
      throw new GatewayError('provider_in_use', { sentence });
    }
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/DeleteProvider',
      activity: 'delete',
      changes: [removal('provider', entry)],
      data: { provider_id: id, issuer: entry.value.issuerUrl },
    });
    issuerKeys.forget(entry.value.id);
  };

  return {
    create,
    update,
    get: (actor, id) => {
      access.requirePermission(actor, 'providers.read');
      return find(id);
    },
    list: (actor, request) => {
      access.requirePermission(actor, 'providers.read');
      const sorted = [...providers.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      return pageOf(sorted, (entry) => entry.id, request);
    },
    remove: (actor, id) => rerunLostRace(() => removeOnce(actor, id)),
  };
}

const withoutSlash = (url: string): string => url.replace(/\/$/, '');
const isCustom = (value: WellKnownProvider): boolean => value === 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM';

/** Each setting as sent, else as the preset has it; no other member of the input gets through (threat C5). */
function withSent(defaults: ProviderSettings, sent: Optional<ProviderSettings>): ProviderSettings {
  const names = Object.keys(defaults) as (keyof ProviderSettings)[];
  return Object.fromEntries(names.map((name) => [name, sent[name] ?? defaults[name]])) as ProviderSettings;
}
