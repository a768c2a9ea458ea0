/**
 * The one catalogue of errors and refusal reasons: stable machine code → HTTP status, OAuth error or gRPC code, public sentence.
 * `docs/errors.md` is generated from it. Sources: contract §2.6 (token endpoint), §3.1 (REST), §7.10 (audit reasons).
 */

export interface CatalogueEntry {
  readonly status: number;
  /** RFC 6749 `error`, for what the token endpoint answers. `refused` = the grant's class decides (contract §2.6). */
  readonly oauth?: string;
  /** gRPC code, for what the REST API answers. */
  readonly rpc?: number;
  /** The only text a caller reads. */
  readonly sentence: string;
}

const refused = (sentence: string): CatalogueEntry & { readonly oauth: string } => ({
  status: 400,
  oauth: 'refused',
  sentence,
});
const rest = (status: number, rpc: number, sentence: string): CatalogueEntry => ({ status, rpc, sentence });

export const catalogue = {
  // Token endpoint: the request itself
  invalid_request: { status: 400, oauth: 'invalid_request', sentence: 'The request is malformed.' },
  body_too_large: {
    status: 413,
    oauth: 'invalid_request',
    rpc: 3,
    sentence: 'The request body is too large.',
  },
  unsupported_grant_type: {
    status: 400,
    oauth: 'unsupported_grant_type',
    sentence: 'This grant type is not supported.',
  },
  rate_limited: {
    status: 429,
    oauth: 'temporarily_unavailable',
    rpc: 8,
    sentence: 'Too many requests. Try again later.',
  },
  jwks_unavailable: {
    status: 503,
    oauth: 'temporarily_unavailable',
    sentence: 'The keys of the token issuer cannot be fetched at the moment.',
  },
  state_unconfirmed: {
    status: 503,
    oauth: 'temporarily_unavailable',
    rpc: 14,
    sentence: 'The service cannot confirm its state at the moment.',
  },
  unavailable: {
    status: 503,
    oauth: 'temporarily_unavailable',
    rpc: 14,
    sentence: 'The service is temporarily unavailable.',
  },

  // Token endpoint: refusals of the exchange
  trust_not_found: refused('No trust has this client id.'),
  trust_disabled: refused('The trust is disabled.'),
  provider_disabled: refused('The provider is disabled.'),
  issuer_mismatch: refused('The token was issued by another issuer.'),
  invalid_jwt_format: refused('The subject token is not a well-formed JWT.'),
  unsupported_alg: refused('The signature algorithm is not accepted from this issuer.'),
  signature_invalid: refused('The signature of the subject token does not verify.'),
  audience_mismatch: refused('The subject token is meant for another audience.'),
  token_expired: refused('The subject token has expired.'),
  token_not_yet_valid: refused('The subject token is not valid yet.'),
  token_too_old: refused('The subject token was issued too long ago.'),
  missing_iat: refused('The subject token does not say when it was issued.'),
  subject_mismatch: refused('The subject of the token is missing or belongs elsewhere.'),
  condition_invalid: refused('The condition of the trust no longer compiles.'),
  claims_too_complex: refused('The claims of the token are too deep or too many.'),
  cel_condition_not_met: refused('The condition of the trust is not met.'),
  token_replayed: refused('The subject token was used before.'),

  // Token endpoint: refusals of either grant
  sp_disabled: refused('The service principal is disabled.'),
  ip_not_allowed: refused('The source address is not allowed.'),
  no_effective_roles: refused('None of the scoped roles is held by the service principal any more.'),

  // Token endpoint: refusals of client authentication
  credential_not_found: refused('No credential has this client id.'),
  credential_expired: refused('The credential has expired.'),
  credential_revoked: refused('The credential was revoked.'),
  invalid_client_secret: refused('The client secret is wrong.'),
  invalid_client_assertion: refused('The client assertion does not verify.'),
  assertion_replayed: refused('The client assertion was used before.'),

  // REST
  invalid_argument: rest(400, 3, 'invalid argument'),
  not_supported_yet: rest(400, 3, 'not supported yet'),
  limit_reached: rest(400, 9, 'a limit is reached'),
  last_owner: rest(400, 9, 'a service principal must keep at least one owner'),
  provider_in_use: rest(400, 9, 'the provider is used by trusts'),
  unauthenticated: rest(401, 16, 'authentication required'),
  permission_denied: rest(403, 7, 'permission denied'),
  bootstrap_refused: rest(403, 7, 'bootstrap refused'),
  not_found: rest(404, 5, 'not found'),
  already_exists: rest(409, 6, 'already exists'),
  aborted: rest(409, 10, 'the object was changed by somebody else'),
  internal: { status: 500, oauth: 'server_error', rpc: 13, sentence: 'internal error' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

type Refused = {
  [Code in ErrorCode]: (typeof catalogue)[Code] extends { oauth: string } ? Code : never;
}[ErrorCode];

/** A code that the audit carries as `status_detail` of a token operation (contract §7.10). */
export type ReasonCode = Refused;
