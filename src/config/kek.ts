import { hkdfSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Settings } from './load.ts';

const kekBytes = 32;

/**
 * The key-encryption key, 32 bytes: derived from the operator's secret (HKDF-SHA-256, RFC 5869), or, in the demo
 * profile without one, kept in a file of mode 0600 beside the database. Production without a secret never gets here.
 */
export function resolveKek(settings: Pick<Settings, 'keys' | 'profile' | 'store'>): Buffer {
  const { kek } = settings.keys;
  if (kek !== undefined) {
    return Buffer.from(hkdfSync('sha256', kek.reveal(), '', 'postern key-encryption key v1', kekBytes));
  }
  if (settings.profile !== 'demo') throw new Error('keys.kek is required outside the demo profile');
  return settings.store.kind === 'memory' ? randomBytes(kekBytes) : demoKek(dirname(settings.store.path));
}

function demoKek(folder: string): Buffer {
  const path = join(folder, 'demo-kek');
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(path, randomBytes(kekBytes), { flag: 'wx', mode: 0o600 });
    chmodSync(path, 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const key = readFileSync(path);
  if (key.length !== kekBytes) throw new Error(`${path} does not hold a key-encryption key`);
  return key;
}
