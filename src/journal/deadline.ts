import { Unavailable } from '../kernel/errors.ts';
import type { Scheduler } from '../kernel/ports.ts';

/** Rejects with `Unavailable` when the promise has not settled in time; what it does later is ignored. */
export function within<T>(scheduler: Scheduler, limitMs: number, promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = scheduler.after(limitMs, () =>
      reject(new Unavailable('the store did not answer in time')),
    );
    promise.then(resolve, reject).finally(cancel);
  });
}
