import type { ChainedEvent, Checkpoint } from '../../journal/model.ts';
import { parseEventUid } from '../../journal/model.ts';
import type { EventQuery, EventSource } from '../../journal/ports.ts';
import { Conflict } from '../../kernel/errors.ts';
import { requestTimeMs } from '../../kernel/ids.ts';
import { cutPage, formatCursor, type Place, parseCursor } from '../cursor.ts';
import { requestWindow } from '../model.ts';

export interface MemoryEvents {
  readonly source: EventSource;
  append(events: readonly ChainedEvent[]): void;
  appendCheckpoint(checkpoint: Checkpoint): void;
}

interface Row {
  readonly place: Place;
  readonly event: ChainedEvent;
}

export function createMemoryEvents(): MemoryEvents {
  /** Sorted by place. */
  const rows: Row[] = [];
  const checkpoints: Checkpoint[] = [];

  const insert = (event: ChainedEvent): void => {
    const row: Row = { place: [event.timeMs, rows.length + 1], event };
    let position = rows.length;
    while (position > 0 && isBefore(row.place, (rows[position - 1] as Row).place)) position -= 1;
    rows.splice(position, 0, row);
  };

  const source: EventSource = {
    page: async (query) => {
      const ordered = query.direction === 'asc' ? rows : rows.toReversed();
      return cutPage(
        ordered.filter(selector(query)),
        query.limit,
        ({ place }) => formatCursor(place),
        ({ event }) => event,
      );
    },
    byUid: async (uid) => {
      const named = parseEventUid(uid);
      return rows.find(({ event }) => event.chain === named?.chain && event.number === named.number)?.event;
    },
    byRequest: async (requestId) => {
      const timeMs = requestTimeMs(requestId);
      if (timeMs === undefined) return [];
      const sinceMs = timeMs - requestWindow.beforeMs;
      const untilMs = timeMs + requestWindow.afterMs;
      const isWanted = selector({ direction: 'asc', limit: 0, sinceMs, untilMs });
      return rows
        .filter((row) => row.event.requestId === requestId && isWanted(row))
        .map(({ event }) => event);
    },
    checkpoints: async ({ direction, limit, after }) => {
      const ordered = direction === 'asc' ? checkpoints : checkpoints.toReversed();
      const cursor = after === undefined ? undefined : parseCursor(after);
      const isBehind = (one: Checkpoint): boolean => {
        if (cursor === undefined) return true;
        return direction === 'asc' ? isBefore(cursor, placeOf(one)) : isBefore(placeOf(one), cursor);
      };
      return cutPage(
        ordered.filter(isBehind),
        limit,
        (one) => formatCursor(placeOf(one)),
        (one) => one,
      );
    },
  };

  return {
    source,
    append: (events) => {
      for (const event of events) insert(event);
    },
    appendCheckpoint: (checkpoint) => {
      if (checkpoints.some(({ number }) => number === checkpoint.number)) {
        throw new Conflict('unique', `checkpoint ${checkpoint.number}`);
      }
      checkpoints.push(checkpoint);
      checkpoints.sort((a, b) => a.number - b.number);
    },
  };
}

function isBefore([timeA, idA]: Place, [timeB, idB]: Place): boolean {
  return timeA === timeB ? idA < idB : timeA < timeB;
}

/** Checkpoints are ordered by number alone. */
function placeOf(checkpoint: Checkpoint): Place {
  return [0, checkpoint.number];
}

function selector(query: EventQuery): (row: Row) => boolean {
  const { direction, after, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, principalIds } = query;
  const cursor = after === undefined ? undefined : parseCursor(after);
  return ({ place, event: { timeMs, principalId } }) => {
    if (timeMs < sinceMs || timeMs >= untilMs) return false;
    const isVisible = principalId !== undefined && principalIds?.includes(principalId);
    if (principalIds !== undefined && !isVisible) return false;
    if (cursor === undefined) return true;
    return direction === 'asc' ? isBefore(cursor, place) : isBefore(place, cursor);
  };
}
