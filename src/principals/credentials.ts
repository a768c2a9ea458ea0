import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import { checkDisplayName } from '../directory/texts.ts';
import type { Journal } from '../journal/journal.ts';
import { commitAct, insertion, removal, rerunLostRace, rewrite } from '../journal/management.ts';
import type { Entry } from '../journal/snapshot.ts';
import { GatewayError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { type Page, type PageRequest, pageOf } from '../kernel/page.ts';
import type { Clock, RandomBytes } from '../kernel/ports.ts';
import type { Secret } from '../kernel/secret.ts';
import { editMembers, type MemberRules, type Update } from '../kernel/update-mask.ts';
import { createClientSecret } from './client-secret.ts';
import { ownersOf, requirePrincipal } from './lookup.ts';
import type { Credential } from './model.ts';
import { checkRestrictions, expiryOf, recheckRestrictions } from './restrictions.ts';
import type { CredentialSnapshot, PrincipalSnapshot } from './snapshot.ts';

interface NewCredential {
  readonly displayName: string;
  /** Default 90 days, at most 180. */
  readonly lifetimeSeconds?: number | undefined;
  readonly scopedRoleIds?: readonly string[] | undefined;
  readonly allowSourceCidrs?: readonly string[] | undefined;
  readonly requireDpop?: boolean | undefined;
}

export type CredentialMembers = Pick<Credential, 'displayName' | 'scopedRoleIds' | 'allowSourceCidrs'> & {
  readonly requireDpop: boolean;
};

const memberRules: MemberRules<CredentialMembers> = {
  displayName: { path: 'displayName', required: true },
  scopedRoleIds: { path: 'scopedRoleIds', alias: 'scopedRoles', fallback: [], restriction: true },
  allowSourceCidrs: { path: 'allowSourceCidrs', fallback: [], restriction: true },
  requireDpop: { path: 'requireDpop', fallback: false },
};

/** A credential with the one sight of its secret: it can never be read again. */
export interface IssuedCredential {
  readonly credential: Entry<Credential>;
  readonly clientSecret: Secret;
}

/** Credentials of one principal; all of it for its owners and admins (contract §4.3). */
export interface Credentials {
  create(actor: Actor, principalId: string, input: NewCredential): Promise<IssuedCredential>;
  get(actor: Actor, principalId: string, cutename: string): Entry<Credential>;
  list(actor: Actor, principalId: string, request: PageRequest): Page<Entry<Credential>>;
  update(
    actor: Actor,
    principalId: string,
    cutename: string,
    update: Update<CredentialMembers>,
  ): Promise<Entry<Credential>>;
  /** Leaves a tombstone until the expiry, so that audit can say `credential_revoked`. */
  revoke(actor: Actor, principalId: string, cutename: string): Promise<void>;
}

interface CredentialsDeps {
  readonly principals: PrincipalSnapshot;
  readonly credentials: CredentialSnapshot;
  readonly access: Access;
  readonly journal: Pick<Journal, 'commit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: RandomBytes;
  /** Second part of the secret. */
  readonly secretLabel: string;
  readonly limits: { readonly credentialsPerPrincipal: number };
}

const refuseDpop = (requireDpop: boolean): void => {
  if (requireDpop)
    throw new GatewayError('not_supported_yet', {
      violations: [{ field: 'requireDpop', description: 'not supported yet' }],
    });
};

export function createCredentials(deps: CredentialsDeps): Credentials {
  const { principals, credentials, access, journal, clock, ids, random, limits } = deps;

  const isLive = ({ value }: Entry<Credential>): boolean => value.revokedAtMs === undefined;
  const find = (principalId: string, cutename: string): Entry<Credential> => {
    const entry = credentials.get(cutename);
    if (entry === undefined || entry.value.principalId !== principalId || !isLive(entry)) {
      throw new GatewayError('not_found', { detail: 'credential' });
    }
    return entry;
  };
  const require = (
    actor: Actor,
    permission: 'credentials.read' | 'credentials.manage',
    principalId: string,
  ) => {
    const principal = requirePrincipal(principals, principalId);
    access.requirePermission(actor, permission, ownersOf(principal.value));
    return principal;
  };

  const createOnce = async (
    actor: Actor,
    principalId: string,
    input: NewCredential,
  ): Promise<IssuedCredential> => {
    const principal = require(actor, 'credentials.manage', principalId);
    checkDisplayName(input.displayName);
    refuseDpop(input.requireDpop ?? false);
    const now = clock.nowMs();
    const all = credentials.ofPrincipal(principalId);
    const active = all.filter((entry) => isLive(entry) && entry.value.expiresAtMs > now);
    const spent = all.filter((entry) => !isLive(entry) && entry.value.expiresAtMs <= now);
    if (active.length >= limits.credentialsPerPrincipal) {
      throw new GatewayError('limit_reached', {
        sentence: `at most ${limits.credentialsPerPrincipal} active credentials`,
      });
    }
    const { secret, publicKey } = createClientSecret(random, deps.secretLabel);
    const credential: Credential = {
      cutename: ids.cutename(),
      principalId: principal.value.id,
      displayName: input.displayName,
      publicKey,
      expiresAtMs: expiryOf(now, input.lifetimeSeconds),
      ...checkRestrictions(input, principal.value.roleIds),
      createdAtMs: now,
      updatedAtMs: now,
    };
    // The principal is written too: its deletion and this creation can never pass each other.
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/CreateCredential',
      activity: 'create',
      principalId,
      changes: [
        insertion('credential', credential.cutename, credential, [`cutename:${credential.cutename}`]),
        rewrite('principal', principal),
        // Tombstones whose time is over leave with the next creation: no timer is needed.
        ...spent.map((entry) => removal('credential', entry)),
      ],
      data: describe(credential),
    });
    return { credential: { id: credential.cutename, version: 1, value: credential }, clientSecret: secret };
  };

  const update: Credentials['update'] = async (actor, principalId, cutename, request) => {
    const principal = require(actor, 'credentials.manage', principalId);
    const entry = find(principalId, cutename);
    const current = { ...entry.value, requireDpop: false };
    const { next, changed, record } = editMembers<CredentialMembers>(current, request, memberRules);
    if (changed.size === 0) return entry;
    checkDisplayName(next.displayName);
    refuseDpop(next.requireDpop);
    const value: Credential = {
      ...entry.value,
      displayName: next.displayName,
      ...recheckRestrictions(next, changed, principal.value.roleIds),
      updatedAtMs: clock.nowMs(),
    };
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/UpdateCredential',
      activity: 'update',
      principalId,
      changes: [rewrite('credential', entry, value)],
      data: { credential_id: cutename, ...record },
    });
    return { id: cutename, version: entry.version + 1, value };
  };

  const revokeOnce = async (actor: Actor, principalId: string, cutename: string): Promise<void> => {
    require(actor, 'credentials.manage', principalId);
    const entry = find(principalId, cutename);
    const now = clock.nowMs();
    await commitAct(journal, actor, {
      operation: 'ServicePrincipalService/RevokeCredential',
      activity: 'delete',
      principalId,
      changes: [rewrite('credential', entry, { ...entry.value, revokedAtMs: now, updatedAtMs: now })],
      data: { credential_id: cutename },
    });
  };

  return {
    create: (actor, principalId, input) => rerunLostRace(() => createOnce(actor, principalId, input)),
    update,
    get: (actor, principalId, cutename) => {
      require(actor, 'credentials.read', principalId);
      return find(principalId, cutename);
    },
    list: (actor, principalId, request) => {
      require(actor, 'credentials.read', principalId);
      const sorted = credentials
        .ofPrincipal(principalId)
        .filter(isLive)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      return pageOf(sorted, (entry) => entry.id, request);
    },
    revoke: (actor, principalId, cutename) => rerunLostRace(() => revokeOnce(actor, principalId, cutename)),
  };
}

function describe({ cutename, displayName, expiresAtMs, scopedRoleIds, allowSourceCidrs }: Credential) {
  return {
    credential_id: cutename,
    display_name: displayName,
    expires_at_ms: expiresAtMs,
    scoped_role_ids: scopedRoleIds,
    allow_source_cidrs: allowSourceCidrs,
  };
}
