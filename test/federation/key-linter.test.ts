import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { lintKey, lintKeySet } from '../../src/federation/key-linter.ts';
import { hasRocaFingerprint, isWeakEd25519Point } from '../../src/federation/weak-keys.ts';
import { keyAttacks, keySetAttacks, smallOrderPoints, soundKeys } from '../attacks/jwks.ts';

const refusal = (linted: ReturnType<typeof lintKey> | ReturnType<typeof lintKeySet>): string =>
  linted.ok ? 'accepted' : linted.why;

describe('federation/key-linter', () => {
  describe('refuses', () => {
    for (const { id, title, jwk, why } of keyAttacks) {
      it(`${id} ${title}`, () => expect(refusal(lintKey(jwk()))).to.equal(why));
    }
    for (const { id, title, set, why } of keySetAttacks) {
      it(`${id} ${title}`, () => expect(refusal(lintKeySet(set()))).to.equal(why));
    }
  });

  describe('binds a key to its algorithms', () => {
    const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    const table: [string, Record<string, unknown>, string[]][] = [
      ['RSA without alg', soundKeys.rsa, rsa],
      ['RSA for PS256', { ...soundKeys.rsa, alg: 'PS256' }, ['PS256']],
      ['P-256', soundKeys.p256, ['ES256']],
      ['P-384', soundKeys.p384, ['ES384']],
      ['P-521', soundKeys.p521, ['ES512']],
      ['Ed25519', soundKeys.ed25519, ['EdDSA']],
      ['Ed25519 for EdDSA', { ...soundKeys.ed25519, alg: 'EdDSA' }, ['EdDSA']],
      ['Ed25519 by its new name', { ...soundKeys.ed25519, alg: 'Ed25519' }, ['EdDSA']],
      ['use and key_ops that agree', { ...soundKeys.rsa, use: 'sig', key_ops: ['verify'] }, rsa],
    ];
    for (const [title, jwk, expected] of table) {
      it(title, () => {
        const linted = lintKey(jwk);
        expect(linted.ok && [...linted.key.algorithms]).to.deep.equal(expected);
      });
    }
  });

  it('names keys by RFC 7638 thumbprints, as jose does and as the RFC says', async () => {
    for (const jwk of Object.values(soundKeys)) {
      const linted = lintKey(jwk);
      expect(linted.ok && linted.key.thumbprint).to.equal(await calculateJwkThumbprint(jwk));
    }
    const example = {
      kty: 'RSA',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
      e: 'AQAB',
    };
    const linted = lintKey(example);
    expect(linted.ok && linted.key.thumbprint).to.equal('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('keeps the usable keys of a mixed set and notes the others', () => {
    const linted = lintKeySet({
      keys: [
        { kty: 'oct', k: 'AAAA' },
        soundKeys.rsa,
        { ...soundKeys.p256, use: 'enc' },
        { kty: 'AKP' },
        'key',
      ],
    });
    expect(linted.ok && linted.keys.map(({ kid }) => kid)).to.deep.equal([soundKeys.rsa['kid']]);
    expect(linted.ok && linted.notes).to.have.length(4);
  });

  it('takes one key under one kid twice, once for each algorithm', () => {
    const keys = ['RS256', 'RS512'].map((alg) => ({ ...soundKeys.rsa, alg }));
    expect(lintKeySet({ keys })).to.have.property('ok', true);
  });

  it('raises no false alarm on sound RSA keys', () => {
    // Moduli are products of primes; residues of random odd numbers prime to the small primes are as good a test.
    let alarms = 0;
    for (let index = 0; index < 2_000; index += 1) {
      const bytes = Buffer.concat(
        Array.from({ length: 8 }, (_, part) => createHash('sha256').update(`${index}/${part}`).digest()),
      );
      if (hasRocaFingerprint(BigInt(`0x${bytes.toString('hex')}`) | 1n)) alarms += 1;
    }
    for (let made = 0; made < 3; made += 1) {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      if (!lintKey(publicKey.export({ format: 'jwk' })).ok) alarms += 1;
    }
    expect(alarms).to.equal(0);
  });

  it('property: every modulus of the weak generator is found', () => {
    // ROCA primes are k·M + (65537^a mod M), M the product of the first primes.
    const primorial = [
      3n,
      5n,
      7n,
      11n,
      13n,
      17n,
      19n,
      23n,
      29n,
      31n,
      37n,
      41n,
      43n,
      47n,
      53n,
      59n,
      61n,
      67n,
      71n,
      73n,
      79n,
      83n,
      89n,
      97n,
      101n,
      103n,
      107n,
      109n,
      113n,
      127n,
      131n,
      137n,
      139n,
      149n,
      151n,
      157n,
      163n,
      167n,
    ].reduce((product, prime) => product * prime, 2n);
    const power = (exponent: bigint): bigint => {
      let result = 1n;
      let base = 65_537n;
      for (let rest = exponent; rest > 0n; rest >>= 1n) {
        if (rest & 1n) result = (result * base) % primorial;
        base = (base * base) % primorial;
      }
      return result;
    };
    const weakPrime = fc
      .tuple(fc.bigInt(1n, 2n ** 700n), fc.bigInt(1n, 2n ** 200n))
      .map(([k, a]) => k * primorial + power(a));
    fc.assert(fc.property(weakPrime, weakPrime, (p, q) => hasRocaFingerprint(p * q)));
  });

  describe('Ed25519 points of small order', () => {
    it('are exactly those whose eightfold is the neutral element', () => {
      expect(smallOrderPoints().length).to.be.at.least(8);
      for (const point of smallOrderPoints())
        expect(isWeakEd25519Point(point), point.toString('hex')).to.equal(true);
    });
    it('would let anybody sign: the runtime accepts a forged signature under one', () => {
      const neutral = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]);
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: neutral.toString('base64url') };
      const forged = Buffer.concat([neutral, Buffer.alloc(32)]);
      const key = createPublicKey({ key: jwk, format: 'jwk' });
      expect(verify(null, Buffer.from('anything'), key, forged)).to.equal(true);
      expect(lintKey(jwk)).to.have.property('ok', false);
    });
  });

  it('property: answers whatever it is given', () => {
    const member = fc.constantFrom('kty', 'crv', 'n', 'e', 'x', 'y', 'kid', 'alg', 'use', 'key_ops', 'd');
    const value = fc.oneof(
      fc.constantFrom(
        'RSA',
        'EC',
        'OKP',
        'P-256',
        'Ed25519',
        'sig',
        'AQAB',
        'ES256',
        '',
        soundKeys.rsa['n'],
        soundKeys.p256['x'],
      ),
      fc.base64String(),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.dictionary(member, value)), (jwk) => {
        expect(lintKey(jwk)).to.have.property('ok');
        expect(lintKeySet({ keys: [jwk] })).to.have.property('ok');
        expect(lintKeySet(jwk)).to.have.property('ok');
      }),
      { numRuns: 1_000 },
    );
  });
});
