import { type ApiClient, createApiClient } from '../src/client/api-client.ts';

/** Clients that ask without pause until the gateway is gone, and remember what they were promised. */

export interface Ledger {
  /** `jti` of every access token that was received whole. */
  readonly tokens: string[];
  /** Ids of the principals whose creation was acknowledged. */
  readonly principals: string[];
}

interface LoadDeps {
  readonly origin: string;
  readonly admin: ApiClient;
  /** Forms of token requests, sent by turns. */
  readonly forms: readonly Readonly<Record<string, string>>[];
  readonly connections: number;
}

export interface Load {
  readonly ledger: Ledger;
  /** Resolves once the gateway has answered that many tokens. */
  received(tokens: number): Promise<void>;
  /** Resolves when every client has lost its connection. Rejects on an answer that is no success. */
  readonly ended: Promise<void>;
}

export function startLoad({ origin, admin, forms, connections }: LoadDeps): Load {
  const ledger: Ledger = { tokens: [], principals: [] };
  const api = createApiClient({ fetch, baseUrl: origin });
  let waiting: { readonly tokens: number; readonly resolve: () => void } | undefined;
  let sent = 0;

  const askForToken = async (): Promise<boolean> => {
    sent += 1;
    const answer = await unlessGone(api.token(forms[sent % forms.length] ?? {}));
    if (answer === undefined) return false;
    const token = answer.body['access_token'];
    if (answer.status !== 200 || typeof token !== 'string') throw unexpected(answer);
    ledger.tokens.push(jtiOf(token));
    if (waiting !== undefined && ledger.tokens.length >= waiting.tokens) waiting.resolve();
    return true;
  };
  const makePrincipal = async (): Promise<boolean> => {
    const made = await unlessGone(
      admin.call('POST', '/api/v1/service_principals', { displayName: 'under load' }),
    );
    if (made === undefined) return false;
    const { id } = (made.body['servicePrincipal'] ?? {}) as { id?: string };
    if (made.status !== 200 || id === undefined) throw unexpected(made);
    ledger.principals.push(id);
    return true;
  };
  const repeat = async (ask: () => Promise<boolean>): Promise<void> => {
    while (await ask());
  };

  const clients = Array.from({ length: connections }, () => repeat(askForToken));
  const ended = Promise.all([...clients, repeat(makePrincipal)]).then(() => undefined);
  return {
    ledger,
    received: (tokens) =>
      Promise.race([
        new Promise<void>((resolve) => {
          waiting = { tokens, resolve };
        }),
        ended.then(() => Promise.reject(new Error('the gateway went away too early'))),
      ]),
    ended,
  };
}

/** A connection that breaks is what this load waits for; an answer cut short counts as none. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}

const unexpected = (answer: { readonly status: number; readonly body: object }): Error =>
  new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`);

export function jtiOf(accessToken: string): string {
  const payload = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString();
  return String((JSON.parse(payload) as { jti?: unknown }).jti);
}
