/** Attacks on header, signature and encoding of a subject token: T1–T3, T6, T7, T13 of security.md. */

import { createHmac, sign as signBytes } from 'node:crypto';
import type { Algorithm } from '../../src/federation/model.ts';
import type { ReasonCode } from '../../src/kernel/error-catalogue.ts';
import { type AttackRow, type Forge, type ForgeKey, type KeyName, publicJwk, signInput } from './forge.ts';

type Make = (lab: Forge) => string;
type Rows = readonly (readonly [title: string, make: Make])[];

const rows = (prefix: string, threat: string, reason: ReasonCode, table: Rows): AttackRow[] =>
  table.map(([title, forge], index) => ({
    id: `${prefix}-${String(index + 1).padStart(2, '0')}`,
    threat,
    title,
    forge,
    reason,
    proven: false,
  }));

const honest: Make = (lab) => lab.sign({ alg: 'RS256', kid: 'rsa', typ: 'JWT' });
const withHeader =
  (extra: Readonly<Record<string, unknown>>): Make =>
  (lab) =>
    lab.sign({ alg: 'RS256', kid: 'rsa', ...extra });
const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 40) ?? 'absent';

const unsigned =
  (alg: string): Make =>
  (lab) =>
    lab.raw([
      Buffer.from(JSON.stringify({ alg, kid: 'rsa' })),
      Buffer.from(JSON.stringify(lab.claims())),
      '',
    ]);

const hmac =
  (bits: 256 | 384 | 512, secretOf: (lab: Forge) => string | Buffer): Make =>
  (lab) => {
    const [header, payload] = lab.sign({ alg: `HS${bits}`, kid: 'rsa' }).split('.');
    const mac = createHmac(`sha${bits}`, secretOf(lab)).update(`${header}.${payload}`).digest();
    return lab.raw([header ?? '', payload ?? '', mac]);
  };

const signedAs =
  (alg: Algorithm, key: KeyName): Make =>
  (lab) => {
    const [header, payload] = lab.sign({ alg, kid: key }).split('.');
    const input = `${header}.${payload}`;
    return `${input}.${signInput(lab.keys[key], Buffer.from(input), alg).toString('base64url')}`;
  };

const algorithmsNotAccepted: Rows = [
  ...['none', 'None', 'NONE', 'nOnE', ' none', ''].map(
    (alg) => [`unsigned, alg "${alg}"`, unsigned(alg)] as const,
  ),
  ['alg none with a valid RS256 signature', withHeader({ alg: 'none' })],
  [
    'HS256 keyed with the public PEM',
    hmac(256, (lab) => lab.keys.rsa.publicKey.export({ type: 'spki', format: 'pem' })),
  ],
  [
    'HS256 keyed with the public DER',
    hmac(256, (lab) => lab.keys.rsa.publicKey.export({ type: 'spki', format: 'der' })),
  ],
  [
    'HS256 keyed with the modulus',
    hmac(256, (lab) => Buffer.from(String(publicJwk(lab.keys.rsa)['n']), 'base64url')),
  ],
  ['HS256 keyed with the JWK text', hmac(256, (lab) => JSON.stringify(publicJwk(lab.keys.rsa)))],
  [
    'HS384 keyed with the public PEM',
    hmac(384, (lab) => lab.keys.rsa.publicKey.export({ type: 'spki', format: 'pem' })),
  ],
  [
    'HS512 keyed with the public PEM',
    hmac(512, (lab) => lab.keys.rsa.publicKey.export({ type: 'spki', format: 'pem' })),
  ],
  ['HS256 with an empty key', hmac(256, () => '')],
  ...(['RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const).map(
    (alg) => [`validly signed by ${alg}, which the provider does not list`, signedAs(alg, 'rsa')] as const,
  ),
  ['validly signed by ES384, which the provider does not list', signedAs('ES384', 'p384')],
  ['validly signed by ES512, which the provider does not list', signedAs('ES512', 'p521')],
  ...[
    'rs256',
    'RS256 ',
    'RS256\u0000',
    'ES256K',
    'Ed448',
    'RSA1_5',
    'RSA-OAEP',
    'dir',
    'A128KW',
    '__proto__',
    'constructor',
  ].map((alg) => [`alg ${show(alg)}`, withHeader({ alg })] as const),
];

const algNotText: Rows = [null, 256, true, ['RS256'], { name: 'RS256' }, undefined].map(
  (alg) => [`alg is ${show(alg)}`, withHeader({ alg })] as const,
);

/** Keeps header and payload of an honest token and changes the signature. */
const withSignature =
  (
    alg: 'RS256' | 'ES256' | 'EdDSA',
    change: (signature: Buffer, input: Buffer, lab: Forge) => Buffer,
  ): Make =>
  (lab) => {
    const key: ForgeKey = { RS256: lab.keys.rsa, ES256: lab.keys.p256, EdDSA: lab.keys.ed25519 }[alg];
    const [header = '', payload = '', signature = ''] = lab
      .sign({ alg, kid: key.kid }, lab.claims(), key)
      .split('.');
    const input = Buffer.from(`${header}.${payload}`);
    return lab.raw([header, payload, change(Buffer.from(signature, 'base64url'), input, lab)]);
  };

const ed25519Order = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The same Ed25519 signature with S + L in place of S (RFC 8032 §5.1.7 demands S < L). */
const unreduced = (signature: Buffer): Buffer => {
  const scalar = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + ed25519Order;
  const bytes = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([signature.subarray(0, 32), bytes]);
};

const signatures: Rows = [
  [
    'RS256 by a stranger under a known kid',
    (lab) => lab.sign({ alg: 'RS256', kid: 'rsa' }, lab.claims(), lab.strangers.rsa),
  ],
  [
    'ES256 by a stranger under a known kid',
    (lab) => lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims(), lab.strangers.p256),
  ],
  [
    'EdDSA by a stranger under a known kid',
    (lab) => lab.sign({ alg: 'EdDSA', kid: 'ed25519' }, lab.claims(), lab.strangers.ed25519),
  ],
  ['RS256 header, kid of an EC key', withHeader({ kid: 'p256' })],
  ['RS256 header, kid of an Ed25519 key', withHeader({ kid: 'ed25519' })],
  [
    'ES256 header, kid of the RSA key',
    (lab) => lab.sign({ alg: 'ES256', kid: 'rsa' }, lab.claims(), lab.keys.p256),
  ],
  [
    'ES256 header, kid of the P-384 key',
    (lab) => lab.sign({ alg: 'ES256', kid: 'p384' }, lab.claims(), lab.keys.p384),
  ],
  [
    'ES256 header, kid of the Ed25519 key',
    (lab) => lab.sign({ alg: 'ES256', kid: 'ed25519' }, lab.claims(), lab.keys.ed25519),
  ],
  ['EdDSA header, kid of the RSA key', (lab) => lab.sign({ alg: 'EdDSA', kid: 'rsa' })],
  [
    'Ed25519 header, kid of the EC key',
    (lab) => lab.sign({ alg: 'Ed25519', kid: 'p256' }, lab.claims(), lab.keys.p256),
  ],
  [
    'RS256 header over a PSS signature',
    withSignature('RS256', (_, input, lab) => signInput(lab.keys.rsa, input, 'PS256')),
  ],
  [
    'RS256 header over an RS512 signature',
    withSignature('RS256', (_, input, lab) => signInput(lab.keys.rsa, input, 'RS512')),
  ],
  ['no signature under RS256', withSignature('RS256', () => Buffer.alloc(0))],
  ['no signature under ES256', withSignature('ES256', () => Buffer.alloc(0))],
  ['no signature under EdDSA', withSignature('EdDSA', () => Buffer.alloc(0))],
  ['RSA signature of zeros', withSignature('RS256', () => Buffer.alloc(256))],
  [
    'RSA signature that is 1',
    withSignature('RS256', () => Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
  ],
  ['RSA signature cut by a byte', withSignature('RS256', (signature) => signature.subarray(0, -1))],
  [
    'RSA signature with a zero byte before it',
    withSignature('RS256', (signature) => Buffer.concat([Buffer.alloc(1), signature])),
  ],
  [
    'RSA signature with a byte after it',
    withSignature('RS256', (signature) => Buffer.concat([signature, Buffer.alloc(1)])),
  ],
  ['ECDSA signature of zeros', withSignature('ES256', () => Buffer.alloc(64))],
  ['ECDSA signature of ones', withSignature('ES256', () => Buffer.alloc(64, 0xff))],
  [
    'ECDSA signature in DER',
    withSignature('ES256', (_, input, lab) => signBytes('sha256', input, lab.keys.p256.privateKey)),
  ],
  [
    'ECDSA signature padded to 96 bytes',
    withSignature('ES256', (signature) =>
      Buffer.concat([Buffer.alloc(16), signature.subarray(0, 32), Buffer.alloc(16), signature.subarray(32)]),
    ),
  ],
  [
    'ECDSA halves exchanged',
    withSignature('ES256', (signature) => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)])),
  ],
  ['Ed25519 signature of zeros', withSignature('EdDSA', () => Buffer.alloc(64))],
  ['Ed25519 signature with S + L', withSignature('EdDSA', unreduced)],
  [
    'Ed25519 signature with a byte after it',
    withSignature('EdDSA', (signature) => Buffer.concat([signature, Buffer.alloc(1)])),
  ],
  [
    'signature of another token',
    (lab) =>
      lab.raw([
        ...honest(lab).split('.').slice(0, 2),
        lab.sign({ alg: 'RS256', kid: 'rsa' }, lab.claims({ jti: 'other' })).split('.')[2] ?? '',
      ]),
  ],
  [
    'signature over the payload alone',
    withSignature('RS256', (_, input, lab) =>
      signInput(lab.keys.rsa, Buffer.from(input.toString().split('.')[1] ?? '')),
    ),
  ],
  [
    'signature over the signing input and a dot',
    withSignature('RS256', (_, input, lab) =>
      signInput(lab.keys.rsa, Buffer.concat([input, Buffer.from('.')])),
    ),
  ],
  [
    'payload exchanged under a valid signature',
    (lab) => {
      const [header = '', , signature = ''] = honest(lab).split('.');
      return lab.raw([
        header,
        Buffer.from(JSON.stringify(lab.claims({ sub: 'repo:acme/admin' }))),
        signature,
      ]);
    },
  ],
  [
    'header exchanged under a valid signature',
    (lab) => lab.raw([Buffer.from('{"kid":"rsa","alg":"RS256"}'), ...honest(lab).split('.').slice(1)]),
  ],
];

const keyInHeader: Rows = [
  [
    'jwk of a stranger',
    (lab) => lab.sign({ alg: 'RS256', jwk: publicJwk(lab.strangers.rsa) }, lab.claims(), lab.strangers.rsa),
  ],
  ['jwk of the issuer itself', (lab) => lab.sign({ alg: 'RS256', kid: 'rsa', jwk: publicJwk(lab.keys.rsa) })],
  ['jwk is null', withHeader({ jwk: null })],
  ['jku of a stranger', withHeader({ jku: 'https://evil.example/jwks.json' })],
  ['jku of the issuer', (lab) => lab.sign({ alg: 'RS256', kid: 'rsa', jku: `${lab.issuer}/jwks` })],
  ['x5u of a stranger', withHeader({ x5u: 'https://evil.example/cert.pem' })],
  ['zip', withHeader({ zip: 'DEF' })],
  ['kid is an array', withHeader({ kid: ['rsa'] })],
  ['kid is an object', withHeader({ kid: { $ne: '' } })],
  ['kid is a number', withHeader({ kid: 0 })],
  ['kid is null', withHeader({ kid: null })],
  ['kid of 257 characters', withHeader({ kid: 'k'.repeat(257) })],
  ['kid of 20,000 characters', withHeader({ kid: 'k'.repeat(20_000) })],
  ['header member __proto__', (lab) => lab.sign('{"alg":"RS256","kid":"rsa","__proto__":{"kid":"rsa"}}')],
];

const strangeKid: Rows = [
  [
    'x5c of a stranger',
    (lab) => lab.sign({ alg: 'RS256', kid: 'x', x5c: ['MIIB'] }, lab.claims(), lab.strangers.rsa),
  ],
  ...[
    '../../../../dev/null',
    '__proto__',
    'constructor',
    'toString',
    "' OR '1'='1",
    'rsa\u0000',
    '',
    'RSA',
    'https://evil.example/key',
  ].map((kid) => [`kid ${show(kid)}`, (lab: Forge) => lab.sign({ alg: 'RS256', kid })] as const),
  ['no kid, signed by a stranger', (lab) => lab.sign({ alg: 'RS256' }, lab.claims(), lab.strangers.rsa)],
];

const critical: Rows = [
  { crit: ['exp'], exp: 1 },
  { crit: [] },
  { crit: null },
  { crit: 'exp' },
  { crit: {} },
  { crit: ['b64'], b64: false },
  { crit: ['b64'], b64: true },
  { b64: false },
  { b64: true },
  { b64: null },
].map((extra) => [show(extra), withHeader(extra)] as const);

/** Changes the text of an honest token after it was signed. */
const edited =
  (change: (parts: [string, string, string]) => readonly string[]): Make =>
  (lab) => {
    const [header = '', payload = '', signature = ''] = honest(lab).split('.');
    return change([header, payload, signature]).join('.');
  };

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The last character with an unused bit set: decodes to the same bytes in careless decoders. */
const withLooseBit = (part: string): string => {
  const last = alphabet.indexOf(part.at(-1) ?? 'A');
  return `${part.slice(0, -1)}${alphabet[last | 1] === part.at(-1) ? alphabet[last & ~1] : alphabet[last | 1]}`;
};

const bom = Buffer.from([0xef, 0xbb, 0xbf]);
const claimBytes = (lab: Forge): Buffer => Buffer.from(JSON.stringify(lab.claims()));
const rs256 = '{"alg":"RS256","kid":"rsa"}';

const encodings: Rows = [
  ['padding after the header', edited(([h, p, s]) => [`${h}=`, p, s])],
  ['padding after the payload', edited(([h, p, s]) => [h, `${p}=`, s])],
  ['padding after the signature', edited(([h, p, s]) => [h, p, `${s}==`])],
  ['space inside the signature', edited(([h, p, s]) => [h, p, `${s.slice(0, 9)} ${s.slice(9)}`])],
  ['newline inside the payload', edited(([h, p, s]) => [h, `${p.slice(0, 8)}\n${p.slice(8)}`, s])],
  ['newline after the token', edited(([h, p, s]) => [h, p, `${s}\n`])],
  ['space before the token', edited(([h, p, s]) => [` ${h}`, p, s])],
  ['tab after the header', edited(([h, p, s]) => [`${h}\t`, p, s])],
  ['NUL after the token', edited(([h, p, s]) => [h, p, `${s}\u0000`])],
  ['unused bit set in the signature', edited(([h, p, s]) => [h, p, withLooseBit(s)])],
  [
    'standard base64 alphabet',
    (lab) =>
      lab
        .sign(
          rs256,
          Buffer.concat([
            claimBytes(lab).subarray(0, -1),
            Buffer.from(',"x":"\u00bf\u00bf\u00bf~~~???>>>"}'),
          ]),
        )
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .concat('+/'),
  ],
  ['letter outside ASCII', edited(([h, p, s]) => [h, p, `${s}\u00e9`])],
  ['percent encoding', edited(([h, p, s]) => [h, p, `${s}%3D`])],
  ['zero-width space', edited(([h, p, s]) => [h, `${p}\u200b`, s])],
  ['one character too many in a part', edited(([h, p, s]) => [h, p, s.slice(0, 341)])],
  ['header with BOM', (lab) => lab.sign(Buffer.concat([bom, Buffer.from(rs256)]))],
  ['payload with BOM', (lab) => lab.sign(rs256, Buffer.concat([bom, claimBytes(lab)]))],
  [
    'header with an invalid UTF-8 byte',
    (lab) => lab.sign(Buffer.from('{"alg":"RS256","kid":"rsa","x":"\xff"}', 'latin1')),
  ],
  [
    'payload with an invalid UTF-8 byte',
    (lab) =>
      lab.sign(
        rs256,
        Buffer.concat([
          Buffer.from('{"x":"'),
          Buffer.from([0xff]),
          Buffer.from('",'),
          claimBytes(lab).subarray(1),
        ]),
      ),
  ],
  [
    'payload with an overlong encoding',
    (lab) =>
      lab.sign(
        rs256,
        Buffer.concat([
          Buffer.from('{"x":"'),
          Buffer.from([0xc0, 0xaf]),
          Buffer.from('",'),
          claimBytes(lab).subarray(1),
        ]),
      ),
  ],
  [
    'payload with a surrogate in UTF-8',
    (lab) =>
      lab.sign(
        rs256,
        Buffer.concat([
          Buffer.from('{"x":"'),
          Buffer.from([0xed, 0xa0, 0x80]),
          Buffer.from('",'),
          claimBytes(lab).subarray(1),
        ]),
      ),
  ],
  ['payload in UTF-16', (lab) => lab.sign(rs256, Buffer.from(JSON.stringify(lab.claims()), 'utf16le'))],
];

const shapes: Rows = [
  ['one part', edited(([h]) => [h])],
  ['two parts', edited(([h, p]) => [h, p])],
  ['four parts', edited(([h, p, s]) => [h, p, s, s])],
  [
    'five parts, a JWE',
    (lab) => lab.raw([Buffer.from('{"alg":"dir","enc":"A256GCM"}'), '', 'aaaa', 'bbbb', 'cccc']),
  ],
  ['two dots alone', () => '..'],
  [
    'JSON serialisation, flattened',
    (lab) => {
      const [header, payload, signature] = honest(lab).split('.');
      return JSON.stringify({ protected: header, payload, signature });
    },
  ],
  [
    'JSON serialisation, general',
    (lab) => {
      const [header, payload, signature] = honest(lab).split('.');
      return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
    },
  ],
  ['empty header', edited(([, p, s]) => ['', p, s])],
  ['empty payload', (lab) => lab.sign(rs256, '')],
  ['header is an array', (lab) => lab.sign('["RS256"]')],
  ['header is null', (lab) => lab.sign('null')],
  ['header is cut', (lab) => lab.sign('{"alg":"RS256"')],
  ['payload is an array', (lab) => lab.sign(rs256, JSON.stringify([lab.claims()]))],
  ['payload is text', (lab) => lab.sign(rs256, JSON.stringify('claims'))],
  ['payload is null', (lab) => lab.sign(rs256, 'null')],
  ['payload is another token', (lab) => lab.sign({ alg: 'RS256', kid: 'rsa', cty: 'JWT' }, honest(lab))],
  ['payload has text after the object', (lab) => lab.sign(rs256, `${JSON.stringify(lab.claims())}{}`)],
];

const types: Rows = [
  ...[
    'at+jwt',
    'application/at+jwt',
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'JOSE',
    'jwt',
    'JWT ',
    '',
  ].map((typ) => [`typ ${show(typ)}`, withHeader({ typ })] as const),
  ['typ is a number', withHeader({ typ: 1 })],
  ['typ is an array', withHeader({ typ: ['JWT'] })],
  ['iss is the gateway itself', (lab) => lab.sign(rs256, lab.claims({ iss: lab.ownIssuer }))],
];

export const joseAttacks: readonly AttackRow[] = [
  ...rows('alg', 'T1', 'unsupported_alg', algorithmsNotAccepted),
  ...rows('alg-type', 'T1', 'invalid_jwt_format', algNotText),
  ...rows('sig', 'T1', 'signature_invalid', signatures),
  ...rows('hdr', 'T2', 'invalid_jwt_format', keyInHeader),
  ...rows('kid', 'T2', 'signature_invalid', strangeKid),
  ...rows('crit', 'T3', 'invalid_jwt_format', critical),
  ...rows('enc', 'T6', 'invalid_jwt_format', encodings),
  ...rows('shape', 'T7', 'invalid_jwt_format', shapes),
  ...rows('typ', 'T13', 'invalid_jwt_format', types),
];
