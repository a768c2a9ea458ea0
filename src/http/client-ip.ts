import type { IncomingMessage } from 'node:http';
import { canonicalAddress, type Sources } from '../policy/source-ip.ts';

/** Drivers of HTTP: routes, guards and shapes. They translate, and decide nothing. */

/** Canonical address of whoever sent the request; `undefined` when even the peer's address is unknown. */
export type ClientIp = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string | undefined;

/**
 * Walks `X-Forwarded-For` from the right, over trusted proxies only, and stops at the first address that is not one of
 * them or cannot be read: what stands further left was written by whoever liked to (threat N1). An untrusted peer's
 * header is ignored. Koa's own `app.proxy` takes the leftmost entry and is banned.
 *
 * @param trusted Proxies whose word counts; `undefined` when there are none.
 */
export function createClientIp(trusted: Pick<Sources, 'allows'> | undefined): ClientIp {
  return ({ headers, socket }) => {
    let address = canonicalAddress(socket.remoteAddress ?? '');
    const forwarded = headers['x-forwarded-for'];
    if (trusted === undefined || forwarded === undefined) return address;
    const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',');
    while (address !== undefined && trusted.allows(address)) {
      const next = canonicalAddress(hops.pop()?.trim() ?? '');
      if (next === undefined) return address;
      address = next;
    }
    return address;
  };
}
