/**
 * What telemetry never shows: whatever is added to a log line passes here first, at any depth.
 * Members are hidden by name, text by the shape of what stands in it; both, because secrets turn up where nobody expects them.
 */

const hidden = '[redacted]';

const secretNames =
  /^(?:(?:proxy-?)?authorization|(?:set-?)?cookie|dpop|passw(?:or)?d|passphrase|kek|(?:client|bootstrap)?[-_]?secret|client[-_]?assertion|assertion|(?:subject|actor|access|refresh|id|bearer|identity)?[-_]?token|private[-_]?key|(?:x-)?api[-_]?key|code[-_]?verifier|d|p|q|dp|dq|qi|k)$/i;

/** Raw header lists hold name and value side by side. */
const isHeaderName = (item: unknown): boolean =>
  typeof item === 'string' && /^(?:(?:proxy-)?authorization|(?:set-)?cookie|dpop)$/i.test(item);

const parameterNames =
  'client_?secret|client_?assertion|assertion|(?:subject|actor|access|refresh|id)_?token|password|code_?verifier';

/** Each pattern runs in linear time: text may come from outside. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [/authorization(?:\\?["'])?\s{0,4}[:=,][^\r\n]+/gi, `authorization: ${hidden}`],
  [/(?:set-)?cookie(?:\\?["'])?\s{0,4}[:=][^\r\n]+/gi, `cookie: ${hidden}`],
  [/secret-token(?::|%3a)[^\s"'\\&,]*/gi, `secret-token:${hidden}`],
  [/\b(bearer|basic|dpop)\s{1,4}[\w~+/.=-]{16,}/gi, `$1 ${hidden}`],
  [
    new RegExp(
      `\\b(${parameterNames})((?:\\\\?["'])?\\s{0,4}[:=]\\s{0,4}(?:\\\\?["'])?)[^\\s"'\\\\&,}]+`,
      'gi',
    ),
    `$1$2${hidden}`,
  ],
  [/(\\?["'](?:d|p|q|dp|dq|qi|k)\\?["']\s{0,4}:\s{0,4}\\?["'])[^"'\\]+/g, `$1${hidden}`],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*/g, hidden],
];

/** Runs of base64url characters and dots; a JWT is looked for inside each, so that no text is scanned twice. */
const dottedRun = /[\w.-]{20,}/g;
/** How base64url-encoded JSON begins: `{`, then a quote or white space. */
const encodedObject = /e(?:y[A-DI-L]|w[0-3k-r])[\w-]{8}/;

function withoutJwt(run: string): string {
  const start = run.search(encodedObject);
  return start === -1 || run.indexOf('.', start) === -1 ? run : `${run.slice(0, start)}${hidden}`;
}

/** Long text is cut before it is searched: half a secret is still recognised by how it begins. */
const maxTextLength = 4096;

/** Removes tokens, client secrets, authorization headers and private keys from text. */
export function scrubText(text: string): string {
  let clean = text.slice(0, maxTextLength).replace(dottedRun, withoutJwt);
  for (const [pattern, replacement] of replacements) clean = clean.replace(pattern, replacement);
  return clean;
}

/** Depth and number of values of one log line. */
const maxDepth = 8;
const maxValues = 1000;
/** A copy that is safe to write, of bounded size, for any value at all: cycles, errors with causes, hostile getters. */
export function redact(value: unknown): unknown {
  let left = maxValues;

  const members = (entries: Iterable<readonly [unknown, unknown]>, depth: number): object => {
    const copy: Record<string, unknown> = Object.create(null);
    for (const [name, member] of entries) {
      if (left <= 0) break;
      const key = String(name);
      copy[scrubText(key)] = secretNames.test(key) ? hidden : visit(member, depth + 1);
    }
    return copy;
  };

  const object = (source: object, depth: number): unknown => {
    if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) return `[${source.byteLength} bytes]`;
    if (depth >= maxDepth) return '[deep]';
    if (source instanceof Error) {
      const { name, message, stack, cause } = source;
      return members(Object.entries({ ...source, type: name, message, stack, cause }), depth);
    }
    if (source instanceof Map) return members(source, depth);
    if (Array.isArray(source) || source instanceof Set) {
      const items: readonly unknown[] = [...source].slice(0, Math.max(left, 0));
      return items.map((item, index) => (isHeaderName(items[index - 1]) ? hidden : visit(item, depth + 1)));
    }
    if ('toJSON' in source && typeof source.toJSON === 'function') return visit(source.toJSON(), depth + 1);
    return members(Object.entries(source), depth);
  };

  const visit = (item: unknown, depth: number): unknown => {
    left -= 1;
    if (left < 0) return '[more]';
    if (typeof item === 'string') return scrubText(item);
    if (typeof item === 'bigint') return item.toString();
    if (typeof item === 'function' || typeof item === 'symbol') return undefined;
    if (typeof item !== 'object' || item === null) return item;
    try {
      return object(item, depth);
    } catch {
      return '[unreadable]';
    }
  };

  return visit(value, 0);
}
