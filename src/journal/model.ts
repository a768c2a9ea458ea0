/** The words of the journal: claims, changes, events, and the units that carry them (architecture.md §3.1). */

/** An insert-only one-time value: a `jti`, a nonce, an assertion, the bootstrap. */
export interface Claim {
  /** `<prefix>:<value>`; the prefix names the kind so that two kinds never meet. At most 200 characters. */
  readonly id: string;
  /** Until when the record must be kept, milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** What a loser may learn of the winner (for example a key thumbprint). */
  readonly note?: string;
}

/** A claim as the store keeps it. */
export interface ClaimRecord extends Claim {
  /** The unit that holds the claim: a duplicate with our own unit id is ours (rule 5). */
  readonly unitId: string;
}

export type RecordKind =
  | 'person'
  | 'principal'
  | 'credential'
  | 'personalClient'
  | 'provider'
  | 'trust'
  | 'signingKey';

export type JsonObject = Readonly<Record<string, unknown>>;

/** One change of durable state. `expect` is the version read before (compare-and-swap). */
export type Change =
  | {
      readonly op: 'insert';
      readonly kind: RecordKind;
      readonly id: string;
      readonly body: JsonObject;
      /** Keys that no other live record may hold, whatever its kind. */
      readonly unique?: readonly string[];
    }
  | {
      readonly op: 'update';
      readonly kind: RecordKind;
      readonly id: string;
      readonly expect: number;
      readonly body: JsonObject;
      /** Replaces the record's unique keys; absent = unchanged. */
      readonly unique?: readonly string[];
    }
  | { readonly op: 'delete'; readonly kind: RecordKind; readonly id: string; readonly expect: number };

/** A record as the store keeps it. A deleted one stays as a tombstone without body. */
export interface RecordState {
  readonly kind: RecordKind;
  readonly id: string;
  /** 1 at insert, +1 with each update. */
  readonly version: number;
  /** Number of the management commit that wrote this version. */
  readonly epoch: number;
  readonly body: JsonObject | undefined;
}

export type Activity = 'create' | 'read' | 'update' | 'delete' | 'other';

/** What happened, in the product's words; `ocsf.ts` turns it into an OCSF 1.3.0 object (contract §7.10). */
export interface AuditEvent {
  /** `token`: class 3002 Authentication; `management`: class 6003 API Activity. */
  readonly kind: 'token' | 'management';
  /** Token: `client_credentials` or `token_exchange`; management: `ServicePrincipalService/Create` … */
  readonly operation: string;
  readonly activity: Activity;
  readonly outcome: 'success' | 'failure';
  /** `status_detail`: a code of the catalogue. */
  readonly reason?: string;
  readonly severity?: 'informational' | 'medium' | 'high';
  readonly requestId?: string;
  readonly sourceIp?: string;
  /** Token: the principal or person the token is for; management: who acted. */
  readonly user?: {
    readonly uid: string;
    readonly name: string;
    readonly type: 'User' | 'Service' | 'System';
  };
  /** The service principal it concerns: its owners may read the event. */
  readonly principalId?: string;
  /** Everything else, under `unmapped`. Never a token, never a secret. */
  readonly data: JsonObject;
}

/** A unit of work: durable as a whole or not at all. */
export interface Unit {
  readonly claims?: readonly Claim[];
  readonly changes?: readonly Change[];
  readonly events: readonly AuditEvent[];
}

export type CommitOutcome =
  | {
      readonly state: 'committed' /** `metadata.uid` of each event, in order. */;
      readonly uids: readonly string[];
    }
  | { readonly state: 'lost'; readonly winner: ClaimRecord };

/** An event with its place in a chain. */
export interface ChainedEvent {
  /** `<start id>-<lane>`, or `<start id>.<n>-<lane>` for the n-th chain after a failed flush (rule 8). */
  readonly chain: string;
  /** 0, 1, 2 … within the chain. */
  readonly number: number;
  readonly timeMs: number;
  readonly principalId: string | undefined;
  readonly requestId: string | undefined;
  /** The OCSF object as JSON text: exactly these bytes are hashed. */
  readonly body: string;
  /** SHA-256, 64 hex characters, over the previous record's hash and this record (chain.ts). */
  readonly hash: string;
}

/** `metadata.uid` of an event: its place in a chain, safe in a URL. */
export function eventUid(chain: string, number: number): string {
  return `${chain}-${number}`;
}

/** The place a `metadata.uid` names; `undefined` for text that is none. */
export function parseEventUid(uid: string): { readonly chain: string; readonly number: number } | undefined {
  const match = /^([0-9a-z.]{1,64}-(?:token|management))-(0|[1-9]\d{0,14})$/.exec(uid);
  if (match === null) return undefined;
  return { chain: match[1] as string, number: Number(match[2]) };
}

/** The last record of a chain that the store acknowledged. */
export interface Head {
  readonly chain: string;
  readonly number: number;
  readonly hash: string;
}

/** A signed statement of how far the chains had come. */
export interface Checkpoint {
  /** 1, 2, 3 … over the life of the store. */
  readonly number: number;
  readonly timeMs: number;
  /** JSON text that is signed (checkpoint-body.ts): number, time, hash of the previous one, moved heads, key id. */
  readonly body: string;
  /** Ed25519 signature over `body`, base64url. */
  readonly signature: string;
}
