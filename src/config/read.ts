import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadSettings, type SettingsResult } from './load.ts';

/** The only place that reads the process's environment and settings files. */

const folder = fileURLToPath(new URL('../../config', import.meta.url));

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The settings of this process: shipped files, the file named by the operator, environment, flags by dotted name. */
export function readSettings(named?: string, flags: Readonly<Record<string, string>> = {}): SettingsResult {
  const files = named === undefined ? { folder } : { folder, named };
  return loadSettings({ flags, env: process.env, files, readFile: readIfPresent });
}
