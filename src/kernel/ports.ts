/**
 * The ports every feature may need from outside: time, randomness, scheduling, logging, counting.
 * They are made real only in `compose.ts`, so that tests move the clock and never sleep.
 */

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic clock, milliseconds from an arbitrary start; for deadlines and durations. */
  monotonicMs(): number;
}

/** Cryptographically strong random bytes. */
export type RandomBytes = (size: number) => Buffer;

/** Ends a scheduled task; calling it again does nothing. */
export type Cancel = () => void;

export interface Scheduler {
  /** Runs the task once, after the given delay. */
  after(delayMs: number, task: () => void): Cancel;
  /** Runs the task again and again until cancelled. */
  every(intervalMs: number, task: () => void): Cancel;
  /** Runs the task once the current turn of the event loop has handled its waiting input. */
  soon(task: () => void): void;
}

type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

type Labels = Readonly<Record<string, string>>;

export interface Metrics {
  /** Adds one (or `by`) to a counter. Label values come from closed sets only. */
  count(name: string, labels?: Labels, by?: number): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void;
}

export interface Fetched {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * The only way out of the process: one GET, guarded by `egress/` (addresses, size, time, no redirects).
 * Throws `EgressRefused` or `EgressFailed` (kernel/errors.ts).
 */
export type Fetch = (url: string) => Promise<Fetched>;
