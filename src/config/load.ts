import { Secret } from '../kernel/secret.ts';
import { settings as knownSettings } from './names.ts';
import { unsafeCombinations, warningsFor } from './safety.ts';
import { type ParsedSettings, settingsSchema } from './schema.ts';
import { referencedVariables, resolveSecret } from './secret-refs.ts';
import {
  type Entry,
  type Environment,
  fromEnvironment,
  fromFile,
  fromFlags,
  nested,
  type Source,
} from './sources.ts';

/** The settings of one process: what the operator wrote, plus what follows from it. Deeply frozen. */
export interface Settings extends Omit<ParsedSettings, 'publicUrl' | 'audiences' | 'keys' | 'bootstrap'> {
  readonly publicUrl: string;
  /** `host[:port]` of `publicUrl`, the part written into client ids. */
  readonly publicHost: string;
  /** Never empty. */
  readonly audiences: readonly string[];
  readonly keys: { readonly kek: Secret | undefined };
  readonly bootstrap: { readonly secret: Secret | undefined };
}

export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

export interface SettingSources {
  /** By dotted name, `{ 'listen.port': '8081' }`. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly env: Environment;
  readonly files: {
    /** Folder that may hold `<profile>.json`. */
    readonly folder: string;
    /** The file that the operator named. */
    readonly named?: string;
  };
  /** `undefined` when there is no such file; throws when it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
}

const nothing: Source = { entries: new Map(), problems: [] };

function readSource(path: string, isRequired: boolean, readFile: SettingSources['readFile']): Source {
  try {
    const content = readFile(path);
    if (content !== undefined) return fromFile(path, content);
    return isRequired ? { ...nothing, problems: [`${path}: no such file`] } : nothing;
  } catch {
    return { ...nothing, problems: [`${path}: cannot be read`] };
  }
}

/** Weakest first; which profile file is read depends on the stronger sources. */
function gather({ flags = {}, env, files, readFile }: SettingSources): readonly Source[] {
  const named = files.named === undefined ? nothing : readSource(files.named, true, readFile);
  const command = fromFlags(flags);
  const variables = fromEnvironment(env, new Set()).entries;
  const stated = [command.entries, variables, named.entries].find((entries) => entries.has('profile'));
  const profile = stated?.get('profile') ?? { value: 'production', origin: 'defaults' };
  const hasFile = profile.value === 'demo' || profile.value === 'production';
  const weakest = hasFile ? readSource(`${files.folder}/${profile.value}.json`, false, readFile) : nothing;
  const referenced = referencedVariables([weakest.entries, named.entries, variables, command.entries]);
  const chosen: Source = { entries: new Map([['profile', profile]]), problems: [] };
  return [weakest, named, fromEnvironment(env, referenced), command, chosen];
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !(value instanceof Secret)) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}

function derivedAudiences(parsed: ParsedSettings, url: URL): readonly string[] {
  if (parsed.audiences !== undefined) return parsed.audiences;
  const local = parsed.profile === 'demo' ? ['localhost', '127.0.0.1'] : [];
  return [...new Set([url.hostname, ...local])];
}

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };

/** The setting that an issue of the schema is about, and where inside its value. */
function placeOf({ path }: Issue): { readonly name: string; readonly inside: string } {
  const length = knownSettings.has(String(path[0])) ? 1 : 2;
  const inside = path.slice(length).map((part) => `[${String(part)}]`);
  return { name: path.slice(0, length).join('.'), inside: inside.join('') };
}

/**
 * Loads the settings from all sources, weakest first: defaults, `<profile>.json`, the named file, environment, flags.
 * Never throws; reports every problem it can see at once, and never a secret's value.
 */
export function loadSettings(from: SettingSources): SettingsResult {
  const sources = gather(from);
  const entries = new Map(sources.flatMap((source) => [...source.entries]));
  const problems = sources.flatMap((source) => source.problems);
  const parsed = settingsSchema.safeParse(nested(entries));
  if (parsed.success) return complete(parsed.data, problems, from);
  for (const issue of parsed.error.issues) {
    const { name, inside } = placeOf(issue);
    problems.push(`${name}${inside}: ${issue.message} (from ${entries.get(name)?.origin ?? 'defaults'})`);
  }
  return { ok: false, problems: [...problems, ...problemsBeside(parsed.error.issues, entries, from)] };
}

/** Looks past malformed settings for what else is wrong, as if they had not been given. */
function problemsBeside(
  issues: readonly Issue[],
  entries: ReadonlyMap<string, Entry>,
  from: SettingSources,
): readonly string[] {
  const malformed = new Set(issues.map((issue) => placeOf(issue).name));
  if (malformed.has('profile')) return [];
  const rest = new Map([...entries].filter(([name]) => !malformed.has(name)));
  const parsed = settingsSchema.safeParse(nested(rest));
  const result = parsed.success ? complete(parsed.data, [], from) : undefined;
  if (result === undefined || result.ok) return [];
  return result.problems.filter((problem) => !malformed.has(problem.slice(0, problem.indexOf(':'))));
}

/** An IPv6 address stands in brackets. */
function localUrl({ host, port }: ParsedSettings['listen']): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function complete(parsed: ParsedSettings, found: readonly string[], from: SettingSources): SettingsResult {
  const text = parsed.publicUrl ?? localUrl(parsed.listen);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kek = resolveSecret('keys.kek', parsed.keys.kek, from);
  const secret = resolveSecret('bootstrap.secret', parsed.bootstrap.secret, from);
  const isProductionRuntime = from.env['NODE_ENV'] === 'production';
  const problems = [
    ...found,
    ...unsafeCombinations({ settings: parsed, url, isProductionRuntime }),
    ...[kek.problem, secret.problem].filter((problem) => problem !== undefined),
  ];
  if (url === undefined || problems.length > 0) return { ok: false, problems };
  const settings: Settings = {
    ...parsed,
    publicUrl: url.origin,
    publicHost: url.host,
    audiences: derivedAudiences(parsed, url),
    keys: { ...parsed.keys, kek: kek.secret },
    bootstrap: { secret: secret.secret },
  };
  return { ok: true, settings: deepFreeze(settings), warnings: warningsFor(url) };
}
