import { limits } from './limits.ts';
import { compilePattern } from './pattern.ts';
import { splitUrl, type UrlParts } from './url.ts';

/** A function of ours refused its input while a condition ran; `code` is the stable cause. */
export class FunctionFault extends Error {
  override readonly name = 'FunctionFault';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** The functions that our environment puts in the place of the engine's, by the name that people write. */
export const renames: ReadonlyMap<string, string> = new Map([
  ['matches', 're2m'],
  ['lowerAscii', 'asciiLower'],
  ['upperAscii', 'asciiUpper'],
  ['contains', 'textContains'],
  ['split', 'textSplit'],
  ['size', 'sizeOf'],
  ['int', 'intOf'],
  ['duration', 'durationOf'],
]);

let stepsLeft = 0;

/**
 * Runs one evaluation or trace under a fresh allowance of steps. The engine can neither be interrupted nor told a budget, and a
 * macro repeats whatever its body calls; so each function that reads a whole string pays for it here. Stack traces are off
 * meanwhile: the engine throws one error per item and operand, nobody reads their stacks, and they would cost the most of all.
 */
export function metered<Result>(work: () => Result): Result {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  stepsLeft = limits.steps;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new FunctionFault('too_expensive');
}

function spendText(text: string): string {
  spend(text.length);
  return text;
}

/** A search is linear for short parts only: repetitive text and a long part cost up to their product. */
function spendSearch(text: string, part: string): string {
  spend(text.length * (1 + part.length / 64));
  return text;
}

type Handler = (...args: never[]) => unknown;

/** Signature → handler. `engineDuration` parses a duration that was checked before, `urlOf` makes the registered type. */
export function ownFunctions(deps: {
  readonly engineDuration: (text: string) => unknown;
  readonly urlOf: (parts: UrlParts) => unknown;
}): Readonly<Record<string, Handler>> {
  return {
    'string.re2m(string): bool': matches,
    'string.asciiLower(): string': (text: string) => asciiCase(text, /[A-Z]+/g, (run) => run.toLowerCase()),
    'string.asciiUpper(): string': (text: string) => asciiCase(text, /[a-z]+/g, (run) => run.toUpperCase()),
    'string.textContains(string): bool': (text: string, part: string) =>
      spendSearch(text, part).includes(part),
    'string.textSplit(string): list<string>': split,
    'sizeOf(string): int': sizeOfText,
    'sizeOf(list): int': sizeOfList,
    'sizeOf(map): int': sizeOfMap,
    'string.sizeOf(): int': sizeOfText,
    'list.sizeOf(): int': sizeOfList,
    'map.sizeOf(): int': sizeOfMap,
    'intOf(int): int': (value: bigint) => value,
    'intOf(double): int': intOfNumber,
    'intOf(string): int': intOfText,
    'durationOf(string): google.protobuf.Duration': (text: string) => deps.engineDuration(durationText(text)),
    'url(string): Url': (text: string) => {
      const split = splitUrl(text);
      if (!split.ok) throw new FunctionFault(split.cause);
      return deps.urlOf(split.url);
    },
  };
}

function matches(text: string, patternText: string): boolean {
  if (text.length > limits.matchCharacters) throw new FunctionFault('input_too_long');
  const compiled = compilePattern(patternText);
  if (!compiled.ok) throw new FunctionFault('invalid_pattern');
  spend((text.length + 1) * compiled.pattern.size);
  return compiled.pattern.finds(text);
}

/** The engine's own folding is Unicode's, where the Kelvin sign becomes `k`. */
function asciiCase(text: string, letters: RegExp, change: (run: string) => string): string {
  return spendText(text).replace(letters, change);
}

/** More parts than a list literal may have would let a macro run over every character of a claim. */
function split(text: string, separator: string): string[] {
  const parts = spendSearch(text, separator).split(separator, limits.splitParts + 1);
  if (parts.length > limits.splitParts) throw new FunctionFault('input_too_long');
  return parts;
}

/** In code points. */
function sizeOfText(text: string): bigint {
  let count = 0;
  for (const _ of spendText(text)) count += 1;
  return BigInt(count);
}

function sizeOfList(list: readonly unknown[]): bigint {
  return BigInt(list.length);
}

function sizeOfMap(map: ReadonlyMap<string, unknown>): bigint {
  return BigInt(map.size);
}

function intOfText(text: string): bigint {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw new FunctionFault('int_conversion_error');
  return int64(BigInt(text));
}

function intOfNumber(value: number): bigint {
  return int64(BigInt(Math.trunc(value)));
}

function int64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new FunctionFault('numeric_overflow');
  return value;
}

/** The engine searches for a unit with cubic backtracking, so it gets only short text of the right shape. */
function durationText(text: string): string {
  const isDuration =
    text.length <= limits.durationCharacters && /^[+-]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text);
  if (!isDuration) throw new FunctionFault('invalid_duration');
  return text;
}
