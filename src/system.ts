import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, RandomBytes, Scheduler } from './kernel/ports.ts';

/** Time and randomness made real; everything else in the house receives them as ports. */

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

const poolBytes = 16 * 1024;

/** Random bytes out of a pool: one call into the generator serves some hundred requests. */
export function createSystemRandom(): RandomBytes {
  let pool = Buffer.alloc(0);
  let used = 0;
  return (size) => {
    if (size > poolBytes) return randomFillSync(Buffer.alloc(size));
    if (used + size > pool.length) {
      // A new buffer, never a refill: slices that were handed out must keep their bytes.
      pool = randomFillSync(Buffer.allocUnsafeSlow(poolBytes));
      used = 0;
    }
    used += size;
    return pool.subarray(used - size, used);
  };
}

/** Timers that do not keep the process alive: the listening socket does. */
export const systemScheduler: Scheduler = {
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs).unref();
    return () => clearTimeout(timer);
  },
  every: (intervalMs, task) => {
    const timer = setInterval(task, intervalMs).unref();
    return () => clearInterval(timer);
  },
  soon: (task) => {
    setImmediate(task);
  },
};
