import { createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { type VerificationKey, verifySignature } from '../../src/federation/jws-algorithms.ts';
import { lintKey } from '../../src/federation/key-linter.ts';
import type { Algorithm } from '../../src/federation/model.ts';
import { areVectorsPresent, readVectors } from './wycheproof.ts';

interface Group {
  readonly publicKeyPem: string;
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: 'valid' | 'invalid' | 'acceptable';
    readonly flags: readonly string[];
  }[];
}

const files: readonly (readonly [file: string, alg: Algorithm])[] = [
  ['ed25519', 'EdDSA'],
  ['ecdsa_secp256r1_sha256_p1363', 'ES256'],
  ['ecdsa_secp384r1_sha384_p1363', 'ES384'],
  ['ecdsa_secp521r1_sha512_p1363', 'ES512'],
  ['rsa_signature_2048_sha256', 'RS256'],
  ['rsa_signature_3072_sha256', 'RS256'],
  ['rsa_signature_4096_sha256', 'RS256'],
  ['rsa_signature_2048_sha384', 'RS384'],
  ['rsa_signature_2048_sha512', 'RS512'],
  ['rsa_signature_4096_sha512', 'RS512'],
  ['rsa_pss_2048_sha256_mgf1_32', 'PS256'],
  ['rsa_pss_2048_sha384_mgf1_48', 'PS384'],
  ['rsa_pss_4096_sha512_mgf1_64', 'PS512'],
];

function keyOf(group: Group, alg: Algorithm): VerificationKey {
  const jwk = createPublicKey(group.publicKeyPem).export({ format: 'jwk' });
  const linted = lintKey(jwk);
  if (linted.ok) return linted.key;
  throw new Error(`${alg}: ${linted.why}`);
}

(areVectorsPresent ? describe : describe.skip)('vectors: Wycheproof raw signatures', () => {
  let cases = 0;
  for (const [file, alg] of files) {
    it(`${file} as ${alg}`, () => {
      const wrong: string[] = [];
      for (const group of readVectors<Group>(`${file}_test.json`)) {
        const key = keyOf(group, alg);
        for (const test of group.tests) {
          cases += 1;
          const verdict = verifySignature(
            alg,
            key,
            Buffer.from(test.msg, 'hex'),
            Buffer.from(test.sig, 'hex'),
          );
          if (verdict !== (test.result === 'valid'))
            wrong.push(`${test.tcId} ${test.result} ${test.flags.join()}`);
        }
      }
      expect(wrong).to.deep.equal([]);
    });
  }
  it('has run all 2,991 cases', () => expect(cases).to.equal(2_991));
});
