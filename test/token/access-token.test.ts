import { generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import type { UserId } from '../../src/kernel/ids.ts';
import { createAccessTokens } from '../../src/token/access-token.ts';
import type { Allowed } from '../../src/token/model.ts';

const nowMs = Date.UTC(2026, 0, 15, 12);
const now = nowMs / 1000;
const pair = generateKeyPairSync('ed25519');
const settings = { issuer: 'https://gateway.example', audience: 'gateway.example' };
const signer = {
  current: () => ({ kid: 'k1', sign: (bytes: Buffer) => sign(null, bytes, pair.privateKey) }),
  published: (kid: string) => (kid === 'k1' ? pair.publicKey : undefined),
};
const accessTokens = createAccessTokens({ settings, signer });

const decision: Allowed = {
  allow: true,
  subject: { uid: 'u1' as UserId, name: 'Deploy prod', type: 'Service' },
  clientId: 'calm-fox-00001@gateway.example/spc',
  roleIds: ['basic-user'],
  lifetimeSeconds: 600,
  claims: [],
  lostReason: 'token_replayed',
  extra: {},
  data: {},
};

type Members = Readonly<Record<string, unknown>>;

/** A token signed by the gateway's own key that differs from its own tokens in the given members. */
function forged({
  header = {},
  payload = {},
}: {
  readonly header?: Members;
  readonly payload?: Members;
}): string {
  const [ownHeader = '', ownPayload = ''] = accessTokens
    .sign(decision, 'jti-1', nowMs)
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString());
  const encode = (text: string, changes: Members): string =>
    Buffer.from(JSON.stringify({ ...JSON.parse(text), ...changes })).toString('base64url');
  const input = `${encode(ownHeader, header)}.${encode(ownPayload, payload)}`;
  return `${input}.${sign(null, Buffer.from(input), pair.privateKey).toString('base64url')}`;
}

describe('token/access-token', () => {
  it('reads back what it signed', () => {
    expect(accessTokens.verify(accessTokens.sign(decision, 'jti-1', nowMs), nowMs)).to.deep.equal({
      sub: 'u1',
      clientId: decision.clientId,
      roleIds: ['basic-user'],
      jti: 'jti-1',
      exp: now + 600,
    });
  });

  it('accepts a token until its last second', () => {
    const token = accessTokens.sign(decision, 'jti-1', nowMs);
    expect(accessTokens.verify(token, nowMs + 599_999)).not.to.equal(undefined);
    expect(accessTokens.verify(token, nowMs + 600_000)).to.equal(undefined);
  });

  const wrong: Readonly<Record<string, Parameters<typeof forged>[0]>> = {
    'typ JWT': { header: { typ: 'JWT' } },
    'typ application/at+jwt': { header: { typ: 'application/at+jwt' } },
    'no typ': { header: { typ: undefined } },
    'alg Ed25519': { header: { alg: 'Ed25519' } },
    'no kid': { header: { kid: undefined } },
    'an unknown kid': { header: { kid: 'k2' } },
    crit: { header: { crit: ['exp'] } },
    'another issuer': { payload: { iss: 'https://gateway.example/' } },
    'another audience': { payload: { aud: 'other.example' } },
    'a list of audiences': { payload: { aud: ['gateway.example'] } },
    'no exp': { payload: { exp: undefined } },
    'exp as text': { payload: { exp: String(now + 600) } },
    'no sub': { payload: { sub: undefined } },
    'no client_id': { payload: { client_id: undefined } },
    'no jti': { payload: { jti: undefined } },
    'roles as text': { payload: { roles: 'super-admin' } },
    'a role that is no text': { payload: { roles: [1] } },
  };
  for (const [name, changes] of Object.entries(wrong)) {
    it(`does not accept its own signature over ${name}`, () => {
      expect(accessTokens.verify(forged({}), nowMs)).not.to.equal(undefined);
      expect(accessTokens.verify(forged(changes), nowMs)).to.equal(undefined);
    });
  }
});
