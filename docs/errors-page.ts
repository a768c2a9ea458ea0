import { type CatalogueEntry, catalogue, type ErrorCode } from '../src/kernel/error-catalogue.ts';

/** The page with one anchor for every code of the catalogue: what the caller sees, what usually causes it, what helps. */

const advice: Readonly<Record<ErrorCode, string>> = {
  invalid_request:
    'A parameter is missing, repeated, nested or of the wrong kind, or the body is not `application/x-www-form-urlencoded`. Send each parameter once, as a plain string.',
  body_too_large:
    'The body exceeds `limits.formBytes`. A token request is small: look for a file sent by mistake.',
  unsupported_grant_type: 'Use `client_credentials` or `urn:ietf:params:oauth:grant-type:token-exchange`.',
  rate_limited: 'One client asks too often. Wait for `Retry-After`, and reuse a token until it expires.',
  jwks_unavailable:
    'The issuer does not answer and no keys are cached. Wait and retry; if it lasts, check that Postern can reach the key set of the provider.',
  state_unconfirmed:
    'This node has not been able to read its store for a minute and does not decide on old state. Check the store.',
  unavailable:
    'The store does not answer in time or the server is overloaded. Retry after `Retry-After` seconds.',
  trust_not_found:
    'The client id names no trust. Copy it again from the trust; mind the suffix `/wfe` and capital letters.',
  trust_disabled: 'Somebody disabled the trust. Its owners can enable it again.',
  provider_disabled: 'A super admin disabled the provider, so no trust of it works.',
  issuer_mismatch:
    'The `iss` of the token is not, byte for byte, the issuer of the provider. Check which platform ran the job and whether a trailing slash differs.',
  invalid_jwt_format:
    'The subject token is not a plain signed JWT: cut off, encrypted, with repeated members or with forbidden header members.',
  unsupported_alg:
    'The signature algorithm is not in the list of the provider. Symmetric algorithms and `none` never are.',
  signature_invalid:
    'The signature fits none of the keys that the issuer publishes now. The token was altered, or comes from somebody else.',
  audience_mismatch:
    'The `aud` of the token holds none of the accepted audiences. Request the token for the host name of Postern.',
  token_expired: 'Request the token immediately before the exchange; identity tokens live for minutes.',
  token_not_yet_valid:
    'The clocks of issuer and Postern differ by more than 30 seconds. Check time synchronisation.',
  token_too_old:
    'The token was issued longer ago than the provider allows. Request it immediately before the exchange.',
  missing_iat:
    'The issuer leaves out `iat`, so the age cannot be judged. Use a provider preset that allows this.',
  subject_mismatch: 'The token has no `sub`, or one that does not belong to the provider.',
  condition_invalid:
    'The stored condition is not accepted by the policy engine of this version. An owner has to save the trust with a valid one.',
  claims_too_complex: 'The token has more, longer or deeper claims than conditions may look at.',
  cel_condition_not_met:
    'The claims do not satisfy the condition. The caller sees its own failing values; owners see the whole explanation under the denial id.',
  token_replayed: 'The provider accepts each token once. Request a new one for each exchange.',
  sp_disabled: 'The service principal is disabled. Its owners can enable it again.',
  ip_not_allowed:
    'The address the request came from is not in the list of the trust or credential. Behind a proxy check `trustedProxies`.',
  no_effective_roles:
    'The service principal lost every role that the trust or credential is scoped to. Assign one again or change the scope.',
  credential_not_found:
    'The client id names no credential. Copy it again; mind the suffix and capital letters.',
  credential_expired: 'Create a new credential; the life of one cannot be extended.',
  credential_revoked: 'Somebody revoked the credential. Create a new one.',
  invalid_client_secret: 'The secret does not belong to this client id, or was cut off when it was stored.',
  invalid_client_assertion:
    'Signature, audience, times or claims of the assertion are wrong. Check the clock and the host the client connects to.',
  assertion_replayed: 'Sign a new assertion with a new `jti` for each request.',
  invalid_argument: 'The answer names the member and says what is wrong with it.',
  not_supported_yet: 'This part of the contract is refused instead of being ignored. Leave the member out.',
  limit_reached: 'A limit of `limits` is reached. Delete what is not used any more or raise it.',
  last_owner: 'Add another owner first.',
  provider_in_use: 'Delete the trusts of the provider first.',
  unauthenticated: 'The access token is missing, expired, or its subject was disabled.',
  permission_denied: 'The caller has no role, and no ownership, that allows this operation.',
  bootstrap_refused: 'The secret is wrong, or the first super admin exists already.',
  not_found: 'There is no such object, or the caller may not see it.',
  already_exists: 'Another object holds the same unique value, for example the issuer of a provider.',
  aborted: 'Somebody changed the object in between. Read it again and repeat the change.',
  internal: 'A defect. The request id leads to the log.',
};

const introduction = `# Errors

This page is generated from the error catalogue by \`npm run docs\`; do not edit it.

Every failure has one stable code. The token endpoint answers in the form of RFC 6749, everything under \`/api\` with
\`{"code", "message", "details"}\`. A refused token request tells its code only to a caller that has proven itself; before that,
every refusal of one kind looks the same. Owners find the code, and what lay behind it, in the system log.
`;

function answers({ status, oauth, rpc }: CatalogueEntry): string {
  const lines: string[] = [];
  if (oauth === 'refused') {
    lines.push('Token exchange: 400 `invalid_request`. Client credentials: 401 `invalid_client`.');
  } else if (oauth !== undefined) {
    lines.push(`Token endpoint: ${status} \`${oauth}\`.`);
  }
  if (rpc !== undefined) lines.push(`API: ${status}, code ${rpc}.`);
  return lines.join(' ');
}

export function errorsPage(): string {
  const sections = Object.entries(catalogue).map(
    ([code, entry]) =>
      `## ${code}\n\n> ${entry.sentence}\n\n${answers(entry)}\n\n${advice[code as ErrorCode]}\n`,
  );
  return `${introduction}\n${sections.join('\n')}`;
}
