import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPinned } from './processes.ts';
import { summary } from './statistics.ts';
import type { BenchIssuer } from './tokens.ts';

/** What the machine is, and what it charges for the two things nobody can avoid: cryptography and the disk. */

const tmpfs = 0x01021994;

export interface Machine {
  readonly node: string;
  readonly openssl: string;
  readonly cpu: string;
  readonly cores: number;
  readonly loadavg: readonly number[];
  readonly isPinned: boolean;
  readonly isRealDisk: boolean;
  /** Milliseconds of one 4 KiB write with fdatasync, where the stores of the benchmark lie. */
  readonly fsyncP50: number;
}

export function describeMachine(): Machine {
  return {
    node: process.versions.node,
    openssl: process.versions.openssl,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    loadavg: loadavg(),
    isPinned,
    isRealDisk: statfsSync(tmpdir()).type !== tmpfs,
    fsyncP50: fsyncP50(),
  };
}

function fsyncP50(): number {
  const folder = mkdtempSync(join(tmpdir(), 'postern-fsync-'));
  const file = openSync(join(folder, 'probe'), 'w');
  try {
    const page = Buffer.alloc(4_096, 1);
    const times = Array.from({ length: 200 }, () => {
      const startedAt = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - startedAt;
    });
    return summary(times).median;
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** Microseconds to verify one of the tokens and to sign another, in this process, best quartile. */
export function cryptoFloor(issuers: readonly BenchIssuer[]): number {
  const { privateKey } = generateKeyPairSync('ed25519');
  const tokens = issuers.flatMap((issuer) =>
    issuer.tokens.slice(0, 64).map((token) => {
      const end = token.lastIndexOf('.');
      const input = Buffer.from(token.slice(0, end));
      return { issuer, input, signature: Buffer.from(token.slice(end + 1), 'base64url') };
    }),
  );
  const output = Buffer.alloc(600, 1);
  const rounds = Array.from({ length: 12 }, () => {
    const startedAt = process.cpuUsage();
    for (const { issuer, input, signature } of tokens) {
      verifyOne(issuer, input, signature);
      sign(null, output, privateKey);
    }
    const { user, system } = process.cpuUsage(startedAt);
    return (user + system) / tokens.length;
  });
  return summary(rounds).q1;
}

function verifyOne({ algorithm, publicKey }: BenchIssuer, input: Buffer, signature: Buffer): void {
  const key: KeyObject | { key: KeyObject; dsaEncoding: 'ieee-p1363' } =
    algorithm === 'ES256' ? { key: publicKey, dsaEncoding: 'ieee-p1363' } : publicKey;
  if (!verify(algorithm === 'EdDSA' ? null : 'sha256', input, key, signature))
    throw new Error('does not verify');
}
