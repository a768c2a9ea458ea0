import type { Claim, JsonObject } from '../journal/model.ts';
import type { ReasonCode } from '../kernel/error-catalogue.ts';
import type { RequestId, UserId } from '../kernel/ids.ts';
import type { Explanation, FailedLeaf } from '../policy/model.ts';

/** The grants of the token endpoint, client authentication, access tokens: who gets a token, and what is in it. */

/** A form of single strings; names that repeat never get this far (RFC 6749 §3.2). */
export type Form = ReadonlyMap<string, string>;

export interface TokenRequest {
  readonly form: Form;
  /** The `Authorization` header as sent. */
  readonly authorization: string | undefined;
  /** Canonical text of the source address; `undefined` when the peer's address is unknown. */
  readonly sourceIp: string | undefined;
  readonly requestId: RequestId;
}

/** A request whose form is still to be read: what is wrong with it must reach the audit as well. */
export interface UnreadTokenRequest extends Omit<TokenRequest, 'form'> {
  /** Throws `GatewayError` for what is no form. */
  readonly readForm: () => Promise<Form>;
}

export type GrantName = 'token_exchange' | 'client_credentials';

/** What a grant decided, before anything is durable: a "no" is a value, never an exception. */
export type GrantDecision = Allowed | Refused;

/** Whom the audit and the token name. */
export interface TokenSubject {
  readonly uid: UserId;
  readonly name: string;
  readonly type: 'Service' | 'User';
}

interface Judged {
  /** Known as soon as the client id leads to somebody. */
  readonly subject?: TokenSubject;
  /** Goes into the event's `unmapped`: client id, provider, issuer, subject … never a token. */
  readonly data: JsonObject;
}

export interface Allowed extends Judged {
  readonly allow: true;
  readonly subject: TokenSubject;
  readonly clientId: string;
  readonly roleIds: readonly string[];
  readonly lifetimeSeconds: number;
  /** One-time values, claimed in the unit that records the decision. */
  readonly claims: readonly Claim[];
  /** Why the request is refused when a claim is lost. */
  readonly lostReason: 'token_replayed' | 'assertion_replayed';
  /** Members of the access token beyond RFC 9068's. */
  readonly extra: JsonObject;
}

export interface Refused extends Judged {
  readonly allow: false;
  readonly reason: ReasonCode;
  /** Whether the caller has proven itself, so that it may learn the reason (contract §2.6). */
  readonly proven: boolean;
  /** For audit and log only. */
  readonly detail?: string;
  readonly explanation?: Explanation;
  readonly failed?: readonly FailedLeaf[];
}

export interface TokenAnswer {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
}
