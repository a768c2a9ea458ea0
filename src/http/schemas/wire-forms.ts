import { z } from 'zod';
import { GatewayError } from '../../kernel/errors.ts';
import type { Page, PageRequest } from '../../kernel/page.ts';

/** Wire forms that many endpoints share (contract §3). */

/** RFC 3339 with `Z`. */
export const timestamp = z.string();
export const toTimestamp = (ms: number): string => new Date(ms).toISOString();

/** Accepted and ignored: clients send whole objects back. */
export const ignored = z.unknown().optional();

/** Text; its length is a rule of the feature. */
export const text = z.string('must be a string');
export const textList = z.array(text, 'must be a list of strings');

/** `"7776000s"` or `"1.5s"` → seconds. */
export const duration = z
  .string('must be a duration such as "7776000s"')
  .regex(/^-?\d{1,12}(?:\.\d{1,9})?s$/, 'must be a duration such as "7776000s"')
  .transform((value) => Number(value.slice(0, -1)));

/** One string of comma-separated paths; absent or empty means every member present. */
export const updateMask = z
  .string('must be one comma-separated string')
  .optional()
  .transform((value) =>
    (value ?? '')
      .split(',')
      .map((path) => path.trim())
      .filter((path) => path !== ''),
  );

const size = z.coerce.number('must be a whole number').int('must be a whole number').optional();

export const pageQuery = z.object({ pageSize: size, pageToken: text.optional() });
type PageQuery = z.output<typeof pageQuery>;

/** The four lists that public clients cannot page; every other one is shorter by default. */
export const wholeListSize = 100;
const defaultSize = 25;

/** @param filter Names the list and its filter: a token of another list is refused. */
export function readPage(query: PageQuery, filter: string, absentSize = defaultSize): PageRequest {
  const { pageSize = 0, pageToken } = query;
  const limit = pageSize === 0 ? absentSize : Math.min(100, Math.max(10, pageSize));
  return pageToken === undefined || pageToken === ''
    ? { limit }
    : { limit, after: openToken(pageToken, filter) };
}

export function toList<Item, Wire>(page: Page<Item>, filter: string, toWire: (item: Item) => Wire) {
  return {
    list: page.items.map(toWire),
    nextPageToken: page.next === undefined ? '' : sealToken(page.next, filter),
  };
}

const sealToken = (after: string, filter: string): string =>
  Buffer.from(JSON.stringify([filter, after])).toString('base64url');

function openToken(token: string, filter: string): string {
  try {
    const content: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    const [of, after] = Array.isArray(content) ? content : [];
    if (of === filter && typeof after === 'string') return after;
  } catch {
    // falls through to the refusal: a token that is no JSON is as wrong as one of another list
  }
  throw new GatewayError('invalid_argument', {
    violations: [{ field: 'pageToken', description: 'is not a token of this list' }],
  });
}

export const listOf = (item: z.ZodType) => z.object({ list: z.array(item), nextPageToken: z.string() });
export const empty = z.object({});

export const objectPermissions = z.object({
  read: z.boolean(),
  edit: z.boolean(),
  delete: z.boolean(),
  extra: z.record(z.string(), z.boolean()),
});

type Present<Members> = { [Name in keyof Members]?: Exclude<Members[Name], undefined> };

/** The members that were sent: an absent one is no change. */
export function present<Members extends object>(members: Members): Present<Members> {
  const sent = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(sent) as Present<Members>;
}
