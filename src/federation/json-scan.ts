import { isUtf8 } from 'node:buffer';

export type JsonObject = Readonly<Record<string, unknown>>;
export type ParsedJson =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly detail: string };

interface JsonLimits {
  readonly maxDepth: number;
  /** Members of all objects together. */
  readonly maxMembers: number;
}

const refuse = (detail: string): ParsedJson => ({ ok: false, detail });

/**
 * Reads one JSON object that every parser must read alike: valid UTF-8 without a BOM, no repeated key at any depth,
 * no `__proto__`, bounded depth and member count. Never throws; details carry nothing of the input.
 */
export function parseJsonObject(bytes: Buffer, limits: JsonLimits): ParsedJson {
  if (!isUtf8(bytes)) return refuse('not valid UTF-8');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('not a JSON object');
  const distinct = countMembers(value, limits.maxDepth);
  if (distinct === tooDeep) return refuse('nested too deeply');
  if (distinct === forbiddenName) return refuse('a member is named __proto__');
  const written = countColons(text);
  if (written > limits.maxMembers) return refuse('too many members');
  if (written !== distinct) return refuse('a key is repeated');
  return { ok: true, value: value as JsonObject };
}

const tooDeep = -1;
const forbiddenName = -2;

/** Counts the members of all objects inside a parsed value, or says which rule it breaks. */
function countMembers(value: object, depthLeft: number): number {
  if (depthLeft === 0) return tooDeep;
  const names = Array.isArray(value) ? undefined : Object.keys(value);
  let members = names?.length ?? 0;
  if (names?.includes('__proto__')) return forbiddenName;
  for (const child of Object.values(value)) {
    if (typeof child !== 'object' || child === null) continue;
    const inside = countMembers(child, depthLeft - 1);
    if (inside < 0) return inside;
    members += inside;
  }
  return members;
}

const quote = 0x22;
const colon = 0x3a;

/** Counts colons outside strings: in valid JSON, exactly the members as written, repeated ones included. */
function countColons(json: string): number {
  let colons = 0;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === colon) colons += 1;
    else if (code === quote) at = closingQuote(json, at);
  }
  return colons;
}

function closingQuote(json: string, opening: number): number {
  let at = json.indexOf('"', opening + 1);
  while (isEscaped(json, at)) at = json.indexOf('"', at + 1);
  return at;
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0;
  while (json[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}
