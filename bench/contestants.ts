import { randomBytes } from 'node:crypto';
import { makePlace, secrets, startPostern } from '../test-process/postern.ts';
import { becomeAdmin, exchangeForm, makeTrust } from '../test-process/seed.ts';
import { type Server, startServerScript, through } from './processes.ts';
import { type BenchIssuer, condition } from './tokens.ts';

/** Who is measured: each a process of its own, all alive at once, each with the requests it is sent. */

export interface Contestant extends Server {
  readonly name: string;
  readonly label: string;
  /** Forms, one per subject token. */
  readonly bodies: readonly string[];
}

const form = (clientId: string, token: string): string =>
  new URLSearchParams(exchangeForm(clientId, token)).toString();

/** Tokens of all issuers by turns. */
function interleave(lists: readonly (readonly string[])[]): readonly string[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => list.slice(index, index + 1)),
  ).flat();
}

interface Entry {
  readonly name: string;
  readonly label: string;
  readonly issuers: readonly BenchIssuer[];
}

/** Client ids have the length of real ones, so that all read forms of one size. */
const bareClientId = 'brave-falcon-10000001@postern.test/wfe';

export async function startBare(
  mode: 'echo' | 'exchange',
  { issuers, ...entry }: Entry,
): Promise<Contestant> {
  const keys = issuers.map(({ issuer, algorithm, jwks }) => ({ issuer, algorithm, jwks }));
  const server = await startServerScript('bare-server.ts', [mode, JSON.stringify(keys)]);
  const bodies = interleave(issuers.map(({ tokens }) => tokens.map((token) => form(bareClientId, token))));
  return { ...entry, ...server, bodies };
}

/** The built program with default settings and its default store, or the one that forgets. */
export async function startGateway(
  kind: 'sqlite' | 'memory',
  { issuers, ...entry }: Entry,
): Promise<Contestant> {
  const place = await makePlace(kind === 'memory' ? { store: { kind } } : {});
  const { origin, pid, stop } = await startPostern(place, { through: through(1) });
  const bodies = await seed(origin, issuers);
  return { ...entry, origin, pid, bodies, stop: () => stop().finally(place.remove) };
}

/** The counting twin; `counts` asks it how many rows went into how many commits. */
export async function startCounted({ issuers, ...entry }: Entry) {
  const place = await makePlace();
  Object.assign(process.env, secrets);
  const server = await startServerScript('counted-gateway.ts', [place.configFile]);
  const bodies = await seed(server.origin, issuers);
  return { ...entry, ...server, bodies, stop: () => server.stop().finally(place.remove) };
}

async function seed(origin: string, issuers: readonly BenchIssuer[]): Promise<readonly string[]> {
  const admin = await becomeAdmin(origin);
  const lists: (readonly string[])[] = [];
  for (const { algorithm, ...issuer } of issuers) {
    const clientId = await makeTrust(admin, { ...issuer, algorithms: [algorithm] }, condition);
    lists.push(issuer.tokens.map((token) => form(clientId, token)));
  }
  return interleave(lists);
}

/** The peer: client_credentials by secret, which is less work than an exchange. */
export async function startOidcProvider(entry: Omit<Entry, 'issuers'>): Promise<Contestant> {
  const secret = randomBytes(32).toString('base64url');
  const client = { client_id: bareClientId, client_secret: secret };
  const server = await startServerScript('oidc-provider-server.ts', [bareClientId, secret]);
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...client }).toString();
  return { ...entry, ...server, bodies: [body] };
}
