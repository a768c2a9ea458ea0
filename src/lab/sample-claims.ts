import { parsePath, renderTemplate, ruleHolds } from '../federation/claim-values.ts';
import type { Preset } from '../federation/presets.ts';
import { buildSubject } from '../federation/subject.ts';
import type { RandomBytes } from '../kernel/ports.ts';

export type ClaimValues = Record<string, unknown>;

/** What tells one imitated job from the preset's usual one. */
export interface JobRequest {
  /** By the preset's claim path; a name the preset does not know becomes a top-level claim. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Paths of claims to leave out, whatever the preset says. */
  readonly omit?: readonly string[];
  /** Id or family of a subject form; the preset's first unless given. */
  readonly subjectForm?: string;
  /** Claims, in order, of a subject made of pairs. */
  readonly subjectKeys?: readonly string[];
}

type Claim = Preset['claims'][string];

/** Protocol claims belong to the single token; all others describe the job and are the same in each of its tokens. */
export const belongsToToken = ({ class: kind, sampleGenerator }: Claim): boolean =>
  kind === 'protocol' || sampleGenerator.kind === 'protocol';

/**
 * Fills claims in the order of the preset: the caller's value, else the generator's if the presence rule holds. A claim
 * whose rule does not hold is left out, not empty. The record has no prototype, so that `__proto__` is a claim like any.
 */
export function fillClaims(
  into: ClaimValues,
  specs: readonly (readonly [path: string, spec: Claim])[],
  request: JobRequest,
  generate: (path: string, spec: Claim) => unknown,
): void {
  const given = request.claims ?? {};
  for (const [path, spec] of specs) {
    if (request.omit?.includes(path)) continue;
    const isGiven = Object.hasOwn(given, path);
    if (!isGiven && spec.when !== undefined && !ruleHolds(spec.when, into)) continue;
    const value = isGiven ? given[path] : generate(path, spec);
    if (value !== undefined) setClaim(into, parsePath(path) ?? [path], value);
  }
}

function setClaim(claims: ClaimValues, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    claims[name] = value;
    return;
  }
  const inner = claims[name] ?? Object.create(null);
  claims[name] = inner;
  setClaim(inner as ClaimValues, rest, value);
}

/** Makes the sample value that the preset describes; `undefined` = the claim is absent unless somebody gives it. */
export function generateSample(
  { sampleGenerator: generator, sample }: Claim,
  claims: ClaimValues,
  random: RandomBytes,
): unknown {
  switch (generator.kind) {
    case 'sample':
      return sample;
    case 'uuid':
      return uuid(random);
    case 'hex':
      return random(generator.length).toString('hex').slice(0, generator.length);
    case 'digits':
      return pick('123456789', 1, random) + pick('0123456789', generator.length - 1, random);
    case 'letters':
      return generator.prefix + pick(letters, generator.length, random);
    case 'template': {
      const fitting = generator.cases.find(({ when }) => when === undefined || ruleHolds(when, claims));
      return fitting && renderTemplate(fitting.text, claims);
    }
    default:
      return undefined;
  }
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Slightly uneven, which is good enough for imitations. */
const pick = (alphabet: string, length: number, random: RandomBytes): string =>
  Array.from(random(length), (byte) => alphabet.charAt(byte % alphabet.length)).join('');

/** A version 4 UUID (RFC 9562 §5.4). */
function uuid(random: RandomBytes): string {
  const bytes = random(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The subject of a job with these claims. Throws if the claims do not make a subject of the form asked for. */
export function sampleSubject(preset: Preset, claims: ClaimValues, request: JobRequest): string {
  const { forms } = preset.subject;
  const wanted = request.subjectForm ?? forms[0]?.family ?? forms[0]?.id;
  const form = forms.find(
    ({ id, family, when }) =>
      id === wanted || (family === wanted && (when === undefined || ruleHolds(when, claims))),
  );
  if (form === undefined) throw new Error(`preset ${preset.id} has no subject form ${wanted}`);
  const templates = form.grammar.flatMap((part): [string, string][] => {
    if (typeof part === 'string') return [];
    if ('field' in part) return [[part.field, part.value]];
    return (request.subjectKeys ?? part.usual).map((claim) => [claim, `{${claim}}`]);
  });
  const fields = templates.map(([name, template]) => [name, renderTemplate(template, claims) ?? '']);
  const subject = buildSubject(preset.subject, { form: form.id, fields: Object.fromEntries(fields) });
  if (subject === undefined) throw new Error(`these claims make no subject of the form ${form.id}`);
  return subject;
}
