import { invalidArgument } from '../kernel/errors.ts';
import type { Page } from '../kernel/page.ts';

/** Place of an event in reading order: its time, then its number in the store. */
export type Place = readonly [timeMs: number, id: number];

export function formatCursor([timeMs, id]: Place): string {
  return `${timeMs}.${id}`;
}

/** Reads a cursor of a store's own making that came back from outside; 400 when it is none. */
export function parseCursor(text: string): Place {
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(text);
  if (match === null) throw invalidArgument('pageToken', 'is not a page token of this list');
  return [Number(match[1]), Number(match[2])];
}

/** Cuts a page out of rows that were read with one to spare. */
export function cutPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => string,
  itemOf: (row: Row) => Item,
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(itemOf);
  return rows.length > limit && last !== undefined ? { items, next: cursorOf(last) } : { items };
}
