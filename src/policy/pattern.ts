import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { limits } from './limits.ts';
import type { CompileCode } from './model.ts';

interface Pattern {
  /** Instructions of the compiled program: what each character of an input costs at most. */
  readonly size: number;
  /** Unanchored, as CEL's `matches`. */
  finds(text: string): boolean;
}

type CompiledPattern =
  | { readonly ok: true; readonly pattern: Pattern }
  | { readonly ok: false; readonly code: CompileCode; readonly message: string };

const cache = new LRUCache<string, Pattern>({ max: limits.cachedPatterns });

/** Compiles an RE2 pattern: matching takes time linear in input × `size`, whatever the pattern. Never throws. */
export function compilePattern(text: string): CompiledPattern {
  const known = cache.get(text);
  if (known !== undefined) return { ok: true, pattern: known };
  if (Buffer.byteLength(text) > limits.patternBytes) {
    return refuse('E_REGEX_SIZE', `a pattern has at most ${limits.patternBytes} bytes`);
  }
  if (highestRepeat(text) > limits.patternRepeat) {
    return refuse('E_REGEX_REPEAT', `a counted repetition goes up to ${limits.patternRepeat}`);
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(text);
  } catch {
    return refuse('E_REGEX_SYNTAX', 'not an RE2 pattern; lookaround and backreferences are not supported');
  }
  // Not `test`: its automaton caches states without bound on hostile patterns and is several times slower on the worst.
  const pattern = { size: compiled.programSize(), finds: (input: string) => compiled.matcher(input).find() };
  cache.set(text, pattern);
  return { ok: true, pattern };
}

function refuse(code: CompileCode, message: string): CompiledPattern {
  return { ok: false, code, message };
}

/** Highest bound of any `{n}`, `{n,}`, `{n,m}`; escaped braces do not count. */
function highestRepeat(text: string): number {
  let highest = 0;
  for (const [, from, to] of text.matchAll(/\\.|\{(\d+)(?:,(\d*))?\}/gs)) {
    highest = Math.max(highest, Number(from ?? 0), Number(to ?? 0));
  }
  return highest;
}
