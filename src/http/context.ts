import type { Context } from 'koa';
import type { RequestId } from '../kernel/ids.ts';

/** What the first middleware finds out about a request, for everybody behind it. */
export interface Arrival {
  readonly requestId: RequestId;
  readonly sourceIp: string | undefined;
  readonly authorization: string | undefined;
}

const arrivals = new WeakMap<Context['req'], Arrival>();

export function rememberArrival(ctx: Pick<Context, 'req'>, arrival: Arrival): void {
  arrivals.set(ctx.req, arrival);
}

export function arrivalOf(ctx: Pick<Context, 'req'>): Arrival {
  const arrival = arrivals.get(ctx.req);
  if (arrival === undefined) throw new Error('a request was handled before its arrival was remembered');
  return arrival;
}
