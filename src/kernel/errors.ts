import { type CatalogueEntry, catalogue, type ErrorCode } from './error-catalogue.ts';

/** One member of a request that cannot be accepted; both parts are shown to the caller. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

interface GatewayErrorOptions {
  /** For log and audit only, never for the caller. */
  readonly detail?: string;
  readonly cause?: unknown;
  /** Shown to the caller: which members were refused and why. */
  readonly violations?: readonly FieldViolation[];
  /** Shown to the caller instead of the catalogue's sentence. */
  readonly sentence?: string;
  /** Seconds for `Retry-After`; at most 60 (contract §2.6). */
  readonly retryAfterSeconds?: number;
}

/** A failure with a stable code of the catalogue. What the caller may read is the sentence and the violations. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly violations: readonly FieldViolation[];
  readonly sentence: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    super(options.detail === undefined ? code : `${code}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.violations = options.violations ?? [];
    this.sentence = options.sentence ?? catalogue[code].sentence;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get entry(): CatalogueEntry {
    return catalogue[this.code];
  }
}

/** Refuses one member of a request: 400 code 3 naming the field. */
export function invalidArgument(field: string, description: string, detail?: string): GatewayError {
  const violations = [{ field, description }];
  return new GatewayError('invalid_argument', detail === undefined ? { violations } : { violations, detail });
}

/** A lost race in the store: somebody else holds the version or the unique key. Nothing was written. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
  readonly on: 'version' | 'unique';
  readonly key: string;

  constructor(on: 'version' | 'unique', key: string) {
    super(`conflict on ${on} ${key}`);
    this.on = on;
    this.key = key;
  }
}

/** The store did not answer, or not in time: the outcome may be unknown. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The egress guard refused to make a request: the target breaks a rule, retrying is useless. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
}

/** A request was made and failed: time, size, connection, redirect. */
export class EgressFailed extends Error {
  override readonly name = 'EgressFailed';
}

/** Whatever was thrown, as an error of the catalogue: anything unexpected is `internal`, and tells the caller nothing. */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof Unavailable) return new GatewayError('unavailable', { cause: error });
  if (error instanceof Conflict) return new GatewayError('aborted', { cause: error });
  return new GatewayError('internal', { cause: error });
}
