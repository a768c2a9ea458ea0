import type { Access } from '../access/access.ts';
import type { Actor } from '../access/model.ts';
import { GatewayError } from '../kernel/errors.ts';
import { requestTimeMs, type UserId } from '../kernel/ids.ts';
import type { Page } from '../kernel/page.ts';
import type { ChainedEvent, JsonObject } from './model.ts';
import type { EventQuery, EventSource } from './ports.ts';

/** What reading the audit needs to know of principals, which are a feature further right. */
export interface Ownership {
  /** Owners of a principal; empty when it is gone. */
  ownersOf(principalId: string): readonly UserId[];
  ownedBy(userId: UserId): readonly string[];
}

export interface AuditReader {
  /** Events as OCSF objects: all of them with `systemlog.read`, else those of the caller's own principals. */
  list(actor: Actor, query: Omit<EventQuery, 'principalIds'>): Promise<Page<JsonObject>>;
  /** A refused token request in full, by its denial id or request id: owners of the principal and admins (contract §2.6). */
  denial(actor: Actor, id: string): Promise<JsonObject>;
}

/** The counter's window, and the 2 s that its flush may take. */
const counterDelayMs = 62_000;
const maxLooked = 1_000;
/** Member of a counter's `unmapped`, see `token/refusal-sampling.ts`. */
const furtherRefusals = '"further_refusals":';

const toObject = (event: ChainedEvent): JsonObject => JSON.parse(event.body) as JsonObject;

export function createAuditReader(deps: {
  readonly events: EventSource;
  readonly access: Access;
  readonly ownership: Ownership;
}): AuditReader {
  const { events, access, ownership } = deps;

  const list: AuditReader['list'] = async (actor, query) => {
    const seesAll = access.can(actor, 'systemlog.read');
    const own = seesAll ? [] : ownership.ownedBy(actor.id);
    if (!seesAll && own.length === 0) {
      throw new GatewayError('permission_denied', { detail: 'systemlog.read' });
    }
    const page = await events.page(seesAll ? query : { ...query, principalIds: own });
    const items = page.items.map(toObject);
    return page.next === undefined ? { items } : { items, next: page.next };
  };

  const mayRead = (actor: Actor, event: ChainedEvent): boolean =>
    access.can(actor, 'denials.read', {
      ownerIds: event.principalId === undefined ? [] : ownership.ownersOf(event.principalId),
    });

  const find = async (id: string): Promise<readonly ChainedEvent[]> => {
    const direct = await events.byUid(id);
    if (direct !== undefined) return [direct];
    const found = await events.byRequest(id);
    return found.length > 0 ? found : counted(id);
  };

  /** A refusal of a flood has no record of its own: the counter written within the minute after it stands for it. */
  const counted = async (id: string): Promise<readonly ChainedEvent[]> => {
    const sinceMs = requestTimeMs(id);
    if (sinceMs === undefined) return [];
    const untilMs = sinceMs + counterDelayMs;
    const page = await events.page({ direction: 'desc', limit: maxLooked, sinceMs, untilMs });
    return page.items.filter(
      (event) => event.requestId === undefined && event.body.includes(furtherRefusals),
    );
  };

  /** Somebody else's denial and one that never was look alike. */
  const denial: AuditReader['denial'] = async (actor, id) => {
    const found = await find(id);
    const event = found.map((item) => ({ item, body: toObject(item) })).find(({ body }) => isDenial(body));
    if (event === undefined || !mayRead(actor, event.item)) {
      throw new GatewayError('not_found', { detail: 'denial' });
    }
    return event.body;
  };

  return { list, denial };
}

/** OCSF class 3002 Authentication, status 2 Failure. */
const isDenial = (body: JsonObject): boolean => body['class_uid'] === 3002 && body['status_id'] === 2;
