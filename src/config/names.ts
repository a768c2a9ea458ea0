import { z } from 'zod';
import { settingsSchema } from './schema.ts';

/** Every setting by its dotted name, read off the schema: environment names, flags and the documentation follow from it. */

interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
}

export interface Setting {
  /** `token.exchangeTtl` */
  readonly name: string;
  /** `POSTERN_TOKEN__EXCHANGE_TTL` */
  readonly variable: string;
  readonly type: string;
  readonly choices: readonly unknown[];
  readonly description: string;
  readonly default: unknown;
}

/** The JSON Schema of a settings file, as an operator writes it. */
export const settingsJsonSchema = z.toJSONSchema(settingsSchema, { io: 'input' });

/** `token.exchangeTtl` → `POSTERN_TOKEN__EXCHANGE_TTL`. */
function variableOf(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('.', '__');
  return `POSTERN_${words.toUpperCase()}`;
}

function collect(node: SchemaNode, path: readonly string[]): readonly Setting[] {
  if (node.properties !== undefined) {
    return Object.entries(node.properties).flatMap(([key, child]) => collect(child, [...path, key]));
  }
  const name = path.join('.');
  const { type = 'string', description = '', enum: choices = [] } = node;
  return [{ name, variable: variableOf(name), type, choices, description, default: node.default }];
}

export const settings: ReadonlyMap<string, Setting> = new Map(
  collect(settingsJsonSchema as SchemaNode, []).map((setting) => [setting.name, setting]),
);

/** Names of the objects that hold settings: `token`, `limits` … */
export const groups: ReadonlySet<string> = new Set(
  [...settings.keys()].flatMap((name) => {
    const parts = name.split('.');
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
  }),
);

/** Settings whose value is a reference to a secret: the only ones with a `POSTERN_<NAME>_FILE` form. */
export const secretSettings = ['keys.kek', 'bootstrap.secret'] as const;

function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...right].entries()) {
      const [above = 0, diagonal = 0, before = 0] = [row[column + 1], row[column], next[column]];
      next.push(Math.min(above + 1, before + 1, diagonal + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** The known name that takes the fewest edits. Hostile input is cut, so that the cost stays bounded. */
export function nearest(name: string, known: Iterable<string>): string {
  const text = name.slice(0, 100).toLowerCase();
  let best = { name: '', edits: Number.POSITIVE_INFINITY };
  for (const candidate of known) {
    const edits = distance(text, candidate.toLowerCase());
    if (edits < best.edits) best = { name: candidate, edits };
  }
  return best.name;
}
