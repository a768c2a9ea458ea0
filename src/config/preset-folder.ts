import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The texts of all `*.json` files of a folder, in order of their names; `federation/presets.ts` judges them. */
export function readPresetFolder(path: string): readonly { readonly name: string; readonly text: string }[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(path, name), 'utf8') }));
}
