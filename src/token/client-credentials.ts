import type { Claim } from '../journal/model.ts';
import { parseClientId } from '../kernel/ids.ts';
import type { Clock } from '../kernel/ports.ts';
import { publicKeyFromText } from '../keys/ed25519.ts';
import { effectiveRoles } from '../policy/scope.ts';
import { secretMatches } from '../principals/client-secret.ts';
import { checkAssertion, decodeAssertion } from './client-assertion.ts';
import { type ClientProof, readClientProof } from './client-authentication.ts';
import { clientIdForAudit, type Grant } from './grant.ts';
import type { GrantDecision, Refused, TokenSubject } from './model.ts';
import type { TokenSettings, TokenState } from './ports.ts';

interface CredentialsDeps {
  readonly settings: TokenSettings;
  readonly state: TokenState;
  readonly clock: Clock;
}

/** The key of nobody (RFC 8032 §7.1, test 1): an unknown client is verified against it, so that the work is the same. */
const decoyKey = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';

/** A credential of a principal or a person, as this grant sees either. */
interface Client {
  readonly subject: TokenSubject;
  readonly publicKey: string;
  readonly heldRoleIds: readonly string[];
  readonly scopedRoleIds: readonly string[];
  readonly lifetimeSeconds: number;
  /** The first thing that stands against it, found before the proof is looked at. */
  readonly obstacle: Refused['reason'] | undefined;
}

/** RFC 6749 §4.4 client credentials, by secret or by signed assertion (contract §2.2). */
export function createClientCredentials(deps: CredentialsDeps): Grant {
  return {
    name: 'client_credentials',
    urn: 'client_credentials',
    answer: {},
    refusal: { status: 401, error: 'invalid_client', description: 'Client authentication failed.' },
    decide: (request) => decide(deps, readClientProof(request), request.sourceIp),
  };
}

/**
 * Credential → expired or revoked → principal → source address → proof → roles. The proof is verified whatever came
 * before, and every refusal before it counts as unproven: an attacker learns neither what exists nor why it fails (T14).
 */
function decide(deps: CredentialsDeps, proof: ClientProof, sourceIp: string | undefined): GrantDecision {
  const assertion = proof.method === 'assertion' ? decodeAssertion(proof.assertion) : undefined;
  const clientId = proof.clientId ?? assertion?.subject ?? '';
  const data = { client_id: clientIdForAudit(clientId), client_authentication: proof.method };
  const client = findClient(deps, clientId, sourceIp);
  const known = client === undefined ? { data } : { data, subject: client.subject };
  const proven = verifyProof(deps, proof, assertion?.token, clientId, client?.publicKey ?? decoyKey);

  const refuse = (reason: Refused['reason'], isProven: boolean, detail?: string): Refused => ({
    allow: false,
    reason,
    proven: isProven,
    ...known,
    ...(detail === undefined ? {} : { detail }),
  });
  if (client === undefined) return refuse('credential_not_found', false);
  if (client.obstacle !== undefined) return refuse(client.obstacle, false);
  if (!proven.ok) {
    const reason = proof.method === 'secret' ? 'invalid_client_secret' : 'invalid_client_assertion';
    return refuse(reason, false, proven.detail);
  }
  const roles = effectiveRoles(client.heldRoleIds, client.scopedRoleIds);
  if (!roles.ok) return refuse(roles.reason, true);
  return {
    allow: true,
    subject: client.subject,
    clientId,
    roleIds: roles.roleIds,
    lifetimeSeconds: client.lifetimeSeconds,
    claims: proven.claims,
    lostReason: 'assertion_replayed',
    extra: {},
    data,
  };
}

type Proven =
  | { readonly ok: true; readonly claims: readonly Claim[] }
  | { readonly ok: false; readonly detail: string };

function verifyProof(
  { settings, clock }: CredentialsDeps,
  proof: ClientProof,
  assertion: Parameters<typeof checkAssertion>[0] | undefined,
  clientId: string,
  publicKey: string,
): Proven {
  if (proof.method === 'secret') {
    return secretMatches(proof.secret, publicKey)
      ? { ok: true, claims: [] }
      : { ok: false, detail: 'the secret is malformed or of another credential' };
  }
  if (assertion === undefined) return { ok: false, detail: 'not a well-formed JWT with a subject' };
  const result = checkAssertion(assertion, clientId, publicKeyFromText(publicKey), settings, clock.nowMs());
  return result.ok ? { ok: true, claims: [result.claim] } : result;
}

/** A suffix that does not fit the grant, or a host that is not ours, counts as unknown (contract §7.2). */
function findClient(
  deps: CredentialsDeps,
  clientId: string,
  sourceIp: string | undefined,
): Client | undefined {
  const parsed = parseClientId(clientId);
  if (parsed === undefined || !deps.settings.clientIdHosts.has(parsed.host)) return undefined;
  if (parsed.suffix === 'spc') return findCredential(deps, parsed.cutename, sourceIp);
  if (parsed.suffix === 'pcc') return findPersonalClient(deps, parsed.cutename, sourceIp);
  return undefined;
}

type Found = NonNullable<ReturnType<typeof parseClientId>>['cutename'];

function findCredential(
  { state, settings, clock }: CredentialsDeps,
  cutename: Found,
  sourceIp: string | undefined,
): Client | undefined {
  const found = state.credential(cutename);
  const principal = found && state.principal(found.record.principalId);
  if (found === undefined || principal === undefined) return undefined;
  const { record, sources } = found;
  const obstacle =
    record.revokedAtMs !== undefined
      ? 'credential_revoked'
      : findObstacle(record.expiresAtMs, principal.status, sources.allows(sourceIp ?? ''), clock);
  return {
    subject: { uid: principal.id, name: principal.displayName, type: 'Service' },
    publicKey: record.publicKey,
    heldRoleIds: principal.roleIds,
    scopedRoleIds: record.scopedRoleIds,
    lifetimeSeconds: settings.credentialsTtlSeconds,
    obstacle,
  };
}

function findPersonalClient(
  { state, settings, clock }: CredentialsDeps,
  cutename: Found,
  sourceIp: string | undefined,
): Client | undefined {
  const found = state.personalClient(cutename);
  const person = found && state.person(found.record.personId);
  if (found === undefined || person === undefined) return undefined;
  const { record, sources } = found;
  return {
    subject: { uid: person.id, name: person.displayName, type: 'User' },
    publicKey: record.publicKey,
    heldRoleIds: person.roleIds,
    scopedRoleIds: record.scopedRoleIds,
    lifetimeSeconds: settings.personalTtlSeconds,
    obstacle: findObstacle(record.expiresAtMs, person.status, sources.allows(sourceIp ?? ''), clock),
  };
}

function findObstacle(
  expiresAtMs: number,
  status: 'ENABLED' | 'DISABLED',
  isSourceAllowed: boolean,
  clock: Clock,
): Refused['reason'] | undefined {
  if (expiresAtMs <= clock.nowMs()) return 'credential_expired';
  if (status !== 'ENABLED') return 'sp_disabled';
  return isSourceAllowed ? undefined : 'ip_not_allowed';
}
