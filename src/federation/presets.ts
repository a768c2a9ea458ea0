/** Presets: what Postern knows about each issuer, read from data files so that adding one needs no source change. */

import type { WellKnownProvider } from './model.ts';
import { presetProblems } from './preset-checks.ts';
import { type Preset, presetSchema } from './preset-schema.ts';

export type { Preset } from './preset-schema.ts';

export interface Presets {
  get(id: string): Preset | undefined;
  /** In order of their ids. */
  all(): readonly Preset[];
  /** The preset that fills the defaults of a provider created without naming one; `custom` for `…_CUSTOM`. */
  forWellKnown(value: WellKnownProvider): Preset | undefined;
}

const custom: WellKnownProvider = 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM';

/**
 * Parses the texts of all preset files. Throws one plain `Error` that lists every problem of every file: a preset that
 * is half understood would set defaults nobody chose.
 */
export function loadPresets(files: readonly { readonly name: string; readonly text: string }[]): Presets {
  const presets = new Map<string, Preset>();
  const byWellKnown = new Map<WellKnownProvider, Preset>();
  const problems: string[] = [];
  for (const file of [...files].sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const result = parsePreset(file.text);
    if (!result.ok) {
      problems.push(...result.problems.map((problem) => `${file.name}: ${problem}`));
      continue;
    }
    const { preset } = result;
    if (presets.has(preset.id)) problems.push(`${file.name}: preset ${preset.id} exists already`);
    presets.set(preset.id, preset);
    if (preset.wellKnownProvider === custom && preset.id !== 'custom') continue;
    if (byWellKnown.has(preset.wellKnownProvider)) {
      problems.push(`${file.name}: another preset stands for ${preset.wellKnownProvider}`);
    }
    byWellKnown.set(preset.wellKnownProvider, preset);
  }
  if (problems.length > 0) throw new Error(`preset files cannot be used:\n${problems.join('\n')}`);
  const sorted = [...presets.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  return {
    get: (id) => presets.get(id),
    all: () => sorted,
    forWellKnown: (value) => byWellKnown.get(value),
  };
}

type Parsed =
  | { readonly ok: true; readonly preset: Preset }
  | { readonly ok: false; readonly problems: readonly string[] };

function parsePreset(text: string): Parsed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, problems: ['is not JSON'] };
  }
  const result = presetSchema.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'file'}: ${message}`,
    );
    return { ok: false, problems };
  }
  const problems = presetProblems(result.data);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, preset: result.data };
}
