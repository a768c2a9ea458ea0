import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import { checkDescription, checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, removal, rerunLostRace, rewrite } from '../journal/management.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError, invalidArgument } from '../kernel/errors.ts';
import { type Cutename, type Ids, parseClientId } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock } from '../kernel/ports.ts';
import { editMembers, type MemberRules, type Update } from '../kernel/update-mask.ts';
import { compile, engine } from '../policy/condition.ts';
import { ownersOf, requirePrincipal } from '../principals/lookup.ts';
import type { ServicePrincipal } from '../principals/model.ts';
import { checkRestrictions, recheckRestrictions } from '../principals/restrictions.ts';
import type { PrincipalSnapshot } from '../principals/snapshot.ts';
import type { Trust } from './model.ts';
import type { ProviderSnapshot, TrustSnapshot } from './snapshot.ts';

export interface NewTrust {
  readonly displayName: string;
  readonly description?: string | undefined;
  readonly providerId: string;
  readonly conditionExpression: string;
  readonly scopedRoleIds?: readonly string[] | undefined;
  readonly allowSourceCidrs?: readonly string[] | undefined;
  readonly passthroughClaims?: readonly string[] | undefined;
}

export type TrustMembers = Pick<
  Trust,
  | 'displayName'
  | 'description'
  | 'conditionExpression'
  | 'disabled'
  | 'scopedRoleIds'
  | 'allowSourceCidrs'
  | 'passthroughClaims'
>;

const memberRules: MemberRules<TrustMembers> = {
  displayName: { path: 'displayName', required: true },
  description: { path: 'description', fallback: '' },
  conditionExpression: { path: 'conditionExpression', required: true },
  disabled: { path: 'disabled', fallback: false },
  scopedRoleIds: { path: 'scopedRoleIds', fallback: [], restriction: true },
  allowSourceCidrs: { path: 'allowSourceCidrs', fallback: [], restriction: true },
  passthroughClaims: { path: 'passthroughClaims', fallback: [] },
};

const maxPassthroughClaims = 32;
const maxClaimNameBytes = 128;

/** Trusts of one principal; owners and admins only, and never the principal itself (contract §4.6). */
export interface Trusts {
  create(actor: Actor, principalId: string, input: NewTrust): Promise<Entry<Trust>>;
  /** @param clientId The full client id, or its cutename alone. */
  get(actor: Actor, principalId: string, clientId: string): Entry<Trust>;
  list(actor: Actor, principalId: string, request: PageRequest): Page<Entry<Trust>>;
  update(
    actor: Actor,
    principalId: string,
    clientId: string,
    update: Update<TrustMembers>,
  ): Promise<Entry<Trust>>;
  remove(actor: Actor, principalId: string, clientId: string): Promise<void>;
}

interface TrustsDeps {
  readonly principals: PrincipalSnapshot;
  readonly providers: ProviderSnapshot;
  readonly trusts: TrustSnapshot;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Hosts accepted inside client ids, lower-case. */
  readonly clientIdHosts: ReadonlySet<string>;
  readonly limits: { readonly trustsPerPrincipal: number };
}

export function createTrusts(deps: TrustsDeps): Trusts {
  const { principals, providers, trusts, access, journal, clock, ids, clientIdHosts, limits } = deps;

  const require = (
    actor: Actor,
    permission: 'trusts.read' | 'trusts.manage',
    principalId: string,
  ): Entry<ServicePrincipal> => {
    const principal = requirePrincipal(principals, principalId);
    access.requirePermission(actor, permission, ownersOf(principal.value));
    // A token that a trust issued must not widen that trust, whatever roles it carries (issuers.md §7, row 29).
    if (permission === 'trusts.manage' && actor.id === principalId) {
      throw new GatewayError('permission_denied', { detail: 'a principal never edits its own trusts' });
    }
    return principal;
  };

  const find = (principalId: string, clientId: string): Entry<Trust> => {
    const entry = trusts.get(cutenameOf(clientId, clientIdHosts) ?? '');
    if (entry === undefined || entry.value.principalId !== principalId) {
      throw new GatewayError('not_found', { detail: 'trust' });
    }
    return entry;
  };

  const createOnce = async (actor: Actor, principalId: string, input: NewTrust): Promise<Entry<Trust>> => {
    const principal = require(actor, 'trusts.manage', principalId);
    const provider = providers.get(input.providerId);
    if (provider === undefined) throw invalidArgument('providerId', 'does not exist');
    if (trusts.ofPrincipal(principalId).length >= limits.trustsPerPrincipal) {
      throw new GatewayError('limit_reached', { sentence: `at most ${limits.trustsPerPrincipal} trusts` });
    }
    const now = clock.nowMs();
    const trust: Trust = {
      cutename: ids.cutename(),
      principalId: principal.value.id,
      providerId: provider.value.id,
      disabled: false,
      engine,
      ...checkTexts({ ...input, description: input.description ?? '' }),
      passthroughClaims: checkPassthrough(input.passthroughClaims ?? []),
      ...checkRestrictions(input, principal.value.roleIds),
      createdBy: actor.id,
      createdAtMs: now,
      updatedAtMs: now,
    };
    // Principal and provider are written too, so that neither can be deleted past this creation.
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/CreateTrust',
      activity: 'create',
      principalId,
      changes: [
        insertion('trust', trust.cutename, trust, [`cutename:${trust.cutename}`]),
        rewrite('provider', provider),
        rewrite('principal', principal),
      ],
      data: describe(trust),
    });
    return { id: trust.cutename, version: 1, value: trust };
  };

  const update: Trusts['update'] = async (actor, principalId, clientId, request) => {
    const principal = require(actor, 'trusts.manage', principalId);
    const entry = find(principalId, clientId);
    const { next, changed, record } = editMembers<TrustMembers>(entry.value, request, memberRules);
    if (changed.size === 0) return entry;
    const isEnabled = !next.disabled && entry.value.disabled;
    // A condition is judged again when it changes and when a trust comes back: the engine may have moved on.
    const mustCompile = changed.has('conditionExpression') || isEnabled;
    const value: Trust = {
      ...entry.value,
      ...next,
      ...checkTexts(next, mustCompile),
      ...(mustCompile ? { engine } : {}),
      ...recheckRestrictions(next, changed, principal.value.roleIds),
      passthroughClaims: checkPassthrough(next.passthroughClaims),
      updatedAtMs: clock.nowMs(),
    };
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/UpdateTrust',
      activity: 'update',
      principalId,
      changes: [rewrite('trust', entry, value)],
      data: { trust_id: entry.id, ...record },
    });
    return { id: entry.id, version: entry.version + 1, value };
  };

  const removeOnce = async (actor: Actor, principalId: string, clientId: string): Promise<void> => {
    require(actor, 'trusts.manage', principalId);
    const entry = find(principalId, clientId);
    await commitAct(journal, actor, {
      operation: 'WorkloadFederationService/DeleteTrust',
      activity: 'delete',
      principalId,
      changes: [removal('trust', entry)],
      data: { trust_id: entry.id, display_name: entry.value.displayName },
    });
  };

  return {
    create: (actor, principalId, input) => rerunLostRace(() => createOnce(actor, principalId, input)),
    update,
    get: (actor, principalId, clientId) => {
      require(actor, 'trusts.read', principalId);
      return find(principalId, clientId);
    },
    list: (actor, principalId, request) => {
      require(actor, 'trusts.read', principalId);
      return pageOf(trusts.ofPrincipal(principalId), (entry) => entry.id, request);
    },
    remove: (actor, principalId, clientId) => rerunLostRace(() => removeOnce(actor, principalId, clientId)),
  };
}

/** `swift-otter-19384@host/wfe` or `swift-otter-19384`; `undefined` for another kind of id or a foreign host. */
function cutenameOf(clientId: string, hosts: ReadonlySet<string>): Cutename | undefined {
  if (!clientId.includes('@')) return clientId as Cutename;
  const parsed = parseClientId(clientId);
  return parsed?.suffix === 'wfe' && hosts.has(parsed.host) ? parsed.cutename : undefined;
}

type Texts = Pick<Trust, 'displayName' | 'description' | 'conditionExpression'>;

/** A condition that does not compile is never stored: 400 code 3 with the place of the fault. */
function checkTexts({ displayName, description, conditionExpression }: Texts, mustCompile = true): Texts {
  checkDisplayName(displayName);
  checkDescription(description);
  const compiled = compile(conditionExpression);
  if (mustCompile && !compiled.ok) {
    const problems = compiled.problems.map(({ code, message, range }) => {
      const place = range === undefined ? '' : ` at ${range[0]}–${range[1]}`;
      return `${code}${place}: ${message}`;
    });
    throw invalidArgument('conditionExpression', problems.join('; '));
  }
  return { displayName, description, conditionExpression };
}

function checkPassthrough(names: readonly string[]): readonly string[] {
  const isName = (name: string): boolean => name !== '' && Buffer.byteLength(name) <= maxClaimNameBytes;
  if (names.length > maxPassthroughClaims || !names.every(isName)) {
    const bounds = `${maxPassthroughClaims} names of 1 to ${maxClaimNameBytes} bytes`;
    throw invalidArgument('passthroughClaims', `must be at most ${bounds}`);
  }
  return [...new Set(names)];
}

function describe(trust: Trust): Readonly<Record<string, unknown>> {
  return {
    trust_id: trust.cutename,
    provider_id: trust.providerId,
    display_name: trust.displayName,
    condition: trust.conditionExpression,
    scoped_role_ids: trust.scopedRoleIds,
    allow_source_cidrs: trust.allowSourceCidrs,
    passthrough_claims: trust.passthroughClaims,
  };
}
