import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { decodeEnvelope } from '../../src/federation/compact-jws.ts';
import { verifySignature } from '../../src/federation/jws-algorithms.ts';
import { lintKey, lintKeySet } from '../../src/federation/key-linter.ts';
import { createKeySet, type KeySet } from '../../src/federation/key-set.ts';
import { areVectorsPresent, readVectors } from './wycheproof.ts';

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws?: unknown;
  readonly jwe?: unknown;
  readonly result: 'valid' | 'invalid';
}
interface Group {
  readonly comment: string;
  readonly private: Readonly<Record<string, unknown>>;
  readonly public?: Readonly<Record<string, unknown>>;
  readonly tests: readonly Case[];
}

const files = ['json_web_signature', 'json_web_crypto', 'json_web_key'] as const;
const frozen: unknown = JSON.parse(
  readFileSync(new URL('expected-differences.json', import.meta.url), 'utf8'),
);

/** The keys as an issuer would publish them. */
function publishedKeys(group: Group): KeySet | undefined {
  const jwk = group.public ?? withoutPrivateMembers(group.private);
  if (Array.isArray(jwk['keys'])) {
    const linted = lintKeySet({ keys: jwk['keys'] });
    return linted.ok ? createKeySet(linted.keys, 0) : undefined;
  }
  const linted = lintKey(jwk);
  return linted.ok ? createKeySet([linted.key], 0) : undefined;
}

const withoutPrivateMembers = ({ d: _, ...rest }: Readonly<Record<string, unknown>>) => rest;

/** What our decoder, linter and verifier make of a token, whatever its payload is. */
function isAccepted(group: Group, token: string): boolean {
  const decoded = decodeEnvelope(token);
  if (!decoded.ok) return false;
  const { alg, kid, signature, signingInput } = decoded.envelope;
  const key = publishedKeys(group)?.pick(alg, kid);
  return key !== undefined && verifySignature(alg, key, signingInput, signature);
}

(areVectorsPresent ? describe : describe.skip)('vectors: Wycheproof JSON Web Signature, Crypto, Key', () => {
  const differences: Record<string, string[]> = Object.fromEntries(files.map((file) => [file, []]));
  const counts = { all: 0, invalidAccepted: 0, agree: 0, compact: 0 };

  before(() => {
    for (const file of files) {
      for (const group of readVectors<Group>(`${file}_test.json`)) {
        for (const test of group.tests) judge(file, group, test);
      }
    }
  });

  function judge(file: string, group: Group, test: Case): void {
    counts.all += 1;
    const token = test.jws ?? test.jwe;
    const accepted = isAccepted(group, typeof token === 'string' ? token : JSON.stringify(token));
    if (accepted && (test.result === 'invalid' || test.jwe !== undefined)) counts.invalidAccepted += 1;
    if (typeof test.jws !== 'string' || test.jws.startsWith('{')) return;
    counts.compact += 1;
    if (accepted === (test.result === 'valid')) counts.agree += 1;
    else differences[file]?.push(`${test.tcId} ${group.comment} ${test.comment}`);
  }

  it('accepts no invalid case and no JWE', () => expect(counts.invalidAccepted).to.equal(0));
  it('sees every case', () => {
    expect(counts).to.deep.equal({ all: 510, invalidAccepted: 0, agree: 454, compact: 474 });
  });
  it('differs only where the frozen list says so', () => expect(differences).to.deep.equal(frozen));
});
