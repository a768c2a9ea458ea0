import { expect } from 'chai';
import fc from 'fast-check';
import { createClientSecret, publicKeyOfSecret, secretMatches } from '../../src/principals/client-secret.ts';
import { seededRandom } from '../fakes.ts';

const { secret, publicKey } = createClientSecret(seededRandom(1), 'conductorone.com');
const text = secret.reveal();
const other = createClientSecret(seededRandom(2), 'conductorone.com');

/** The JWK's JSON text, as the clients decode it. */
const jsonOf = (value: string): string => Buffer.from(value.split(':')[3] ?? '', 'base64url').toString();
const withJson = (json: string): string =>
  `secret-token:conductorone.com:v1:${Buffer.from(json).toString('base64url')}`;
const withMembers = (members: Readonly<Record<string, unknown>>): string =>
  withJson(JSON.stringify({ ...JSON.parse(jsonOf(text)), ...members }));
const encode = (bytes: Buffer): string => bytes.toString('base64url');

describe('client secret', () => {
  it('has the form that the clients read: four parts, unpadded, kty, crv, x, d', () => {
    expect(text.split(':').slice(0, 3)).to.deep.equal(['secret-token', 'conductorone.com', 'v1']);
    expect(text.split(':')).to.have.length(4);
    expect(text).not.to.match(/[=+/]/);
    const jwk = JSON.parse(jsonOf(text));
    expect(Object.keys(jwk)).to.deep.equal(['kty', 'crv', 'x', 'd']);
    expect(jwk).to.include({ kty: 'OKP', crv: 'Ed25519', x: publicKey });
    expect(jwk.d).to.have.length(43);
    expect(publicKey).to.have.length(43);
  });

  it('derives the public key as RFC 8032 §7.1 does', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const key = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
    expect(createClientSecret(() => seed, 'x').publicKey).to.equal(encode(Buffer.from(key, 'hex')));
  });

  it('never shows itself by accident', () => {
    expect(`${secret} ${JSON.stringify({ secret })}`).not.to.contain('secret-token');
  });

  const accepted: readonly (readonly [string, string])[] = [
    ['as issued', text],
    ['another label', text.replace('conductorone.com', 'acme.example')],
    ['extra members kid, use and alg', withMembers({ kid: 'k', use: 'sig', alg: 'EdDSA' })],
    [
      'members in another order',
      withJson(JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(jsonOf(text))).reverse()))),
    ],
  ];
  for (const [title, value] of accepted) {
    it(`accepts: ${title}`, () => expect(secretMatches(value, publicKey)).to.equal(true));
  }

  const refused: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['another secret', other.secret.reveal()],
    ['another scheme', text.replace('secret-token', 'secret-tokens')],
    ['no label', text.replace('conductorone.com', '')],
    ['v2', text.replace(':v1:', ':v2:')],
    ['three parts', text.replace('secret-token:', '')],
    ['five parts', `${text}:`],
    ['padding', `${text}=`],
    ['white space', ` ${text}`],
    ['a line break at the end', `${text}\n`],
    ['standard base64', withJson(`${jsonOf(text)} ?>`).replace(/[-_]/g, '+')],
    ['no JSON', withJson('{')],
    ['null', withJson('null')],
    ['a list', withJson('[]')],
    ['another key type', withMembers({ kty: 'EC' })],
    ['another curve', withMembers({ crv: 'X25519' })],
    ['no d', withMembers({ d: undefined })],
    ['no x', withMembers({ x: undefined })],
    ['d that is no string', withMembers({ d: 1 })],
    ['a short d', withMembers({ d: encode(Buffer.alloc(31)) })],
    ['a long d', withMembers({ d: encode(Buffer.alloc(33)) })],
    ['x of another key', withMembers({ x: other.publicKey })],
    ['d of another key under our x', withMembers({ d: JSON.parse(jsonOf(other.secret.reveal())).d })],
    ['d equal to the public key', withMembers({ d: publicKey })],
    ['d with spare bits', withMembers({ d: `${JSON.parse(jsonOf(text)).d.slice(0, 42)}9` })],
    ['too long', withMembers({ kid: 'k'.repeat(1_000) })],
    ['only the public key', publicKey],
  ];
  for (const [title, value] of refused) {
    it(`refuses: ${title}`, () => expect(secretMatches(value, publicKey)).to.equal(false));
  }

  it('fits no stored text that is no key', () => {
    expect(secretMatches('', '')).to.equal(false);
    expect(secretMatches(text, publicKey.slice(1))).to.equal(false);
  });

  it('property: what was made is what is read, and fits its own key alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const made = createClientSecret(() => Buffer.from(seed), 'acme.example');
        expect(publicKeyOfSecret(made.secret.reveal())).to.equal(made.publicKey);
        expect(secretMatches(made.secret.reveal(), made.publicKey)).to.equal(true);
        expect(secretMatches(made.secret.reveal(), publicKey)).to.equal(made.publicKey === publicKey);
      }),
    );
  });

  it('property: reading never throws, whatever is presented', () => {
    const json = fc.json().map(withJson);
    const near = fc
      .record({ kty: fc.constant('OKP'), crv: fc.constant('Ed25519'), x: fc.jsonValue(), d: fc.jsonValue() })
      .map((jwk) => withJson(JSON.stringify(jwk)));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, near), (value) => {
        expect(publicKeyOfSecret(value)).to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('property: no other text of the same length is accepted', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:';
    const start = text.lastIndexOf(':') + 1;
    fc.assert(
      fc.property(
        fc.integer({ min: start, max: text.length - 1 }),
        fc.constantFrom(...alphabet),
        (at, letter) => {
          const changed = text.slice(0, at) + letter + text.slice(at + 1);
          expect(secretMatches(changed, publicKey)).to.equal(changed === text);
        },
      ),
      { numRuns: 500 },
    );
  });
});
