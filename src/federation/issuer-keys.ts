import type { ProviderId } from '../kernel/ids.ts';
import type { DiscoveredIssuer } from './discovery.ts';
import type { VerificationKey } from './jws-algorithms.ts';
import { lintKeySet } from './key-linter.ts';
import { createKeyRefresh, type Issuer, type KeyRefreshDeps } from './key-refresh.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import type { JsonWebKeySet, Provider } from './model.ts';
import type { Cache } from './ports.ts';

type KeySource = Pick<Provider, 'id' | 'issuerUrl' | 'jwks'>;

export type KeyLookup =
  | { readonly state: 'found'; readonly key: VerificationKey }
  /** The issuer's keys are known and none of them fits. */
  | { readonly state: 'unknown' }
  /** No key of the issuer is known: `jwks_unavailable`. */
  | { readonly state: 'unavailable'; readonly detail: string };

type RefreshOutcome =
  | { readonly ok: true; readonly keys: number }
  | { readonly ok: false; readonly detail: string };

interface KeySetStatus {
  readonly keys: number;
  /** Since the set was fetched; `undefined` when there is none. */
  readonly ageSeconds: number | undefined;
  readonly consecutiveFailures: number;
  readonly lastFailure: string | undefined;
}

export interface IssuerKeys {
  /** Answers at once when the key is cached, and whenever a fetch could not better the answer. Never rejects. */
  find(source: KeySource, alg: string, kid: string | undefined): KeyLookup | Promise<KeyLookup>;
  /** Takes over what discovery has just fetched. */
  prime(source: KeySource, discovered: Pick<DiscoveredIssuer, 'jwksUri' | 'keys'>): void;
  /** Fetches now, within the same limits as everybody. */
  refresh(source: KeySource): Promise<RefreshOutcome>;
  forget(providerId: ProviderId): void;
  status(providerId: ProviderId): KeySetStatus | undefined;
  /** Forgets everything and ends all timers. */
  close(): void;
}

interface IssuerKeysDeps extends KeyRefreshDeps {
  /** `kid`s that a fresh set did not have → monotonic time until which that stands; bounded, evicting. */
  readonly unknownKids: Cache<number>;
}

/** After this age a set is refreshed before it is used, unless the issuer is known to fail. */
const softTtlMs = 10 * 60_000;
const unknownKidMs = 60_000;

/** Keys of issuers, uploaded or fetched, cached by the rules J5–J9 (security.md §4.2). */
export function createIssuerKeys(deps: IssuerKeysDeps): IssuerKeys {
  const { clock, unknownKids } = deps;
  const fetched = createKeyRefresh(deps);
  const uploaded = new WeakMap<JsonWebKeySet, KeySet>();

  const find: IssuerKeys['find'] = (source, alg, kid) => {
    if (source.jwks !== undefined) return answer(uploadedSet(source.jwks), alg, kid);
    const issuer = fetched.issuerOf(source);
    const set = fetched.liveSet(issuer);
    if (set !== undefined && isSettled(issuer, set, kid)) return answer(set, alg, kid);
    const flight = fetched.demand(issuer);
    if (flight === undefined) return answerNow(issuer, alg, kid);
    return flight.then(() => {
      const lookup = answerNow(issuer, alg, kid);
      if (lookup.state === 'unknown' && kid !== undefined) {
        unknownKids.set(unknownKidKey(issuer, kid), clock.monotonicMs() + unknownKidMs);
      }
      return lookup;
    });
  };

  /** A set that no longer passes the linter has no key; it passed when it was saved. */
  const uploadedSet = (jwks: JsonWebKeySet): KeySet => {
    const known = uploaded.get(jwks);
    if (known !== undefined) return known;
    const linted = lintKeySet(jwks);
    const set = createKeySet(linted.ok ? linted.keys : [], clock.monotonicMs());
    uploaded.set(jwks, set);
    return set;
  };

  /** Whether the cached set may answer: it cannot be bettered, or it is fresh and has the `kid` or lately had it not. */
  const isSettled = (issuer: Issuer, set: KeySet, kid: string | undefined): boolean => {
    if (issuer.failures > 0) return true;
    if (clock.monotonicMs() - set.fetchedAtMs > softTtlMs) return false;
    if (kid === undefined || set.hasKid(kid)) return true;
    return (unknownKids.get(unknownKidKey(issuer, kid)) ?? 0) > clock.monotonicMs();
  };

  const answerNow = (issuer: Issuer, alg: string, kid: string | undefined): KeyLookup => {
    const set = fetched.liveSet(issuer);
    if (set !== undefined) return answer(set, alg, kid);
    return { state: 'unavailable', detail: issuer.lastFailure ?? 'too many fetches at the moment' };
  };

  const refresh: IssuerKeys['refresh'] = async (source) => {
    const issuer = fetched.issuerOf(source);
    const flight = fetched.demand(issuer);
    if (flight === undefined) {
      const waitSeconds = Math.max(1, Math.ceil((issuer.notBeforeMs - clock.monotonicMs()) / 1000));
      return { ok: false, detail: `the keys were fetched a moment ago; try again in ${waitSeconds} s` };
    }
    await flight;
    return issuer.lastFailure === undefined
      ? { ok: true, keys: fetched.liveSet(issuer)?.keys.length ?? 0 }
      : { ok: false, detail: issuer.lastFailure };
  };

  const status: IssuerKeys['status'] = (providerId) => {
    const issuer = fetched.known(providerId);
    if (issuer === undefined) return undefined;
    const set = fetched.liveSet(issuer);
    return {
      keys: set?.keys.length ?? 0,
      ageSeconds: set === undefined ? undefined : Math.round((clock.monotonicMs() - set.fetchedAtMs) / 1000),
      consecutiveFailures: issuer.failures,
      lastFailure: issuer.lastFailure,
    };
  };

  return {
    find,
    prime: (source, discovered) => fetched.prime(fetched.issuerOf(source), discovered),
    refresh,
    forget: fetched.forget,
    status,
    close: fetched.close,
  };
}

function answer(set: KeySet, alg: string, kid: string | undefined): KeyLookup {
  const key = set.pick(alg, kid);
  return key === undefined ? { state: 'unknown' } : { state: 'found', key };
}

const unknownKidKey = (issuer: Issuer, kid: string): string => `${issuer.cacheKey} ${kid}`;
