import { type ApiAnswer, type ApiClient, createApiClient } from '../src/client/api-client.ts';
import { secrets } from './postern.ts';

/** Fills a fresh gateway through its own endpoints. */

/** An issuer whose keys are uploaded, so that nothing has to be discovered. */
export interface SeedIssuer {
  readonly issuer: string;
  readonly algorithms: readonly string[];
  readonly jwks: { readonly keys: readonly object[] };
}

export interface Admin {
  readonly api: ApiClient;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The member at a path of an answer that must be a success. */
function memberOf({ status, body }: ApiAnswer, ...path: readonly string[]): string {
  let value: unknown = body;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  if (status === 200 && typeof value === 'string') return value;
  throw new Error(`expected ${path.join('.')}, got ${status}: ${JSON.stringify(body)}`);
}

/** Makes the first super admin and signs in. */
export async function becomeAdmin(origin: string): Promise<Admin> {
  const api = createApiClient({ fetch, baseUrl: origin });
  const made = await api.call('POST', '/auth/v1/bootstrap', {
    secret: secrets.TEST_BOOTSTRAP,
    displayName: 'Ada',
  });
  const clientId = memberOf(made, 'client', 'clientId');
  const clientSecret = memberOf(made, 'clientSecret');
  return signIn(origin, { clientId, clientSecret });
}

export async function signIn(
  origin: string,
  { clientId, clientSecret }: Pick<Admin, 'clientId' | 'clientSecret'>,
): Promise<Admin> {
  const api = createApiClient({ fetch, baseUrl: origin });
  const answer = await api.token(secretForm(clientId, clientSecret));
  return { api: api.withToken(memberOf(answer, 'access_token')), clientId, clientSecret };
}

/** Registers the issuer, a principal, and a trust with the condition. Returns the client id of the trust. */
export async function makeTrust(
  { api }: Admin,
  { issuer, algorithms, jwks }: SeedIssuer,
  conditionExpression: string,
): Promise<string> {
  const provider = await api.call('POST', '/api/v1/workload_federation/providers', {
    displayName: issuer,
    issuerUrl: issuer,
    wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
    preset: 'custom',
    oidc: {},
    jwks,
    algorithms,
    maxAgeSeconds: 3_600,
  });
  const providerId = memberOf(provider, 'provider', 'id');
  const principalId = await makePrincipal(api, 'Deploy prod');
  const trust = await api.call('POST', `/api/v1/service_principals/${principalId}/trusts`, {
    displayName: 'a job',
    providerId,
    conditionExpression,
  });
  return memberOf(trust, 'trust', 'clientId');
}

async function makePrincipal(api: ApiClient, displayName: string): Promise<string> {
  return memberOf(
    await api.call('POST', '/api/v1/service_principals', { displayName }),
    'servicePrincipal',
    'id',
  );
}

export const exchangeForm = (clientId: string, subjectToken: string): Record<string, string> => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  client_id: clientId,
  subject_token: subjectToken,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
});

const secretForm = (clientId: string, clientSecret: string): Record<string, string> => ({
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: clientSecret,
});
