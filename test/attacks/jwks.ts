/** Attacks by what an issuer names, serves or publishes: J1–J5 and J9 of security.md. */

import { generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createForge, publicJwk } from './forge.ts';

type Jwk = Record<string, unknown>;

const { keys, strangers } = createForge({
  issuer: 'https://issuer.example',
  audience: 'gateway.example',
  ownIssuer: 'https://gateway.example',
  nowMs: () => 0,
});

const bare = (name: keyof typeof keys): Jwk => {
  const { use: _, ...jwk } = publicJwk(keys[name]);
  return jwk;
};
export const soundKeys = {
  rsa: bare('rsa'),
  p256: bare('p256'),
  p384: bare('p384'),
  p521: bare('p521'),
  ed25519: bare('ed25519'),
};

interface KeyAttack {
  readonly id: string;
  readonly title: string;
  readonly jwk: () => unknown;
  readonly why: string;
}

const bytes = (value: Buffer): string => value.toString('base64url');
const rsa =
  (change: Jwk): (() => Jwk) =>
  () => ({ ...soundKeys.rsa, ...change });
const ec =
  (change: Jwk): (() => Jwk) =>
  () => ({ ...soundKeys.p256, ...change });
const okp =
  (change: Jwk): (() => Jwk) =>
  () => ({ ...soundKeys.ed25519, ...change });
const modulusOf = (bits: number): string =>
  bytes(Buffer.concat([Buffer.from([0x80]), Buffer.alloc(bits / 8 - 2), Buffer.from([0x05])]));

/** 65537 to any power, plus a multiple of all small primes: what the weak generator makes. */
const rocaModulus = (): string => {
  const primes = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
  ];
  const primorial = primes.reduce((product, prime) => product * BigInt(prime), 1n);
  const modulus = primorial * 2n ** (2047n - BigInt(primorial.toString(2).length - 1)) + 65_537n ** 3n;
  return bytes(Buffer.from(modulus.toString(16), 'hex'));
};

const sizeRule = 'modulus is not 2048 to 8192 bits';
const exponentRule = 'exponent is not odd and between 3 and 2^32';
const typeRule = 'key type is not RSA, EC or OKP';
const leak = 'private key material is published';

const keyTable: readonly (readonly [title: string, jwk: () => unknown, why: string])[] = [
  ['RSA of 512 bits', rsa({ n: modulusOf(512) }), sizeRule],
  ['RSA of 1024 bits', rsa({ n: modulusOf(1024) }), sizeRule],
  ['RSA of 2040 bits', rsa({ n: modulusOf(2040) }), sizeRule],
  ['RSA of 16,384 bits', rsa({ n: modulusOf(16_384) }), sizeRule],
  ['RSA of 8,200 bits', rsa({ n: modulusOf(8_200) }), sizeRule],
  [
    'RSA of 1024 bits behind zeros',
    rsa({ n: bytes(Buffer.concat([Buffer.alloc(128), Buffer.from(modulusOf(1024), 'base64url')])) }),
    sizeRule,
  ],
  [
    'even modulus',
    rsa({ n: bytes(Buffer.concat([Buffer.from([0x80]), Buffer.alloc(255)])) }),
    'modulus is even',
  ],
  ['empty modulus', rsa({ n: '' }), sizeRule],
  ['e = 1', rsa({ e: 'AQ' }), exponentRule],
  ['e = 0', rsa({ e: 'AA' }), exponentRule],
  ['empty e', rsa({ e: '' }), exponentRule],
  ['even e', rsa({ e: 'AQAA' }), exponentRule],
  ['e = 2', rsa({ e: 'Ag' }), exponentRule],
  ['e = 2^32 + 1', rsa({ e: 'AQAAAAE' }), exponentRule],
  ['e of 2048 bits', rsa({ e: modulusOf(2048) }), exponentRule],
  ['ROCA', rsa({ n: rocaModulus() }), 'modulus carries the ROCA fingerprint'],
  ['n with padding', rsa({ n: `${soundKeys.rsa['n']}=` }), 'n or e is not base64url'],
  ['n missing', rsa({ n: undefined }), 'n or e is not base64url'],
  ['n is a number', rsa({ n: 7 }), 'n or e is not base64url'],
  ['e is an array', rsa({ e: ['AQAB'] }), 'n or e is not base64url'],
  ['point not on the curve', ec({ y: soundKeys.p256['x'] }), 'not a valid public key'],
  [
    'point at the origin',
    ec({ x: bytes(Buffer.alloc(32)), y: bytes(Buffer.alloc(32)) }),
    'not a valid public key',
  ],
  ['coordinates of another curve', ec({ crv: 'P-384' }), 'x or y has the wrong length'],
  ['short coordinate', ec({ x: bytes(Buffer.alloc(31, 1)) }), 'x or y has the wrong length'],
  ['y missing', ec({ y: undefined }), 'x or y has the wrong length'],
  ['curve secp256k1', ec({ crv: 'secp256k1' }), 'curve is not P-256, P-384 or P-521'],
  ['curve missing', ec({ crv: undefined }), 'curve is not P-256, P-384 or P-521'],
  ['curve is __proto__', ec({ crv: '__proto__' }), 'curve is not P-256, P-384 or P-521'],
  ['X25519', okp({ crv: 'X25519' }), 'curve is not Ed25519'],
  ['Ed448', okp({ crv: 'Ed448' }), 'curve is not Ed25519'],
  ['Ed25519 of 31 bytes', okp({ x: bytes(Buffer.alloc(31, 1)) }), 'x is not 32 bytes of base64url'],
  [
    'Ed25519, neutral element',
    okp({ x: bytes(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])) }),
    'Ed25519 point of small order',
  ],
  ['Ed25519, zero', okp({ x: bytes(Buffer.alloc(32)) }), 'Ed25519 point of small order'],
  [
    'Ed25519, order 2',
    okp({ x: bytes(Buffer.concat([Buffer.from([0xec]), Buffer.alloc(30, 0xff), Buffer.from([0x7f])])) }),
    'Ed25519 point of small order',
  ],
  ['Ed25519, y above p', okp({ x: bytes(Buffer.alloc(32, 0xff)) }), 'Ed25519 point of small order'],
  ['oct', () => ({ kty: 'oct', k: 'AAAA', alg: 'HS256' }), typeRule],
  ['kty missing', () => ({ n: soundKeys.rsa['n'], e: 'AQAB' }), typeRule],
  ['kty in lower case', rsa({ kty: 'rsa' }), typeRule],
  ['kty constructor', rsa({ kty: 'constructor' }), typeRule],
  ['EC key called RSA', ec({ kty: 'RSA' }), 'n or e is not base64url'],
  ['kid is a number', rsa({ kid: 1 }), 'kid is not a string'],
  ['use enc', rsa({ use: 'enc' }), 'use is not sig'],
  ['use is an array', rsa({ use: ['sig'] }), 'use is not sig'],
  ['key_ops encrypt', rsa({ key_ops: ['encrypt'] }), 'key_ops lacks verify'],
  ['key_ops is text', rsa({ key_ops: 'verify' }), 'key_ops lacks verify'],
  ['use sig, key_ops wrapKey', rsa({ use: 'sig', key_ops: ['wrapKey'] }), 'key_ops lacks verify'],
  ['RSA key for ES256', rsa({ alg: 'ES256' }), 'alg does not fit the key'],
  ['RSA key for HS256', rsa({ alg: 'HS256' }), 'alg does not fit the key'],
  ['RSA key for none', rsa({ alg: 'none' }), 'alg does not fit the key'],
  ['P-256 key for ES384', ec({ alg: 'ES384' }), 'alg does not fit the key'],
  ['alg is a number', rsa({ alg: 256 }), 'alg does not fit the key'],
  ['private RSA key', () => keys.rsa.privateKey.export({ format: 'jwk' }), leak],
  ['private EC key', () => keys.p256.privateKey.export({ format: 'jwk' }), leak],
  ['private Ed25519 key', () => keys.ed25519.privateKey.export({ format: 'jwk' }), leak],
  ['one prime of an RSA key', rsa({ p: 'AAAA' }), leak],
  ['d is null', rsa({ d: null }), leak],
  ['null', () => null, 'not an object'],
  ['text', () => 'key', 'not an object'],
  ['array', () => [soundKeys.rsa], 'not an object'],
];

export const keyAttacks: readonly KeyAttack[] = keyTable.map(([title, jwk, why], index) => ({
  id: `jwk-${String(index + 1).padStart(2, '0')}`,
  title,
  jwk,
  why,
}));

const setTable: readonly (readonly [title: string, set: () => unknown, why: string])[] = [
  ['51 keys', () => ({ keys: Array.from({ length: 51 }, () => soundKeys.p256) }), 'more than 50 keys'],
  [
    '50,000 keys',
    () => ({ keys: Array.from({ length: 50_000 }, () => soundKeys.p256) }),
    'more than 50 keys',
  ],
  ['no key', () => ({ keys: [] }), 'no usable key'],
  ['no usable key', () => ({ keys: [{ kty: 'oct', k: 'AAAA' }] }), `no usable key; key 1: ${typeRule}`],
  [
    'one kid, two keys',
    () => ({ keys: [soundKeys.rsa, { ...publicJwk(strangers.rsa), kid: soundKeys.rsa['kid'] }] }),
    'one kid names two different keys',
  ],
  [
    'one kid, two types',
    () => ({ keys: [soundKeys.rsa, { ...soundKeys.p256, kid: soundKeys.rsa['kid'] }] }),
    'one kid names two different keys',
  ],
  [
    'a private key among sound ones',
    () => ({ keys: [soundKeys.rsa, keys.p256.privateKey.export({ format: 'jwk' })] }),
    leak,
  ],
  ['keys is an object', () => ({ keys: { 0: soundKeys.rsa, length: 1 } }), 'not a key set'],
  ['keys missing', () => ({}), 'not a key set'],
  ['an array', () => [soundKeys.rsa], 'not a key set'],
  ['null', () => null, 'not a key set'],
];

export const keySetAttacks = setTable.map(([title, set, why], index) => ({
  id: `jwks-${String(index + 1).padStart(2, '0')}`,
  title,
  set,
  why,
}));

/** Points P of the curve with 8·P neutral, in every encoding that decodes to one, found by calculation. */
export function smallOrderPoints(): Buffer[] {
  const p = 2n ** 255n - 19n;
  const mod = (value: bigint): bigint => ((value % p) + p) % p;
  const pow = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b))
      if (e & 1n) result = mod(result * b);
    return result;
  };
  const inverse = (value: bigint): bigint => pow(value, p - 2n);
  const d = mod(-121_665n * inverse(121_666n));
  type Point = readonly [bigint, bigint];
  const add = ([x1, y1]: Point, [x2, y2]: Point): Point => {
    const product = mod(d * x1 * x2 * y1 * y2);
    return [
      mod((x1 * y2 + x2 * y1) * inverse(1n + product)),
      mod((y1 * y2 + x1 * x2) * inverse(1n - product)),
    ];
  };
  const times = (scalar: bigint, point: Point): Point => {
    let result: Point = [0n, 1n];
    for (let q = point, s = scalar; s > 0n; s >>= 1n, q = add(q, q)) if (s & 1n) result = add(result, q);
    return result;
  };
  const rootOf = (square: bigint): bigint | undefined => {
    const root = pow(square, (p + 3n) / 8n);
    return [root, mod(root * pow(2n, (p - 1n) / 4n))].find(
      (candidate) => mod(candidate * candidate) === mod(square),
    );
  };
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const found = new Set<bigint>();
  // Any point times the prime order lands in the small subgroup, which has five different y.
  for (let y = 2n; found.size < 5; y += 1n) {
    const x = rootOf(mod((y * y - 1n) * inverse(d * y * y + 1n)));
    if (x === undefined) continue;
    const small = times(order, [x, y]);
    for (let multiple = 1n; multiple <= 8n; multiple += 1n) found.add(times(multiple, small)[1]);
  }
  const spellings = [...found].flatMap((y) => (y + p < 2n ** 255n ? [y, y + p] : [y]));
  return spellings.flatMap((y) =>
    [y, y + 2n ** 255n].map((value) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()),
  );
}

/** URLs that the egress guard refuses without asking any resolver (J1, J3). */
export const refusedUrls: readonly string[] = [
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.255.255.254/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.1/',
  'https://0177.0.0.1/',
  'https://0/',
  'https://0.0.0.0/',
  'https://10.0.0.1/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.1.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://100.64.0.1/',
  'https://192.0.0.8/',
  'https://192.0.2.1/',
  'https://192.88.99.1/',
  'https://198.18.0.1/',
  'https://198.51.100.1/',
  'https://203.0.113.1/',
  'https://224.0.0.1/',
  'https://240.0.0.1/',
  'https://255.255.255.255/',
  'https://168.63.129.16/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:10.0.0.1]/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::127.0.0.1]/',
  'https://[::7f00:1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[64:ff9b::a9fe:a9fe]/',
  'https://[64:ff9b:1::a00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2002:a00:1::1]/',
  'https://[2001::1]/',
  'https://[2001:db8::1]/',
  'https://[fe80::1]/',
  'https://[fc00::1]/',
  'https://[fd00:ec2::254]/',
  'https://[fec0::1]/',
  'https://[ff02::1]/',
  'https://[100::1]/',
  'https://[3fff::1]/',
  'https://\uff11\uff12\uff17.0.0.1/',
  'https://\u2460\u2461\u2466.0.0.1/',
  'https://93.184.216.34:8443/',
  'https://93.184.216.34:22/',
  'http://93.184.216.34/',
  'http://issuer.example/',
  'http://127.0.0.1/',
  'https://user:pass@issuer.example/',
  'https://user@issuer.example/',
  'ftp://issuer.example/',
  'file:///etc/passwd',
  'data:application/json,{}',
  'gopher://issuer.example/',
  'not a url',
  '',
];

/** Names whose addresses, or one of whose addresses, lie where nothing may be fetched from. */
export const refusedResolutions: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1'],
  private: ['10.1.2.3'],
  'link-local metadata': ['169.254.169.254'],
  'IPv6 loopback': ['::1'],
  'mapped IPv6': ['::ffff:10.0.0.1'],
  'unique local': ['fd00::1'],
  'public first, private second': ['93.184.216.34', '10.0.0.1'],
  'private first, public second': ['10.0.0.1', '93.184.216.34'],
  'public IPv6, private IPv4': ['2606:2800:220:1::1', '192.168.0.1'],
  'zone id': ['fe80::1%eth0'],
  'no address text': ['localhost'],
};

interface HostileAnswer {
  readonly title: string;
  readonly respond: (response: ServerResponse) => void;
  readonly message: RegExp;
}

const json = { 'content-type': 'application/json' };
const redirect = (status: number, location: string): HostileAnswer => ({
  title: `${status} to ${location}`,
  respond: (response) => response.writeHead(status, { location }).end(),
  message: /redirect/,
});

/** Answers of a server that is reached (J2, J4). */
export const hostileAnswers: readonly HostileAnswer[] = [
  redirect(301, 'https://evil.example/'),
  redirect(302, 'http://169.254.169.254/'),
  redirect(303, '/elsewhere'),
  redirect(307, 'file:///etc/passwd'),
  redirect(308, '//evil.example'),
  redirect(300, '/'),
  {
    title: 'a body of 1 MiB with its length',
    respond: (response) =>
      response.writeHead(200, { ...json, 'content-length': 1_048_576 }).end(Buffer.alloc(1_048_576, 0x20)),
    message: /larger than 262144 bytes/,
  },
  {
    title: 'a body one byte too large',
    respond: (response) => response.writeHead(200, json).end(Buffer.alloc(262_145, 0x20)),
    message: /larger than 262144 bytes/,
  },
  {
    title: 'endless chunks',
    respond: (response) => {
      response.writeHead(200, json);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 0x20)));
      };
      response.on('drain', more);
      more();
    },
    message: /larger than 262144 bytes/,
  },
  {
    title: 'a body that never ends',
    respond: (response) => {
      response.writeHead(200, json).write('{');
    },
    message: /no complete answer within/,
  },
  {
    title: 'a body that drips',
    respond: (response) => {
      response.writeHead(200, json);
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    },
    message: /no complete answer within/,
  },
  { title: 'no answer', respond: () => undefined, message: /no complete answer within/ },
  {
    title: 'gzip',
    respond: (response) =>
      response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(Buffer.from('1f8b08', 'hex')),
    message: /compressed/,
  },
  {
    title: 'brotli',
    respond: (response) => response.writeHead(200, { ...json, 'content-encoding': 'br' }).end('x'),
    message: /compressed/,
  },
  {
    title: 'less than its length',
    respond: (response) => {
      response.writeHead(200, { ...json, 'content-length': 100 }).write('{}');
      setImmediate(() => response.destroy());
    },
    message: /request failed/,
  },
  { title: 'a cut connection', respond: (response) => response.destroy(), message: /request failed/ },
  {
    title: 'headers of 64 KiB',
    respond: (response) => response.writeHead(200, { 'x-filler': 'a'.repeat(65_536) }).end('{}'),
    message: /request failed/,
  },
];

/** A sound key that is made anew: for rotations. */
export function freshKey(kid: string): Jwk {
  return { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid };
}
