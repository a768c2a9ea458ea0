import type { ServerResponse } from 'node:http';
import type { Cancel, Scheduler } from '../kernel/ports.ts';

/** Ways in which an issuer's discovery and key set go wrong. */
export type Fault =
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'error' | 'html' | 'empty-set' | 'huge' | 'dripping' };

const hugeBytes = 1_048_576;
const dripEveryMs = 1_000;

/** Answers wrongly. `honest` gives the right answer (slow answers are right, and `empty-set` spoils the key set alone). */
export function answerFaultily(
  fault: Fault,
  response: ServerResponse,
  scheduler: Scheduler,
  isKeySet: boolean,
  honest: () => void,
): void {
  const json = { 'content-type': 'application/json' };
  switch (fault.kind) {
    case 'slow':
      whileOpen(response, scheduler.after(fault.delayMs, honest));
      break;
    case 'error':
      response.writeHead(500, { 'content-type': 'text/plain' }).end('internal error');
      break;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>');
      break;
    case 'empty-set':
      if (isKeySet) response.writeHead(200, json).end('{"keys":[]}');
      else honest();
      break;
    case 'huge':
      response.writeHead(200, json).end(`{"keys":[],"padding":"${'x'.repeat(hugeBytes)}"}`);
      break;
    case 'dripping': {
      response.writeHead(200, json).write('{');
      const drip = scheduler.every(dripEveryMs, () => {
        response.write(' ');
      });
      whileOpen(response, drip);
    }
  }
}

/** A caller who gave up leaves no timer behind. */
function whileOpen(response: ServerResponse, cancel: Cancel): void {
  response.once('close', cancel);
}
