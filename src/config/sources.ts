import { parse } from 'yaml';
import { groups, nearest, secretSettings, settings } from './names.ts';

/** Turns files, environment and flags into one flat form: setting by setting, each with the place it came from. */

export interface Entry {
  readonly value: unknown;
  /** For messages: `config/demo.json`, `POSTERN_LOG__LEVEL`, `--log.level`. */
  readonly origin: string;
}

export interface Source {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly problems: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

const variables = new Map([...settings.values()].map(({ name, variable }) => [variable, name]));
const fileVariables: ReadonlyMap<string, string> = new Map(
  secretSettings.map((name) => [`${settings.get(name)?.variable}_FILE`, name]),
);

/** Names that belong to the test suite and to client tools which may share the environment. */
const foreignVariables =
  /^POSTERN_(?:TEST_.*|VECTORS|SERVER_URL|CLIENT_ID|CLIENT_SECRET|OIDC_TOKEN|AUDIENCE|ACCESS_TOKEN)$/;

const shown = (name: string): string => JSON.stringify(name.slice(0, 100));

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function collect(value: unknown, name: string, origin: string, into: Map<string, Entry>, problems: string[]) {
  if (settings.has(name)) {
    into.set(name, { value, origin });
  } else if (name !== '' && !groups.has(name)) {
    problems.push(
      `${origin}: unknown setting ${shown(name)}; the nearest is ${nearest(name, settings.keys())}`,
    );
  } else if (!isGroup(value)) {
    problems.push(`${origin}: ${name === '' ? 'the file' : name} must hold settings by name`);
  } else {
    for (const [key, child] of Object.entries(value)) {
      collect(child, name === '' ? key : `${name}.${key}`, origin, into, problems);
    }
  }
}

/** A settings file, JSON or (by any other ending) YAML 1.2. */
export function fromFile(path: string, content: string): Source {
  const entries = new Map<string, Entry>();
  const problems: string[] = [];
  try {
    const document: unknown = path.endsWith('.json')
      ? JSON.parse(content)
      : parse(content, { logLevel: 'error', maxAliasCount: 0 });
    collect(document ?? {}, '', path, entries, problems);
  } catch {
    problems.push(`${path}: is not well-formed ${path.endsWith('.json') ? 'JSON' : 'YAML'}`);
  }
  return { entries, problems };
}

/** Text → the type that the setting has; text that does not fit stays text and is refused by the schema. */
function typed(name: string, text: string): unknown {
  const type = settings.get(name)?.type;
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  if (type !== 'array') return text;
  if (text === '') return [];
  return text.startsWith('[') && name === 'roles'
    ? parsedList(text)
    : text.split(',').map((item) => item.trim());
}

function parsedList(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Variables named `POSTERN_…`: mechanical names, and `…_FILE` for secrets. An unknown one is a problem, unless a
 * secret reference names it.
 */
export function fromEnvironment(env: Environment, referenced: ReadonlySet<string>): Source {
  const entries = new Map<string, Entry>();
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !variable.startsWith('POSTERN_')) continue;
    const name = variables.get(variable);
    const secret = fileVariables.get(variable);
    if (name !== undefined) entries.set(name, { value: typed(name, text), origin: variable });
    else if (secret !== undefined) entries.set(secret, { value: `file:${text}`, origin: variable });
    else if (!foreignVariables.test(variable) && !referenced.has(variable)) {
      const near = nearest(variable, [...variables.keys(), ...fileVariables.keys()]);
      problems.push(`unknown environment variable ${shown(variable)}; the nearest is ${near}`);
    }
  }
  return { entries, problems };
}

/** Flags by dotted setting name, as the command line gives them: `{ 'listen.port': '8081' }`. */
export function fromFlags(flags: Readonly<Record<string, string>>): Source {
  const entries = new Map<string, Entry>();
  const problems: string[] = [];
  for (const [name, text] of Object.entries(flags)) {
    if (settings.has(name)) entries.set(name, { value: typed(name, text), origin: `--${name}` });
    else problems.push(`unknown setting ${shown(name)}; the nearest is ${nearest(name, settings.keys())}`);
  }
  return { entries, problems };
}

/** Flat → nested; names are those of the schema, so nothing foreign becomes a member. */
export function nested(entries: ReadonlyMap<string, Entry>): Readonly<Record<string, unknown>> {
  const root: Record<string, unknown> = {};
  for (const [name, { value }] of entries) {
    const [group = '', leaf] = name.split('.');
    if (leaf === undefined) root[group] = value;
    else root[group] = { ...(root[group] as object | undefined), [leaf]: value };
  }
  return root;
}
