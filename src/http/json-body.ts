import { parseJsonObject } from '../federation/json-scan.ts';
import { GatewayError } from '../kernel/errors.ts';

const limits = { maxDepth: 16, maxMembers: 4096 };

/** Members whose content is somebody else's JSON: neither their names nor their nulls are ours to touch. */
const opaqueMembers: ReadonlySet<string> = new Set(['jwks', 'extra']);

/**
 * A request body in one spelling: member names in lowerCamelCase, whichever of the two spellings was sent, and `null`
 * members left out (contract §3). No body is an empty one. Throws `invalid_argument`.
 */
export function readJsonBody(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {};
  const parsed = parseJsonObject(Buffer.from(text), limits);
  if (!parsed.ok) {
    throw new GatewayError('invalid_argument', {
      sentence: 'the body is not a well-formed JSON object',
      detail: parsed.detail,
    });
  }
  return foldObject(parsed.value, '');
}

function foldObject(object: object, path: string): Readonly<Record<string, unknown>> {
  const folded: Record<string, unknown> = Object.create(null);
  for (const [sent, value] of Object.entries(object)) {
    const name = sent.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(folded, name)) {
      const violations = [{ field: `${path}${name}`, description: 'is given in two spellings' }];
      throw new GatewayError('invalid_argument', { violations });
    }
    if (value !== null) folded[name] = opaqueMembers.has(name) ? value : fold(value, `${path}${name}.`);
  }
  return folded;
}

function fold(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item) => fold(item, path));
  return typeof value === 'object' && value !== null ? foldObject(value, path) : value;
}
