import { Secret } from '../kernel/secret.ts';
import { secretSettings } from './names.ts';
import type { Entry, Environment } from './sources.ts';

/** References to secrets, `env:NAME` or `file:/path`, and what they lead to. */

const leastLength = { 'keys.kek': 32, 'bootstrap.secret': 16 } as const;

/** Names of environment variables that some source refers to as the home of a secret. */
export function referencedVariables(sources: readonly ReadonlyMap<string, Entry>[]): ReadonlySet<string> {
  const values = sources.flatMap((entries) => secretSettings.map((name) => entries.get(name)?.value));
  const references = values.filter((value) => typeof value === 'string' && value.startsWith('env:'));
  return new Set(references.map((value) => String(value).slice('env:'.length)));
}

interface Resolved {
  readonly secret?: Secret;
  readonly problem?: string;
}

/** Fetches a secret; surrounding white space (the newline of a mounted file) is not part of it. */
export function resolveSecret(
  name: (typeof secretSettings)[number],
  reference: string | undefined,
  from: { readonly env: Environment; readonly readFile: (path: string) => string | undefined },
): Resolved {
  if (reference === undefined) return {};
  const place = reference.slice(reference.indexOf(':') + 1);
  let value: string | undefined;
  try {
    if (reference.startsWith('file:')) value = from.readFile(place);
    else value = Object.hasOwn(from.env, place) ? from.env[place] : undefined;
  } catch {
    return { problem: `${name}: ${reference} cannot be read` };
  }
  const text = value?.trim();
  if (text === undefined) return { problem: `${name}: ${reference} does not exist` };
  return text.length < leastLength[name]
    ? { problem: `${name}: ${reference} holds fewer than ${leastLength[name]} characters` }
    : { secret: new Secret(text) };
}
