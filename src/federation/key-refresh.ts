import type { ProviderId } from '../kernel/ids.ts';
import type { Cancel, Clock, Fetch, Logger, Metrics, RandomBytes, Scheduler } from '../kernel/ports.ts';
import { type DiscoveredIssuer, readDiscovery, readKeySet } from './discovery.ts';
import { createFetchBudget } from './fetch-budget.ts';
import type { LintedKeySet } from './key-linter.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import type { Provider } from './model.ts';
import type { Cache } from './ports.ts';

type IssuerSource = Pick<Provider, 'id' | 'issuerUrl'>;

export interface KeyRefreshDeps {
  readonly fetch: Fetch;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly scheduler: Pick<Scheduler, 'after'>;
  readonly random: RandomBytes;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** One entry a provider. */
  readonly keySets: Cache<KeySet>;
  readonly allowInsecure: boolean;
}

/** What is known of one issuer besides its keys; only this file writes to it. */
export interface Issuer {
  readonly source: IssuerSource;
  /** Never `kid` alone: two providers may share one (J9). */
  readonly cacheKey: string;
  jwksUri: string | undefined;
  discoveredAtMs: number;
  /** No refresh starts before. */
  notBeforeMs: number;
  failures: number;
  lastFailure: string | undefined;
  isStaleReported: boolean;
  flight: Promise<void> | undefined;
  cancelTimer: Cancel | undefined;
}

export interface KeyRefresh {
  issuerOf(source: IssuerSource): Issuer;
  known(providerId: ProviderId): Issuer | undefined;
  /** The cached set unless it is past the hard TTL. */
  liveSet(issuer: Issuer): KeySet | undefined;
  /** Joins the refresh under way or starts one; `undefined` when cool-down or budget forbid it. Never rejects. */
  demand(issuer: Issuer): Promise<void> | undefined;
  prime(issuer: Issuer, discovered: Pick<DiscoveredIssuer, 'jwksUri' | 'keys'>): void;
  forget(providerId: ProviderId): void;
  close(): void;
}

const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
/** After this age a set is no longer used: stale-if-error ends (J7). */
const hardTtlMs = 24 * hours;
/** Planned refreshes come early enough that a withdrawn key dies within 10 minutes (J8). */
const plannedRefreshMs = 9 * minutes;
const coolDownMs = 30 * seconds;
const maxBackoffMs = 60 * seconds;
const rediscoverMs = 1 * hours;
const staleWarningMs = 1 * hours;

/** Fetches key sets: single flight, cool-down also after failures, a budget over all issuers, planned refreshes (J6–J8). */
export function createKeyRefresh(deps: KeyRefreshDeps): KeyRefresh {
  const { allowInsecure, clock, fetch, keySets, logger, metrics } = deps;
  const issuers = new Map<ProviderId, Issuer>();
  const budget = createFetchBudget(clock.monotonicMs);
  const ageMs = (set: KeySet): number => clock.monotonicMs() - set.fetchedAtMs;
  const fraction = (): number => deps.random(4).readUInt32BE() / 2 ** 32;

  const issuerOf = (source: IssuerSource): Issuer => {
    const known = issuers.get(source.id);
    if (known?.source.issuerUrl === source.issuerUrl) return known;
    forget(source.id);
    const issuer = newIssuer(source);
    issuers.set(source.id, issuer);
    return issuer;
  };

  const liveSet = (issuer: Issuer): KeySet | undefined => {
    const set = keySets.get(issuer.cacheKey);
    return set !== undefined && ageMs(set) <= hardTtlMs ? set : undefined;
  };

  const demand = (issuer: Issuer): Promise<void> | undefined =>
    issuer.flight ?? (clock.monotonicMs() >= issuer.notBeforeMs ? start(issuer, 'demand') : undefined);

  const start = (issuer: Issuer, lane: 'demand' | 'timer'): Promise<void> | undefined => {
    if (clock.monotonicMs() - issuer.discoveredAtMs > rediscoverMs) issuer.jwksUri = undefined;
    if (!budget.take(lane, issuer.jwksUri === undefined ? 2 : 1)) return undefined;
    issuer.flight = fetchKeys(issuer).then((result) => {
      issuer.flight = undefined;
      if (issuers.get(issuer.source.id) === issuer) conclude(issuer, result);
    });
    return issuer.flight;
  };

  const fetchKeys = async (issuer: Issuer): Promise<LintedKeySet> => {
    if (issuer.jwksUri === undefined) {
      const document = await readDiscovery(fetch, [issuer.source.issuerUrl], { allowInsecure });
      if (!document.ok) return document;
      issuer.jwksUri = document.value.jwksUri;
      issuer.discoveredAtMs = clock.monotonicMs();
    }
    return readKeySet(fetch, issuer.jwksUri);
  };

  const conclude = (issuer: Issuer, result: LintedKeySet): void => {
    metrics.count('postern_jwks_refreshes_total', { outcome: result.ok ? 'ok' : 'failed' });
    if (result.ok) install(issuer, createKeySet(result.keys, clock.monotonicMs()));
    else fail(issuer, result);
    plan(issuer);
    reportAge();
  };

  /** The fetched set replaces the old one: a key that the issuer withdrew is gone. */
  const install = (issuer: Issuer, set: KeySet): void => {
    keySets.set(issuer.cacheKey, set);
    issuer.failures = 0;
    issuer.lastFailure = undefined;
    issuer.isStaleReported = false;
    issuer.notBeforeMs = set.fetchedAtMs + coolDownMs;
  };

  const fail = (issuer: Issuer, failure: LintedKeySet & { readonly ok: false }): void => {
    issuer.failures += 1;
    issuer.lastFailure = failure.why;
    issuer.jwksUri = undefined;
    const backoffMs = Math.min(maxBackoffMs, 2 ** (issuer.failures - 1) * seconds);
    issuer.notBeforeMs = clock.monotonicMs() + coolDownMs + backoffMs * (0.5 + fraction() / 2);
    if (failure.leaked) revoke(issuer);
    else reportStale(issuer);
  };

  /** Whoever read the published private key can sign, and the cached set may hold its other half. */
  const revoke = (issuer: Issuer): void => {
    keySets.delete(issuer.cacheKey);
    metrics.count('postern_jwks_private_key_leaks_total');
    logger.error({ providerId: issuer.source.id }, 'issuer publishes a private key: its tokens are refused');
  };

  const reportStale = (issuer: Issuer): void => {
    const set = liveSet(issuer);
    if (set === undefined || ageMs(set) <= staleWarningMs || issuer.isStaleReported) return;
    issuer.isStaleReported = true;
    const ageSeconds = Math.round(ageMs(set) / seconds);
    logger.warn(
      { providerId: issuer.source.id, ageSeconds, detail: issuer.lastFailure },
      'issuer keys are stale',
    );
  };

  const reportAge = (): void => {
    const ages = [...issuers.values()].map((issuer) => liveSet(issuer)).map((set) => (set ? ageMs(set) : 0));
    metrics.gauge('postern_jwks_age_seconds', Math.max(0, ...ages) / seconds);
  };

  /** Plans the next refresh of an issuer whose keys are in use; one without keys waits until it is asked for. */
  const plan = (issuer: Issuer): void => {
    issuer.cancelTimer?.();
    issuer.cancelTimer = undefined;
    if (liveSet(issuer) === undefined) return;
    const untilRetryMs = issuer.notBeforeMs - clock.monotonicMs();
    wake(issuer, issuer.failures > 0 ? untilRetryMs : plannedRefreshMs - fraction() * coolDownMs);
  };

  const wake = (issuer: Issuer, delayMs: number): void => {
    issuer.cancelTimer = deps.scheduler.after(delayMs, () => {
      issuer.cancelTimer = undefined;
      if ((issuer.flight ?? start(issuer, 'timer')) === undefined) wake(issuer, 1 * seconds);
    });
  };

  const prime: KeyRefresh['prime'] = (issuer, discovered) => {
    issuer.jwksUri = discovered.jwksUri;
    issuer.discoveredAtMs = clock.monotonicMs();
    install(issuer, createKeySet(discovered.keys, clock.monotonicMs()));
    plan(issuer);
  };

  const forget = (providerId: ProviderId): void => {
    const issuer = issuers.get(providerId);
    if (issuer === undefined) return;
    issuer.cancelTimer?.();
    issuers.delete(providerId);
    keySets.delete(issuer.cacheKey);
  };

  const close = (): void => {
    for (const providerId of issuers.keys()) forget(providerId);
  };

  return { issuerOf, known: (id) => issuers.get(id), liveSet, demand, prime, forget, close };
}

function newIssuer(source: IssuerSource): Issuer {
  return {
    source,
    cacheKey: `${source.id} ${source.issuerUrl}`,
    jwksUri: undefined,
    discoveredAtMs: 0,
    notBeforeMs: 0,
    failures: 0,
    lastFailure: undefined,
    isStaleReported: false,
    flight: undefined,
    cancelTimer: undefined,
  };
}
