import type { KeyObject } from 'node:crypto';
import type { Person } from '../directory/model.ts';
import type { VerificationKey } from '../federation/jws-algorithms.ts';
import type { Provider, Trust } from '../federation/model.ts';
import type { Cutename, ProviderId, UserId } from '../kernel/ids.ts';
import type { Condition } from '../policy/model.ts';
import type { Sources } from '../policy/source-ip.ts';
import type { Credential, ServicePrincipal } from '../principals/model.ts';
import type { PersonalClient } from '../session/model.ts';

/** The propagated state, read from the snapshots: the token path never queries the store (contract §7.3). */

export interface TrustState {
  readonly trust: Trust;
  readonly version: number;
  /** Absent when the stored text no longer compiles: `condition_invalid`. */
  readonly condition: Condition | undefined;
  readonly sources: Pick<Sources, 'allows'>;
}

export interface ClientState<Record> {
  readonly record: Record;
  readonly sources: Pick<Sources, 'allows'>;
}

export interface TokenState {
  trust(cutename: Cutename): TrustState | undefined;
  provider(id: ProviderId): Provider | undefined;
  principal(id: UserId): ServicePrincipal | undefined;
  person(id: UserId): Person | undefined;
  credential(cutename: Cutename): ClientState<Credential> | undefined;
  personalClient(cutename: Cutename): ClientState<PersonalClient> | undefined;
}

export type KeyLookup =
  | { readonly state: 'found'; readonly key: VerificationKey }
  | { readonly state: 'unknown' }
  | { readonly state: 'unavailable'; readonly detail: string };

/** Keys of the issuers; synchronous when they are cached. */
export interface IssuerKeyLookup {
  find(
    provider: Pick<Provider, 'id' | 'issuerUrl' | 'jwks'>,
    alg: string,
    kid: string | undefined,
  ): KeyLookup | Promise<KeyLookup>;
}

export interface TokenSigner {
  current(): { readonly kid: string; sign(bytes: Buffer): Buffer };
  published(kid: string): KeyObject | undefined;
}

/** What the operator set. */
export interface TokenSettings {
  /** `iss` of access tokens: the public URL. */
  readonly issuer: string;
  /** `aud` of access tokens: its host without port, lower-case. */
  readonly audience: string;
  readonly tokenEndpoint: string;
  /** Accepted in `aud` of assertions and of subject tokens whose provider names none. */
  readonly audiences: readonly string[];
  /** Hosts accepted inside client ids: the public host and former ones, lower-case. */
  readonly clientIdHosts: ReadonlySet<string>;
  readonly exchangeTtlSeconds: number;
  readonly credentialsTtlSeconds: number;
  readonly personalTtlSeconds: number;
  readonly maxSubjectTokenBytes: number;
  readonly explain: 'signed' | 'never';
}
