import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { asGatewayError, GatewayError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/ports.ts';
import type { ClientIp } from './client-ip.ts';
import { rememberArrival } from './context.ts';
import { type ErrorResponse, oauthError, restError } from './error-response.ts';

interface AppDeps {
  readonly ids: Pick<Ids, 'request'>;
  readonly clientIp: ClientIp;
  readonly logger: Logger;
  /** Requests handled at one time; more are refused before anything of them is read. */
  readonly maxInFlight: number;
  /** Adds its routes to the router, most used first. */
  readonly routes: readonly ((router: Router) => void)[];
}

const securityHeaders = Object.entries({
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
});

/** The Koa application: arrival → load shedding → error boundary → routes. */
export function createApp(deps: AppDeps): Koa {
  const app = new Koa();
  const router = new Router({ strict: true, sensitive: true });
  for (const add of deps.routes) add(router);

  app.on('error', (error: unknown) => deps.logger.warn({ err: error }, 'a response could not be sent'));
  app.use(createFrontDoor(deps));
  app.use(router.routes());
  app.use(() => {
    throw new GatewayError('not_found', { detail: 'no such route' });
  });
  return app;
}

function createFrontDoor({ ids, clientIp, logger, maxInFlight }: AppDeps) {
  let inFlight = 0;
  return async (ctx: Context, next: Next): Promise<void> => {
    const requestId = ids.request();
    const { authorization } = ctx.req.headers;
    rememberArrival(ctx, { requestId, sourceIp: clientIp(ctx.req), authorization });
    for (const [name, value] of securityHeaders) ctx.res.setHeader(name, value);
    ctx.res.setHeader('X-Request-Id', requestId);
    inFlight += 1;
    try {
      if (inFlight > maxInFlight && !isHealthCheck(ctx))
        throw new GatewayError('unavailable', { detail: 'too many requests in flight' });
      await next();
    } catch (error) {
      const failure = asGatewayError(error);
      if (failure.entry.status >= 500) logger.error({ err: error, requestId }, 'request failed');
      send(
        ctx,
        isTokenPath(ctx)
          ? oauthError(failure, requestId)
          : restError(failure, requestId, authorization !== undefined),
      );
    } finally {
      inFlight -= 1;
    }
  };
}

const isHealthCheck = (ctx: Context): boolean => ctx.path === '/livez' || ctx.path === '/readyz';
const isTokenPath = (ctx: Context): boolean => ctx.path === '/auth/v1/token';

/** Sends JSON; the status is always set, since Koa would answer 204 for an empty body. */
export function send(ctx: Context, { status, headers, body }: ErrorResponse): void {
  ctx.status = status;
  ctx.set(headers);
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
}
