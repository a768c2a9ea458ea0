import { fileURLToPath } from 'node:url';
import type Koa from 'koa';
import { createAccess } from './access/access.ts';
import { createRoleCatalogue } from './access/roles.ts';
import { createBoundedCache, createTtlCache } from './cache/ttl-cache.ts';
import { resolveKek } from './config/kek.ts';
import type { Settings } from './config/load.ts';
import { readPresetFolder } from './config/preset-folder.ts';
import { createPeople } from './directory/people.ts';
import { createPeopleSnapshot } from './directory/snapshot.ts';
import { createFetch } from './egress/guarded-fetch.ts';
import { checkIssuerUrl, discover } from './federation/discovery.ts';
import { createIssuerKeys } from './federation/issuer-keys.ts';
import type { KeySet } from './federation/key-set.ts';
import type { Provider } from './federation/model.ts';
import { loadPresets, type Presets } from './federation/presets.ts';
import { createProviders } from './federation/providers.ts';
import { createProviderSnapshot, createTrustSnapshot } from './federation/snapshot.ts';
import { createTrusts } from './federation/trusts.ts';
import { createApp } from './http/app.ts';
import { createClientIp } from './http/client-ip.ts';
import { managementRoutes } from './http/management.ts';
import { auditRoutes } from './http/routes/audit.ts';
import { credentialRoutes } from './http/routes/credentials.ts';
import { healthRoutes } from './http/routes/health.ts';
import { ownerRoutes } from './http/routes/owners.ts';
import { principalRoutes } from './http/routes/principals.ts';
import { providerRoutes } from './http/routes/providers.ts';
import { sessionRoutes } from './http/routes/session.ts';
import { tokenRoutes } from './http/routes/token.ts';
import { trustRoutes } from './http/routes/trusts.ts';
import { userRoutes } from './http/routes/users.ts';
import { wellKnownRoutes } from './http/routes/well-known.ts';
import { type HttpServer, startServer } from './http/server.ts';
import { createAuditReader } from './journal/audit-reader.ts';
import { createCheckpoints } from './journal/checkpoints.ts';
import { createJournal } from './journal/journal.ts';
import type { Checkpoint } from './journal/model.ts';
import { type AuditReport, verifyAudit } from './journal/verify.ts';
import { createIds, type UserId } from './kernel/ids.ts';
import type { Clock, Fetch, Logger, RandomBytes, Scheduler } from './kernel/ports.ts';
import { Secret } from './kernel/secret.ts';
import { auditPublicKey, createSigningKeys } from './keys/signing-keys.ts';
import { createKeySnapshot } from './keys/snapshot.ts';
import { compileSources } from './policy/source-ip.ts';
import { createCredentials } from './principals/credentials.ts';
import { createOwners } from './principals/owners.ts';
import { createPrincipals } from './principals/principals.ts';
import { createCredentialSnapshot, createPrincipalSnapshot } from './principals/snapshot.ts';
import { createBootstrap } from './session/bootstrap.ts';
import { createPersonalClients } from './session/personal-clients.ts';
import { createPersonalClientSnapshot } from './session/snapshot.ts';
import type { Store } from './store/model.ts';
import { openStore } from './store/open-store.ts';
import { createSystemRandom, systemClock, systemScheduler } from './system.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createAccessTokens } from './token/access-token.ts';
import { createAuthenticate } from './token/authenticate.ts';
import { createClientCredentials } from './token/client-credentials.ts';
import { createIssueToken } from './token/issue-token.ts';
import type { TokenSettings, TokenState } from './token/ports.ts';
import { createRefusalSampling } from './token/refusal-sampling.ts';
import { createTokenExchange } from './token/token-exchange.ts';

/** The only file that knows everybody: it makes each part once and hands it to those who need it. */

const presetFolder = fileURLToPath(new URL('../config/presets', import.meta.url));
const hardTtlSeconds = 86_400;
const maxUnknownKids = 1_000;
const clientsPerPerson = 32;

export interface System {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  /** Instead of the one the settings name. */
  readonly store?: Store;
  /** Instead of the guarded way out. */
  readonly fetch?: Fetch;
}

export interface Gateway {
  readonly app: Koa;
  readonly logger: Logger;
  /** Makes the first super admin; `undefined` once there is a person, or when the operator set a secret of his own. */
  readonly bootstrapSecret: Secret | undefined;
  isReady(): boolean;
  /** From now on `/readyz` answers 503; everything else goes on. */
  announceEnd(): void;
  verifyAudit(): Promise<AuditReport>;
  /** Ends everything but the listener: what waits is committed, the last checkpoint is signed. */
  close(): Promise<void>;
}

export function readPresets(): Presets {
  return loadPresets(readPresetFolder(presetFolder));
}

/** Makes a gateway that does not listen yet. */
export async function createGateway(settings: Settings, system: System): Promise<Gateway> {
  const store = system.store ?? (await openStore(settings.store));
  try {
    return await assemble(settings, system, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function assemble(settings: Settings, system: System, store: Store): Promise<Gateway> {
  const { clock, random, scheduler, logger } = system;
  const metrics = createMetrics();
  const ids = createIds({ clock, random });
  const presets = readPresets();

  // Hot state
  const people = createPeopleSnapshot();
  const principals = createPrincipalSnapshot();
  const credentials = createCredentialSnapshot();
  const personalClients = createPersonalClientSnapshot();
  const providers = createProviderSnapshot();
  const trusts = createTrustSnapshot();
  const keySnapshot = createKeySnapshot();
  const snapshots = [people, principals, credentials, personalClients, providers, trusts, keySnapshot];

  // Durable state and keys
  const { journal: journalStore, records, events } = store;
  const ports = { clock, random, scheduler, logger, metrics };
  const journal = createJournal({ store: journalStore, records, events, snapshots, ...ports });
  await journal.load();
  const keys = createSigningKeys({
    snapshot: keySnapshot,
    journal,
    clock,
    random,
    kek: resolveKek(settings),
  });
  await keys.open();
  const signer = keys.checkpointSigner();
  const checkpoints = createCheckpoints({
    ...ports,
    store: journalStore,
    events,
    heads: journal.heads,
    signer,
  });
  await checkpoints.start();

  // Issuers
  const { allowInsecureIssuers, allowPrivateIssuers } = settings.providers;
  const fetch =
    system.fetch ??
    createFetch({ allowPrivate: allowPrivateIssuers, allowInsecureLoopback: allowInsecureIssuers });
  const discovery = { allowInsecure: allowInsecureIssuers };
  const issuerKeys = createIssuerKeys({
    ...ports,
    ...discovery,
    fetch,
    keySets: createTtlCache<KeySet>({ ttlSeconds: hardTtlSeconds }),
    unknownKids: createBoundedCache<number>({ maxEntries: maxUnknownKids }),
  });

  // Management
  const roles = createRoleCatalogue(settings.roles);
  const access = createAccess({ roles });
  const shared = { access, journal, clock, ids, random, roles };
  const { limits } = settings;
  const { secretLabel } = settings.token;
  const bootstrapSecret = settings.bootstrap.secret ?? new Secret(random(24).toString('base64url'));
  const clientIdHosts = new Set(
    [settings.publicHost, ...settings.clientIdHosts].map((host) => host.toLowerCase()),
  );
  const bootstrap = createBootstrap({ ...shared, people, secretLabel, secret: bootstrapSecret });
  const features = {
    people: createPeople({ ...shared, people }),
    personalClients: createPersonalClients({
      ...shared,
      people,
      personalClients,
      secretLabel,
      limits: { clientsPerPerson },
    }),
    principals: createPrincipals({ ...shared, principals, credentials, dependents: trusts, limits }),
    credentials: createCredentials({ ...shared, principals, credentials, secretLabel, limits }),
    owners: createOwners({ ...shared, principals, people }),
    providers: createProviders({
      ...shared,
      providers,
      trusts,
      presets,
      issuerKeys,
      discover: (issuerUrl) => discover(fetch, issuerUrl, discovery),
      checkIssuerUrl: (issuerUrl) => checkIssuerUrl(issuerUrl, discovery),
      ownIssuer: settings.publicUrl,
      limits,
    }),
    trusts: createTrusts({ ...shared, principals, providers, trusts, clientIdHosts, limits }),
    auditReader: createAuditReader({
      events,
      access,
      ownership: {
        ownersOf: (id) => principals.get(id)?.value.owners.map(({ userId }) => userId) ?? [],
        ownedBy: principals.ownedBy,
      },
    }),
  };

  // Tokens
  const state: TokenState = {
    trust: trusts.state,
    provider: (id) => providers.get(id)?.value,
    principal: (id) => principals.get(id)?.value,
    person: (id) => people.get(id)?.value,
    credential: credentials.state,
    personalClient: personalClients.state,
  };
  const tokenSettings = tokenSettingsOf(settings, clientIdHosts);
  const accessTokens = createAccessTokens({ settings: tokenSettings, signer: keys });
  const sampling = createRefusalSampling({
    journal,
    scheduler,
    perMinute: settings.denials.samplesPerMinute,
  });
  const grants = [
    createTokenExchange({
      settings: tokenSettings,
      state,
      issuerKeys,
      clock,
      isPersonalClaim: (provider, claim) => isPersonal(presets, provider, claim),
    }),
    createClientCredentials({ settings: tokenSettings, state, clock }),
  ];
  const issueToken = createIssueToken({
    grants,
    accessTokens,
    journal,
    sampling,
    settings: tokenSettings,
    ids,
    ...ports,
  });

  // The web
  const authenticate = createAuthenticate({ accessTokens, state, isConfirmed: journal.isConfirmed, clock });
  const proxies = compileSources(settings.trustedProxies);
  const { publicHost } = settings;
  let isOpen = true;
  const isReady = (): boolean => isOpen && journal.isConfirmed();
  const app = createApp({
    ids,
    logger,
    clientIp: createClientIp(proxies.ok && proxies.sources.cidrs.length > 0 ? proxies.sources : undefined),
    maxInFlight: limits.inFlight,
    routes: [
      tokenRoutes({ issueToken, maxFormBytes: limits.formBytes }),
      wellKnownRoutes({
        issuer: settings.publicUrl,
        grantTypes: grants.map(({ urn }) => urn),
        jwks: keys.jwks,
      }),
      healthRoutes({ isReady }),
      managementRoutes({
        authenticate,
        routes: [
          ...sessionRoutes({ bootstrap, access, publicHost, ...features }),
          ...userRoutes(features),
          ...principalRoutes(features),
          ...credentialRoutes({ publicHost, ...features }),
          ...ownerRoutes({ ...features, personOf: (id) => state.person(id as UserId) }),
          ...providerRoutes(features),
          ...trustRoutes({ publicHost, ...features }),
          ...auditRoutes(features),
        ],
      }),
    ],
  });

  return {
    app,
    logger,
    bootstrapSecret:
      bootstrap.isOpen() && settings.bootstrap.secret === undefined ? bootstrapSecret : undefined,
    isReady,
    announceEnd: () => {
      isOpen = false;
    },
    verifyAudit: () => verifyAudit({ events, publicKeyOf: keys.auditKey }),
    close: async () => {
      isOpen = false;
      sampling.close();
      issuerKeys.close();
      await journal.close();
      await checkpoints.close();
      await store.close();
    },
  };
}

function tokenSettingsOf(settings: Settings, clientIdHosts: ReadonlySet<string>): TokenSettings {
  const { publicUrl, audiences, token, denials, limits } = settings;
  return {
    issuer: publicUrl,
    audience: new URL(publicUrl).hostname.toLowerCase(),
    tokenEndpoint: `${publicUrl}/auth/v1/token`,
    audiences,
    clientIdHosts,
    exchangeTtlSeconds: Math.floor(token.exchangeTtlMs / 1000),
    credentialsTtlSeconds: Math.floor(token.credentialsTtlMs / 1000),
    personalTtlSeconds: Math.floor(token.personalTtlMs / 1000),
    maxSubjectTokenBytes: limits.subjectTokenBytes,
    explain: denials.explain,
  };
}

/** @param claim As explanations name it: `claims.user_email`. */
function isPersonal(presets: Presets, { preset }: Provider, claim: string): boolean {
  const path = claim.replace(/^claims\./, '');
  return presets.get(preset)?.claims[path]?.personal === true;
}

export interface RunningGateway extends Gateway {
  readonly port: number;
}

/** Makes a gateway and listens; `close` then drains: not ready → grace → stop accepting → finish → commit what waits. */
export async function startGateway(settings: Settings): Promise<RunningGateway> {
  const logger = createLogger({ level: settings.log.level, pretty: settings.profile === 'demo' });
  const system = { clock: systemClock, random: createSystemRandom(), scheduler: systemScheduler, logger };
  const gateway = await createGateway(settings, system);
  const { listen, limits, shutdown } = settings;
  let server: HttpServer;
  try {
    server = await startServer({
      app: gateway.app,
      ...listen,
      maxConnections: limits.connections,
      scheduler: systemScheduler,
    });
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return {
    ...gateway,
    port: server.port,
    close: async () => {
      gateway.announceEnd();
      await new Promise<void>((resolve) => systemScheduler.after(shutdown.graceMs, resolve));
      await server.close(shutdown.drainMs);
      await gateway.close();
    },
  };
}

interface OutsideKnowledge {
  /** A checkpoint that was kept elsewhere: shows a truncated end. */
  readonly external?: Checkpoint;
  /** Thumbprint of the audit key: without it the file vouches for its own key. */
  readonly keyId?: string;
}

/** Verifies the audit in the file of a stopped gateway. Answers as well which keys signed its checkpoints. */
export async function verifyStoredAudit(
  path: string,
  { external, keyId: expected }: OutsideKnowledge,
): Promise<AuditReport & { readonly keyIds: readonly string[] }> {
  const store = await openStore({ kind: 'sqlite', path });
  try {
    const snapshot = createKeySnapshot();
    const { records } = await store.records.changedSince(0);
    for (const record of records) if (record.kind === 'signingKey') snapshot.apply(record);
    const keyIds = new Set<string>();
    const publicKeyOf = (keyId: string) => {
      keyIds.add(keyId);
      return expected === undefined || expected === keyId ? auditPublicKey(snapshot, keyId) : undefined;
    };
    const outside = external === undefined ? {} : { external };
    const report = await verifyAudit({ events: store.events, publicKeyOf, ...outside });
    return { ...report, keyIds: [...keyIds] };
  } finally {
    await store.close();
  }
}
