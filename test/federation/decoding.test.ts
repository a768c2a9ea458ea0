import { expect } from 'chai';
import fc from 'fast-check';
import * as jose from 'jose';
import { decodeBase64url, decodeCompact } from '../../src/federation/compact-jws.ts';
import { parseJsonObject } from '../../src/federation/json-scan.ts';
import { verifySignature } from '../../src/federation/jws-algorithms.ts';
import { lintKey } from '../../src/federation/key-linter.ts';
import { type Algorithm, algorithms } from '../../src/federation/model.ts';
import { createForge, type Forge, type ForgeKey, publicJwk, signInput } from '../attacks/forge.ts';

const lab: Forge = createForge({
  issuer: 'https://issuer.example',
  audience: 'gateway.example',
  ownIssuer: 'https://gateway.example',
  nowMs: () => Date.UTC(2026, 0, 15, 12),
});

const keyFor = (alg: Algorithm): ForgeKey => {
  if (alg === 'ES256') return lab.keys.p256;
  if (alg === 'ES384') return lab.keys.p384;
  if (alg === 'ES512') return lab.keys.p521;
  return alg === 'EdDSA' ? lab.keys.ed25519 : lab.keys.rsa;
};

function tokenOf(alg: Algorithm, claims: unknown = lab.claims()): string {
  const parts = [{ alg, typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const input = parts.join('.');
  return `${input}.${signInput(keyFor(alg), Buffer.from(input), alg).toString('base64url')}`;
}

function isVerified(token: string, key: ForgeKey): boolean {
  const decoded = decodeCompact(token);
  const linted = lintKey(publicJwk(key));
  if (!linted.ok) throw new Error(linted.why);
  if (!decoded.ok) return false;
  const { alg, signature, signingInput } = decoded.token;
  return verifySignature(alg, linted.key, signingInput, signature);
}

const limits = { maxDepth: 16, maxMembers: 256 };
const parse = (text: string) => parseJsonObject(Buffer.from(text), limits);

/** Writes JSON with every key of one object written twice, at a place that the path chooses. */
function withRepeat(value: unknown, path: readonly number[], key: string): string {
  if (Array.isArray(value) && value.length > 0) {
    const chosen = (path[0] ?? 0) % value.length;
    const items = value.map((item, index) =>
      index === chosen ? withRepeat(item, path.slice(1), key) : JSON.stringify(item),
    );
    return `[${items.join(',')}]`;
  }
  const name = JSON.stringify(key);
  const spelled = `"${[...key].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
  return `{${name}:${JSON.stringify(value)}, ${spelled} : 1}`;
}

describe('federation: decoding', () => {
  describe('differential: our verifier and jose', () => {
    for (const alg of algorithms) {
      it(`both accept ${alg} and refuse a changed signature, payload and key`, async () => {
        const key = keyFor(alg);
        const token = tokenOf(alg);
        const oracle = async (text: string, publicKey = key.publicKey): Promise<boolean> =>
          jose.compactVerify(text, publicKey, { algorithms: [alg] }).then(
            () => true,
            () => false,
          );
        const [header = '', payload = '', signature = ''] = token.split('.');
        const other = lab.strangers[key.kid as keyof Forge['strangers']];
        const bytes = Buffer.from(signature, 'base64url');
        bytes[7] = (bytes[7] ?? 0) ^ 1;
        const changed = [
          `${header}.${payload}.${bytes.toString('base64url')}`,
          `${header}.${Buffer.from(JSON.stringify(lab.claims({ sub: 'x' }))).toString('base64url')}.${signature}`,
          `${header}.${payload}.`,
        ];
        expect([isVerified(token, key), await oracle(token)]).to.deep.equal([true, true]);
        expect([isVerified(token, other), await oracle(token, other.publicKey)]).to.deep.equal([
          false,
          false,
        ]);
        for (const text of changed) {
          expect([isVerified(text, key), await oracle(text)], text).to.deep.equal([false, false]);
        }
      });
    }

    it('whatever we accept of random mutations, jose accepts too', async () => {
      const token = tokenOf('ES256');
      await fc.assert(
        fc.asyncProperty(fc.nat(token.length - 1), fc.string({ maxLength: 3 }), async (at, text) => {
          const mutated = token.slice(0, at) + text + token.slice(at + text.length);
          if (!isVerified(mutated, lab.keys.p256)) return true;
          await jose.compactVerify(mutated, lab.keys.p256.publicKey);
          return mutated === token;
        }),
        { numRuns: 500 },
      );
    });
  });

  describe('property: one changed byte of a valid token is refused, at every position', () => {
    for (const alg of ['ES256', 'RS256', 'EdDSA'] as const) {
      it(alg, function () {
        this.timeout(30_000);
        const token = tokenOf(alg, { iss: 'i', sub: 's' });
        const key = keyFor(alg);
        const accepted: string[] = [];
        let tried = 0;
        for (let at = 0; at < token.length; at += 1) {
          const original = token.charCodeAt(at);
          const codes = [original ^ 1, original ^ 0x20, 0x41, 0x2d, 0x2e, 0x3d, 0x20].filter(
            (code) => code !== original,
          );
          for (const code of codes) {
            tried += 1;
            const mutated = token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1);
            if (isVerified(mutated, key)) accepted.push(mutated);
          }
          if (isVerified(token.slice(0, at) + token.slice(at + 1), key)) accepted.push(`without ${at}`);
        }
        expect(accepted).to.deep.equal([]);
        expect(tried).to.be.greaterThan(token.length * 5);
      });
    }
  });

  it('property: a key written twice is refused at any depth, in any spelling', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.array(fc.nat(8), { maxLength: 5 }),
        fc.string({ minLength: 1, maxLength: 8 }),
        (value, path, key) => {
          const text = `{"claims":${withRepeat(value, path, key)}}`;
          JSON.parse(text);
          expect(parse(text).ok).to.equal(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('property: JSON without a repeated key is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 8 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        for (const spelled of [text, JSON.stringify(value, null, 2)]) {
          const parsed = parse(spelled);
          expect(parsed.ok && parsed.value).to.deep.equal(JSON.parse(text));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('property: bytes of any kind are answered, never thrown on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(parseJsonObject(Buffer.from(bytes), limits)).to.have.property('ok');
      }),
    );
  });

  it('property: text of any kind is answered, never thrown on', () => {
    const part = fc.oneof(fc.base64String(), fc.string(), fc.constant('e30'));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        expect(decodeCompact(parts.join('.'))).to.have.property('ok');
      }),
    );
  });

  it('property: base64url has one spelling', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABab01-_+/= \n') }), (text) => {
        const bytes = decodeBase64url(text);
        expect(bytes === undefined || bytes.toString('base64url') === text).to.equal(true);
      }),
    );
  });

  it('decodes the example of RFC 7515 A.2 down to its claims', () => {
    const header = 'eyJhbGciOiJSUzI1NiJ9';
    const payload =
      'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
    const decoded = decodeCompact(`${header}.${payload}.AAAA`);
    expect(decoded.ok && decoded.token).to.deep.include({
      alg: 'RS256',
      kid: undefined,
      typ: undefined,
      payload: { iss: 'joe', exp: 1_300_819_380, 'http://example.com/is_root': true },
    });
    expect(decoded.ok && decoded.token.signingInput.toString()).to.equal(`${header}.${payload}`);
  });

  it('refuses in time that grows with the input, not faster', () => {
    const text = `{"a":"${'\\\\'.repeat(7_000)}"}`;
    const started = performance.now();
    expect(parse(text).ok).to.equal(true);
    expect(parse(`{"a":"${'\\"'.repeat(7_000)}"}`).ok).to.equal(true);
    expect(performance.now() - started).to.be.lessThan(500);
  });
});
