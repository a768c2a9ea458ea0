import { expect } from 'chai';
import { decodeCompact } from '../../src/federation/compact-jws.ts';
import { lintKeySet } from '../../src/federation/key-linter.ts';
import { createKeySet, type KeySet } from '../../src/federation/key-set.ts';
import type { VerificationRules } from '../../src/federation/model.ts';
import {
  type CheckResult,
  checkAudience,
  checkFormat,
  checkIssuer,
  checkSignature,
  checkSubject,
  checkTimes,
} from '../../src/federation/subject-token.ts';
import { claimAttacks } from '../attacks/claims.ts';
import { createForge, type Forge } from '../attacks/forge.ts';
import { joseAttacks } from '../attacks/jose.ts';

const nowMs = Date.UTC(2026, 0, 15, 12);
const lab = createForge({
  issuer: 'https://issuer.example/ci',
  audience: 'gateway.example',
  ownIssuer: 'https://gateway.example',
  nowMs: () => nowMs,
});
const rules: VerificationRules = {
  issuerUrl: lab.issuer,
  audiences: [],
  audienceMode: 'single',
  algorithms: lab.algorithms,
  maxAgeSeconds: 600,
  maxLifetimeSeconds: 86_400,
  iatRequired: true,
};

function keySetOf(forge: Forge): KeySet {
  const linted = lintKeySet(forge.jwks);
  if (!linted.ok) throw new Error(linted.why);
  return createKeySet(linted.keys, 0);
}
const keys = keySetOf(lab);

interface Verdict {
  readonly reason: string;
  readonly proven: boolean;
}
const accepted: Verdict = { reason: 'accepted', proven: true };

/** The checks in the order of the exchange (contract §7.9). */
function verdict(text: string, changed: Partial<VerificationRules> = {}): Verdict {
  const decoded = decodeCompact(text);
  if (!decoded.ok) return { reason: 'invalid_jwt_format', proven: false };
  const { token } = decoded;
  const own = { ...rules, ...changed };
  const key = keys.pick(token.alg, token.kid);
  const unproven: (() => CheckResult)[] = [
    () => checkFormat(token, own, lab.ownIssuer),
    () => checkIssuer(token, own),
    () =>
      key === undefined ? { ok: false, reason: 'signature_invalid', detail: '' } : checkSignature(token, key),
    () => checkAudience(token, own, [lab.audience]),
  ];
  const proven = [() => checkTimes(token, own, nowMs), () => checkSubject(token)];
  for (const [index, check] of [...unproven, ...proven].entries()) {
    const result = check();
    if (!result.ok) return { reason: result.reason, proven: index >= unproven.length };
  }
  return accepted;
}

const signed = (patch: Readonly<Record<string, unknown>> = {}): string =>
  lab.sign({ alg: 'RS256', kid: 'rsa', typ: 'JWT' }, lab.claims(patch));

describe('federation/subject-token', () => {
  describe('accepts honest tokens', () => {
    const honest: Record<string, () => string> = {
      'RS256 by kid': () => signed(),
      'RS256 without kid, as one key fits': () => lab.sign({ alg: 'RS256' }),
      ES256: () => lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims(), lab.keys.p256),
      EdDSA: () => lab.sign({ alg: 'EdDSA', kid: 'ed25519' }, lab.claims(), lab.keys.ed25519),
      'EdDSA named Ed25519': () =>
        lab.sign({ alg: 'Ed25519', kid: 'ed25519' }, lab.claims(), lab.keys.ed25519),
      'harmless certificate members': () =>
        lab.sign({ alg: 'RS256', kid: 'rsa', x5t: 'a', 'x5t#S256': 'b', x5c: ['c'] }),
      'an audience in an array': () => signed({ aud: [lab.audience] }),
      'claims outside ASCII': () => signed({ name: 'Zoë 🚀', nested: { a: [1, { b: null }] } }),
      'whitespace inside the JSON': () =>
        lab.sign({ alg: 'RS256', kid: 'rsa' }, JSON.stringify(lab.claims(), null, 2)),
      'quotes, colons and backslashes in claims': () => signed({ 'a":"b\\': '\\":":{"\\\\', c: '\\\\"' }),
      '16 levels': () => signed({ deep: JSON.parse(`${'['.repeat(15)}${']'.repeat(15)}`) }),
      'no nbf': () => signed({ nbf: undefined }),
      'exp 29 s ago': () => signed({ exp: lab.now - 29, iat: lab.now - 100 }),
      'nbf 30 s ahead': () => signed({ nbf: lab.now + 30 }),
      'iat 30 s ahead': () => signed({ iat: lab.now + 30 }),
      'iat 600 s ago': () => signed({ iat: lab.now - 600 }),
      'a life of exactly a day': () => signed({ exp: lab.now + 86_400 }),
    };
    for (const [title, make] of Object.entries(honest)) {
      it(title, () => expect(verdict(make())).to.deep.equal(accepted));
    }
  });

  describe('refuses every row of the attack tables', () => {
    for (const row of [...joseAttacks, ...claimAttacks]) {
      it(`${row.id} ${row.threat} ${row.title}`, async () => {
        expect(verdict(await row.forge(lab))).to.deep.equal({ reason: row.reason, proven: row.proven });
      });
    }
    it('has as many rows as promised, each with its own id', () => {
      expect(joseAttacks.length).to.be.at.least(90);
      expect(claimAttacks.length).to.be.at.least(70);
      const ids = [...joseAttacks, ...claimAttacks].map(({ id }) => id);
      expect(new Set(ids).size).to.equal(ids.length);
    });
  });

  describe('provider settings', () => {
    const table: [string, Readonly<Record<string, unknown>>, Partial<VerificationRules>, string][] = [
      ['contains: ours among others', { aud: ['x', lab.audience] }, { audienceMode: 'contains' }, 'accepted'],
      ['contains: ours absent', { aud: ['x', 'y'] }, { audienceMode: 'contains' }, 'audience_mismatch'],
      [
        'contains: a number beside ours',
        { aud: [lab.audience, 1] },
        { audienceMode: 'contains' },
        'audience_mismatch',
      ],
      ['contains: no entry', { aud: [] }, { audienceMode: 'contains' }, 'audience_mismatch'],
      ['own audiences replace those of the operator', {}, { audiences: ['other'] }, 'audience_mismatch'],
      ['own audience named', { aud: 'other' }, { audiences: ['other'] }, 'accepted'],
      ['no iat where none is required', { iat: undefined }, { iatRequired: false }, 'accepted'],
      [
        'no iat, exp at the age limit',
        { iat: undefined, exp: lab.now + 600 },
        { iatRequired: false },
        'accepted',
      ],
      [
        'no iat, exp beyond the age limit',
        { iat: undefined, exp: lab.now + 601 },
        { iatRequired: false },
        'token_too_old',
      ],
      ['age is enforced where iat exists', { iat: lab.now - 601 }, { iatRequired: false }, 'token_too_old'],
      ['a longer age', { iat: lab.now - 3_600 }, { maxAgeSeconds: 3_600 }, 'accepted'],
      ['a shorter life', { exp: lab.now + 301 }, { maxLifetimeSeconds: 300 }, 'token_too_old'],
    ];
    for (const [title, claims, changed, reason] of table) {
      it(title, () => expect(verdict(signed(claims), changed).reason).to.equal(reason));
    }
  });

  describe('names the near misses of the issuer', () => {
    const table: [string, RegExp][] = [
      [`${lab.issuer}/`, /slash only/],
      [lab.issuer.toUpperCase(), /case only/],
      ['https://evil.example', /another issuer/],
    ];
    for (const [iss, detail] of table) {
      it(iss, () => {
        const decoded = decodeCompact(signed({ iss }));
        if (!decoded.ok) throw new Error(decoded.detail);
        const result = checkIssuer(decoded.token, rules);
        expect(result).to.have.property('detail').that.matches(detail);
      });
    }
  });

  it('without kid, two fitting keys mean none', () => {
    const two = createForge({ ...lab, nowMs: () => nowMs });
    const jwks = {
      keys: [...two.jwks.keys, { ...two.strangers.rsa.publicKey.export({ format: 'jwk' }), kid: 'second' }],
    };
    const linted = lintKeySet(jwks);
    if (!linted.ok) throw new Error(linted.why);
    const set = createKeySet(linted.keys, 0);
    expect(set.pick('RS256', undefined)).to.equal(undefined);
    expect(set.pick('ES256', undefined)?.kid).to.equal('p256');
    expect(set.pick('RS256', 'second')?.kid).to.equal('second');
    expect(set.pick('RS256', 'p256')).to.equal(undefined);
    expect(set.pick('none', 'rsa')).to.equal(undefined);
  });
});
