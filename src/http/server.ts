import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Koa from 'koa';
import type { Scheduler } from '../kernel/ports.ts';

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, lets running requests finish within the given time, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

/** Listens with the limits of threat T20: nobody can hold a socket by being slow. */
export async function startServer(deps: {
  readonly app: Koa;
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly scheduler: Scheduler;
}): Promise<HttpServer> {
  const { app, host, port, maxConnections, scheduler } = deps;
  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 16 * 1024,
    },
    app.callback(),
  );
  server.maxConnections = maxConnections;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: (drainMs) => closeServer(server, drainMs, scheduler),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

const sweepIntervalMs = 100;

function closeServer(server: Server, drainMs: number, scheduler: Scheduler): Promise<void> {
  return new Promise((resolve) => {
    const cancelCut = scheduler.after(drainMs, () => server.closeAllConnections());
    // A connection that is busy now falls idle with its answer; its client may keep it open for long.
    const cancelSweep = scheduler.every(sweepIntervalMs, () => server.closeIdleConnections());
    server.close(() => {
      cancelCut();
      cancelSweep();
      resolve();
    });
    server.closeIdleConnections();
  });
}
