/** Attacks on client authentication by signed assertion: T16 of security.md. */

import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { formRequest } from '../gateway.ts';
import {
  assertionForm,
  assertionOf,
  clientRefused,
  type HttpAttack,
  honestToken,
  malformed,
  type Target,
  table,
} from './target.ts';

const wrong = clientRefused('invalid_client_assertion');
const replayed = clientRefused('assertion_replayed', true);

/** An assertion of the client with some members changed. */
const changed =
  (changes: (now: number, target: Target) => Parameters<typeof assertionOf>[2]): HttpAttack['request'] =>
  (target) => {
    const now = Math.floor(target.gateway.clock.nowMs() / 1000);
    return present(target, assertionOf(target, target.client, changes(now, target)));
  };
const present = ({ client }: Pick<Target, 'client'>, assertion: string) =>
  formRequest(assertionForm(client.clientId, assertion));
const payload = (
  make: (now: number, target: Target) => Readonly<Record<string, unknown>>,
): HttpAttack['request'] => changed((now, target) => ({ payload: make(now, target) }));

const unsigned: HttpAttack['request'] = (target) => {
  const [, body = ''] = assertionOf(target, target.client).split('.');
  return present(target, `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`);
};

const keyedWithPublicKey: HttpAttack['request'] = (target) => {
  const [, body = ''] = assertionOf(target, target.client).split('.');
  const input = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${body}`;
  const pem = createPublicKey(target.client.privateKey).export({ type: 'spki', format: 'pem' });
  return present(target, `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`);
};

/** The first use succeeds, or the row would prove nothing. */
const twice =
  (
    first: (target: Target) => string,
    second: (target: Target, first: string) => string,
  ): HttpAttack['request'] =>
  async (target) => {
    const assertion = first(target);
    const answer = await target.gateway.send(present(target, assertion));
    if (answer.status !== 200) throw new Error(`the first use failed: ${answer.text}`);
    return present(target, second(target, assertion));
  };

const signatures = table('assert-sig', 'T16', [
  ['unsigned', wrong, unsigned],
  ['HS256 keyed with the public key', wrong, keyedWithPublicKey],
  ['alg RS256 over an Ed25519 signature', wrong, changed(() => ({ header: { alg: 'RS256' } }))],
  ['alg ES256 over an Ed25519 signature', wrong, changed(() => ({ header: { alg: 'ES256' } }))],
  [
    'signed by another client',
    wrong,
    (target) =>
      present(
        target,
        assertionOf(target, { clientId: target.client.clientId, privateKey: target.other.privateKey }),
      ),
  ],
  [
    'signed by a stranger whose key is in the header',
    wrong,
    (target) => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const header = { jwk: publicKey.export({ format: 'jwk' }) };
      return present(
        target,
        assertionOf(target, { clientId: target.client.clientId, privateKey }, { header }),
      );
    },
  ],
  ['crit', wrong, changed(() => ({ header: { crit: ['exp'] } }))],
  ['an issuer’s identity token', wrong, (target) => present(target, honestToken(target.lab))],
]);

const identity = table('assert-id', 'T16', [
  ['iss of another client', wrong, payload((_, { other }) => ({ iss: other.clientId }))],
  ['sub of another client', wrong, payload((_, { other }) => ({ sub: other.clientId }))],
  ['no iss', wrong, payload(() => ({ iss: undefined }))],
  [
    'an honest assertion under the id of another client',
    wrong,
    (target) => formRequest(assertionForm(target.other.clientId, assertionOf(target, target.client))),
  ],
  ['no aud', wrong, payload(() => ({ aud: undefined }))],
  ['aud of another service', wrong, payload(() => ({ aud: ['other.example'] }))],
  [
    'aud of ours and another',
    wrong,
    payload((_, { gateway }) => ({ aud: [gateway.settings.audiences[0], 'other.example'] })),
  ],
  [
    'aud with an unknown path of ours',
    wrong,
    payload((_, { gateway }) => ({ aud: `${gateway.settings.publicUrl}/` })),
  ],
]);

const times = table('assert-time', 'T16', [
  ['no exp', wrong, payload(() => ({ exp: undefined }))],
  ['exp as text', wrong, payload((now) => ({ exp: String(now + 60) }))],
  ['exp 60 s ago', wrong, payload((now) => ({ exp: now - 60 }))],
  ['exp 361 s ahead', wrong, payload((now) => ({ exp: now + 361 }))],
  ['nbf 61 s ahead', wrong, payload((now) => ({ nbf: now + 61 }))],
  ['iat 61 s ahead', wrong, payload((now) => ({ iat: now + 61 }))],
]);

const reuse = table('assert-replay', 'T16', [
  [
    'the same again',
    replayed,
    twice(
      (target) => assertionOf(target, target.client),
      (_, first) => first,
    ),
  ],
  [
    'the same nonce under another jti',
    replayed,
    twice(
      (target) => assertionOf(target, target.client, { header: { nonce: 'n-1' }, payload: { jti: 'a' } }),
      (target) => assertionOf(target, target.client, { header: { nonce: 'n-1' }, payload: { jti: 'b' } }),
    ),
  ],
  [
    'the same jti in a later assertion',
    replayed,
    twice(
      (target) =>
        assertionOf(target, target.client, { header: { nonce: undefined }, payload: { jti: 'j-1' } }),
      (target) =>
        assertionOf(target, target.client, {
          header: { nonce: undefined },
          payload: { jti: 'j-1', note: 'later' },
        }),
    ),
  ],
  [
    'the same without nonce and jti',
    replayed,
    twice(
      (target) => assertionOf(target, target.client, { header: { nonce: undefined } }),
      (_, first) => first,
    ),
  ],
  ['a nonce that is no text', wrong, changed(() => ({ header: { nonce: 1 } }))],
  ['an empty jti', wrong, payload(() => ({ jti: '' }))],
]);

const shapes = table('assert-form', 'T16', [
  [
    'another assertion type',
    malformed,
    (target) =>
      formRequest({
        ...assertionForm(target.client.clientId, assertionOf(target, target.client)),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
      }),
  ],
  ['no assertion', malformed, (target) => formRequest(assertionForm(target.client.clientId, ''))],
  [
    'an unknown client without client_id',
    clientRefused('credential_not_found'),
    (target) => {
      const clientId = 'calm-fox-00000@gateway.example/spc';
      const { client_id: _, ...form } = assertionForm(
        clientId,
        assertionOf(target, { clientId, privateKey: target.client.privateKey }),
      );
      return formRequest(form);
    },
  ],
]);

export const assertionAttacks = [...signatures, ...identity, ...times, ...reuse, ...shapes];
