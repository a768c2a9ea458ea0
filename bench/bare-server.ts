import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BenchAlgorithm } from './tokens.ts';

/**
 * The yardsticks, bare node:http: `echo` (F0) reads and parses a form; `exchange` (F1) also verifies the subject token and
 * signs an access token. Neither has a router, a policy, an audit or error handling: what they cost is the least that
 * this job can cost on this runtime.
 *
 * Arguments: mode, then the issuers as JSON. Prints its port.
 */

const [, , mode = 'echo', issuersJson = '[]'] = process.argv;
const audience = 'postern.test';

interface Issuer {
  readonly issuer: string;
  readonly algorithm: BenchAlgorithm;
  readonly jwks: { readonly keys: readonly [{ readonly kid: string }] };
}

interface IssuerKey {
  readonly issuer: string;
  readonly algorithm: BenchAlgorithm;
  readonly key: KeyObject;
}

const issuerKeys = new Map<string, IssuerKey>(
  (JSON.parse(issuersJson) as readonly Issuer[]).map(({ issuer, algorithm, jwks: { keys } }) => {
    return [keys[0].kid, { issuer, algorithm, key: createPublicKey({ key: keys[0], format: 'jwk' }) }];
  }),
);

const { privateKey } = generateKeyPairSync('ed25519');
const accessTokenHeader = encode({ alg: 'EdDSA', typ: 'at+jwt', kid: 'the-only-key' });

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

/** The claims of a token that is genuine, ours to accept and not expired. */
function verifyToken(token: string, nowSeconds: number): Record<string, unknown> | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { kid, alg } = decode(header);
  const found = issuerKeys.get(String(kid));
  if (found === undefined || alg !== found.algorithm) return undefined;
  const { algorithm, key } = found;
  const input = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const isGenuine =
    algorithm === 'ES256'
      ? verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, bytes)
      : verify(algorithm === 'RS256' ? 'sha256' : null, input, key, bytes);
  if (!isGenuine) return undefined;
  const claims = decode(payload);
  const isOurs = claims['iss'] === found.issuer && claims['aud'] === audience;
  return isOurs && Number(claims['exp']) > nowSeconds ? claims : undefined;
}

function signToken(clientId: string, { iss, sub }: Record<string, unknown>, now: number): string {
  const claims = {
    iss: `https://${audience}`,
    aud: audience,
    sub: 'the-principal',
    client_id: clientId,
    iat: now,
    nbf: now,
    exp: now + 1_800,
    jti: randomBytes(16).toString('base64url'),
    roles: [],
    origin: { iss, sub },
  };
  const input = `${accessTokenHeader}.${encode(claims)}`;
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
}

function answer(body: string): { readonly status: number; readonly body: object } {
  const form = new URLSearchParams(body);
  const subjectToken = form.get('subject_token') ?? '';
  const clientId = form.get('client_id') ?? '';
  if (mode === 'echo') return { status: 200, body: { clientId, bytes: subjectToken.length } };
  const now = Math.floor(Date.now() / 1_000);
  const claims = verifyToken(subjectToken, now);
  if (claims === undefined) return { status: 400, body: { error: 'invalid_request' } };
  const accessToken = signToken(clientId, claims, now);
  return { status: 200, body: { access_token: accessToken, token_type: 'Bearer', expires_in: 1_800 } };
}

function readBody(request: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => done(Buffer.concat(chunks).toString()));
}

const server = createServer((request, response) => {
  readBody(request, (text) => {
    const { status, body } = answer(text);
    const json = JSON.stringify(body);
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(json),
      'Cache-Control': 'no-store',
    });
    response.end(json);
  });
});
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
