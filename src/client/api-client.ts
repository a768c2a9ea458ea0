/** Client of the gateway's own endpoints, for the command line and the console. */

export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ApiClient {
  /** A management call, JSON in and out. Rejects only when there is no JSON answer at all. */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<ApiAnswer>;
  /** A request of the token endpoint (RFC 6749 §3.2). */
  token(form: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  /** The same client with a bearer token. */
  withToken(accessToken: string): ApiClient;
}

export function createApiClient(deps: {
  readonly fetch: typeof globalThis.fetch;
  /** Origin, without a trailing slash. */
  readonly baseUrl: string;
  readonly accessToken?: string;
}): ApiClient {
  const { fetch, baseUrl, accessToken } = deps;
  const authorization = accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` };

  const send = async (path: string, init: RequestInit): Promise<ApiAnswer> => {
    const response = await fetch(`${baseUrl}${path}`, { ...init, redirect: 'error' });
    const body: unknown = await response.json();
    if (typeof body !== 'object' || body === null) throw new Error(`${path} answered no JSON object`);
    return { status: response.status, body: { ...body } };
  };

  return {
    call: (method, path, body) =>
      send(path, {
        method,
        headers:
          body === undefined ? authorization : { ...authorization, 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    token: (form) => send('/auth/v1/token', { method: 'POST', body: new URLSearchParams(form) }),
    withToken: (token) => createApiClient({ fetch, baseUrl, accessToken: token }),
  };
}
