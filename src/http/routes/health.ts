import type Router from '@koa/router';

/** `/livez`: the process answers. `/readyz`: it may be sent requests; 503 before the state is known and while it shuts down. */
export function healthRoutes(deps: { readonly isReady: () => boolean }) {
  return (router: Router): void => {
    router.get('/livez', (ctx) => {
      ctx.body = { status: 'live' };
    });
    router.get('/readyz', (ctx) => {
      const isReady = deps.isReady();
      ctx.status = isReady ? 200 : 503;
      if (!isReady) ctx.set('Retry-After', '1');
      ctx.body = { status: isReady ? 'ready' : 'not ready' };
    });
  };
}
