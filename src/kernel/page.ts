/** One page of a list; `next` is absent on the last one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

export interface PageRequest {
  readonly limit: number;
  /** Key of the last item already seen. */
  readonly after?: string;
}

/** Cuts one page out of items that are sorted by `keyOf`, ascending. */
export function pageOf<Item>(
  sorted: readonly Item[],
  keyOf: (item: Item) => string,
  request: PageRequest,
): Page<Item> {
  const { after, limit } = request;
  const start = after === undefined ? 0 : sorted.findIndex((item) => keyOf(item) > after);
  if (start === -1) return { items: [] };
  const items = sorted.slice(start, start + limit);
  const last = items.at(-1);
  return start + limit < sorted.length && last !== undefined ? { items, next: keyOf(last) } : { items };
}
