/** Reads the external test vectors. Where they are absent CI fails, and elsewhere the suite says so and is left out. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = join(process.env['POSTERN_VECTORS'] ?? resolve('../shared/vectors'), 'wycheproof');
export const areVectorsPresent = existsSync(folder);

if (!areVectorsPresent) {
  const notice = `EXTERNAL VECTORS ARE MISSING at ${folder}; set POSTERN_VECTORS`;
  if (process.env['CI'] !== undefined) throw new Error(notice);
  console.warn(`\n*** ${notice}: THESE SUITES ARE LEFT OUT ***\n`);
}

export function readVectors<Groups>(file: string): Groups[] {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')).testGroups;
}
