import type { ChainedEvent, Checkpoint } from '../../journal/model.ts';
import { parseEventUid } from '../../journal/model.ts';
import type { EventSource } from '../../journal/ports.ts';
import { requestTimeMs } from '../../kernel/ids.ts';
import { cutPage, formatCursor, type Place, parseCursor } from '../cursor.ts';
import { requestWindow } from '../model.ts';
import type { Driver, Row, Statement } from './driver.ts';
import { integer, optionalText, text } from './row.ts';

const columns = 'id, chain, number, time_ms, principal_id, request_id, body, hash';
/** Beyond any honest time or number; a record that was moved below zero must still be seen by `audit verify`. */
const lowest = Number.MIN_SAFE_INTEGER;
const highest = Number.MAX_SAFE_INTEGER;

type Direction = 'asc' | 'desc';

export function createEventReader(driver: Driver): EventSource {
  const windows = {
    asc: '(time_ms, id) > (?, ?) AND time_ms < ?',
    desc: '(time_ms, id) < (?, ?) AND time_ms >= ?',
  };
  const orders = { asc: 'ORDER BY time_ms, id', desc: 'ORDER BY time_ms DESC, id DESC' };
  const readAll = (direction: Direction): Statement =>
    driver.prepare(`SELECT ${columns} FROM event WHERE ${windows[direction]} ${orders[direction]} LIMIT ?`);
  // The inner query needs the index alone, however many events the principals have.
  const readSome = (direction: Direction): Statement =>
    driver.prepare(`SELECT ${columns} FROM event WHERE id IN (
      SELECT id FROM event WHERE ${windows[direction]} AND principal_id IN (SELECT value FROM json_each(?))
      ${orders[direction]} LIMIT ?) ${orders[direction]}`);
  const pages = {
    asc: { all: readAll('asc'), some: readSome('asc') },
    desc: { all: readAll('desc'), some: readSome('desc') },
  };
  const byPlace = driver.prepare(`SELECT ${columns} FROM event WHERE chain = ? AND number = ?`);
  const byRequest = driver.prepare(`SELECT ${columns} FROM event
    WHERE time_ms >= ? AND time_ms < ? AND request_id = ? ORDER BY time_ms, id`);
  const checkpoints = {
    asc: driver.prepare('SELECT * FROM checkpoint WHERE number > ? ORDER BY number LIMIT ?'),
    desc: driver.prepare('SELECT * FROM checkpoint WHERE number < ? ORDER BY number DESC LIMIT ?'),
  };

  return {
    page: async ({ direction, limit, after, sinceMs = lowest, untilMs = highest, principalIds }) => {
      const cursor = after === undefined ? undefined : parseCursor(after);
      // The bound on the reader's side is one place: the cursor, or the time bound (ids begin at 1) if that is tighter.
      const bounds =
        direction === 'asc'
          ? [...latest([sinceMs, 0], cursor), untilMs]
          : [...earliest([untilMs, 0], cursor), sinceMs];
      const { all, some } = pages[direction];
      const rows =
        principalIds === undefined
          ? all.all([...bounds, limit + 1])
          : some.all([...bounds, JSON.stringify(principalIds), limit + 1]);
      return cutPage(
        rows,
        limit,
        (row) => formatCursor([integer(row, 'time_ms'), integer(row, 'id')]),
        parseEvent,
      );
    },
    byUid: async (uid) => {
      const place = parseEventUid(uid);
      if (place === undefined) return undefined;
      const [row] = byPlace.all([place.chain, place.number]);
      return row === undefined ? undefined : parseEvent(row);
    },
    byRequest: async (requestId) => {
      const timeMs = requestTimeMs(requestId);
      if (timeMs === undefined) return [];
      return byRequest
        .all([timeMs - requestWindow.beforeMs, timeMs + requestWindow.afterMs, requestId])
        .map(parseEvent);
    },
    checkpoints: async ({ direction, limit, after }) => {
      const start = direction === 'asc' ? lowest : highest;
      const number = after === undefined ? start : parseCursor(after)[1];
      const rows = checkpoints[direction].all([number, limit + 1]);
      return cutPage(rows, limit, (row) => formatCursor([0, integer(row, 'number')]), parseCheckpoint);
    },
  };
}

function latest(bound: Place, cursor: Place = bound): Place {
  return cursor[0] >= bound[0] ? cursor : bound;
}

function earliest(bound: Place, cursor: Place = bound): Place {
  return cursor[0] < bound[0] ? cursor : bound;
}

function parseEvent(row: Row): ChainedEvent {
  return {
    chain: text(row, 'chain'),
    number: integer(row, 'number'),
    timeMs: integer(row, 'time_ms'),
    principalId: optionalText(row, 'principal_id'),
    requestId: optionalText(row, 'request_id'),
    body: text(row, 'body'),
    hash: text(row, 'hash'),
  };
}

function parseCheckpoint(row: Row): Checkpoint {
  return {
    number: integer(row, 'number'),
    timeMs: integer(row, 'time_ms'),
    body: text(row, 'body'),
    signature: text(row, 'signature'),
  };
}
