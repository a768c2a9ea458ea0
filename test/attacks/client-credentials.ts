/** Attacks on a client secret and on what a client id gives away: T14 and T15 of security.md. */

import { createPrivateKey } from 'node:crypto';
import { formRequest } from '../gateway.ts';
import { type Client, secretForm } from '../scene.ts';
import {
  assertionForm,
  assertionOf,
  basic,
  clientRefused,
  exchangeOf,
  exchangeRefused,
  type HttpAttack,
  type Target,
  table,
} from './target.ts';

interface Jwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly d: string;
}

const jwkOf = ({ privateKey }: Client): Jwk => privateKey.export({ format: 'jwk' }) as unknown as Jwk;
const secretOf = (content: unknown, head = 'secret-token:conductorone.com:v1'): string =>
  `${head}:${Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64url')}`;
const encoded = ({ secret }: Client): string => secret.split(':')[3] ?? '';

const unknown = clientRefused('credential_not_found');
const wrong = clientRefused('invalid_client_secret');

/** The client's own id under another secret. */
const withSecret =
  (make: (target: Target) => string): HttpAttack['request'] =>
  (target) =>
    formRequest({ ...secretForm(target.client), client_secret: make(target) });
/** The client's own secret under another id. */
const withId =
  (make: (id: string, target: Target) => string, of: 'client' | 'person' = 'client'): HttpAttack['request'] =>
  (target) =>
    formRequest({ ...secretForm(target[of]), client_id: make(target[of].clientId, target) });

const enumeration = table('enum', 'T14', [
  ['a name that nobody has', unknown, withId((id) => id.replace(/\d+@/, '00000@'))],
  ['the right name at another host', unknown, withId((id) => id.replace(/@.*\//, '@evil.example/'))],
  ['the right name at a host that ends like ours', unknown, withId((id) => id.replace('@', '@evil-'))],
  ['the suffix of a trust', unknown, withId((id) => id.replace('/spc', '/wfe'))],
  ['the suffix of a person', unknown, withId((id) => id.replace('/spc', '/pcc'))],
  ['the suffix of a credential on a person', unknown, withId((id) => id.replace('/pcc', '/spc'), 'person')],
  ['no suffix', unknown, withId((id) => id.replace('/spc', ''))],
  ['the name alone', unknown, withId((id) => id.split('@')[0] ?? '')],
  ['the name in upper case', unknown, withId((id) => id.replace(/^\w/, (first) => first.toUpperCase()))],
  ['a space after the id', unknown, withId((id) => `${id} `)],
  ['a trust by its client id', unknown, withId((_, { trust }) => trust)],
  [
    'a trust under the suffix of a credential',
    unknown,
    withId((_, { trust }) => trust.replace('/wfe', '/spc')),
  ],
  [
    'an unknown name by Basic',
    unknown,
    ({ client }) =>
      formRequest({ grant_type: 'client_credentials' }, [
        basic(client.clientId.replace(/\d+@/, '00000@'), client.secret),
      ]),
  ],
]);

/** An honest token under a spoilt id of its trust. */
const withTrust =
  (make: (id: string, target: Target) => string): HttpAttack['request'] =>
  (target) =>
    formRequest(exchangeOf(target, { client_id: make(target.trust, target) }));
const noTrust = exchangeRefused('trust_not_found');

const trustEnumeration = table('trust', 'T14', [
  ['a trust that nobody has', noTrust, withTrust((id) => id.replace(/\d+@/, '00000@'))],
  ['the right trust at another host', noTrust, withTrust((id) => id.replace(/@.*\//, '@evil.example/'))],
  ['the right trust at our host with a port', noTrust, withTrust((id) => id.replace('/wfe', ':443/wfe'))],
  ['the right trust with the suffix of a credential', noTrust, withTrust((id) => id.replace('/wfe', '/spc'))],
  ['the name of a trust alone', noTrust, withTrust((id) => id.split('@')[0] ?? '')],
  ['a credential by its client id', noTrust, withTrust((_, { client }) => client.clientId)],
  [
    'a credential under the suffix of a trust',
    noTrust,
    withTrust((_, { client }) => client.clientId.replace('/spc', '/wfe')),
  ],
]);

const secrets = table('secret', 'T15', [
  ['the secret of another client', wrong, withSecret(({ other }) => other.secret)],
  ['the secret of a person', wrong, withSecret(({ person }) => person.secret)],
  ['the stored public key', wrong, withSecret(({ client }) => client.publicKey)],
  [
    'the stored public key as d',
    wrong,
    withSecret(({ client }) => secretOf({ ...jwkOf(client), d: client.publicKey })),
  ],
  [
    'the public JWK',
    wrong,
    withSecret(({ client }) => secretOf({ kty: 'OKP', crv: 'Ed25519', x: client.publicKey })),
  ],
  [
    'the right x over another d',
    wrong,
    withSecret(({ client, other }) => secretOf({ ...jwkOf(other), x: client.publicKey })),
  ],
  [
    'the right d under another x',
    wrong,
    withSecret(({ client, other }) => secretOf({ ...jwkOf(client), x: other.publicKey })),
  ],
  ['no x', wrong, withSecret(({ client }) => secretOf({ ...jwkOf(client), x: undefined }))],
  ['version 2', wrong, withSecret(({ client }) => client.secret.replace(':v1:', ':v2:'))],
  ['no version', wrong, withSecret(({ client }) => client.secret.replace(':v1:', ':'))],
  ['a fifth part', wrong, withSecret(({ client }) => `${client.secret}:x`)],
  ['padding', wrong, withSecret(({ client }) => `${client.secret}=`)],
  ['a space before', wrong, withSecret(({ client }) => ` ${client.secret}`)],
  ['a newline after', wrong, withSecret(({ client }) => `${client.secret}\n`)],
  ['without its scheme', wrong, withSecret(({ client }) => encoded(client))],
  ['cut by a character', wrong, withSecret(({ client }) => client.secret.slice(0, -1))],
  ['escaped twice', wrong, withSecret(({ client }) => encodeURIComponent(client.secret))],
  ['kty EC', wrong, withSecret(({ client }) => secretOf({ ...jwkOf(client), kty: 'EC' }))],
  ['crv X25519', wrong, withSecret(({ client }) => secretOf({ ...jwkOf(client), crv: 'X25519' }))],
  [
    'd of 31 bytes',
    wrong,
    withSecret(({ client }) => secretOf({ ...jwkOf(client), d: Buffer.alloc(31).toString('base64url') })),
  ],
  ['d as an array', wrong, withSecret(({ client }) => secretOf({ ...jwkOf(client), d: [jwkOf(client).d] }))],
  ['a JWK in a list', wrong, withSecret(({ client }) => secretOf([jwkOf(client)]))],
  ['null for a JWK', wrong, withSecret(() => secretOf('null'))],
  [
    '2,000 characters',
    wrong,
    withSecret(({ client }) => secretOf({ ...jwkOf(client), note: 'a'.repeat(2_000) })),
  ],
  [
    'the wrong secret by Basic',
    wrong,
    ({ client, other }) =>
      formRequest({ grant_type: 'client_credentials' }, [basic(client.clientId, other.secret)]),
  ],
]);

/** RFC 8032 §7.1, test 1: the key against which unknown clients are verified, whose private half everybody knows. */
const decoy = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  },
  format: 'jwk',
});

const decoys = table('decoy', 'T14', [
  [
    'an unknown client with the secret of the decoy',
    unknown,
    ({ client }) =>
      formRequest({
        ...secretForm(client),
        client_id: client.clientId.replace(/\d+@/, '00000@'),
        client_secret: secretOf(decoy.export({ format: 'jwk' })),
      }),
  ],
  [
    'an unknown client with an assertion by the decoy',
    unknown,
    (target) => {
      const clientId = target.client.clientId.replace(/\d+@/, '00000@');
      return formRequest(assertionForm(clientId, assertionOf(target, { clientId, privateKey: decoy })));
    },
  ],
  [
    'a known client with the secret of the decoy',
    wrong,
    withSecret(() => secretOf(decoy.export({ format: 'jwk' }))),
  ],
]);

const expectObstacle = (
  members: Readonly<Record<string, unknown>>,
  spoil: (target: Target, client: Client, principalId: string) => Promise<unknown> = async () => undefined,
): HttpAttack['request'] => {
  return async (target) => {
    const principalId = await target.scene.principal(['basic-user', 'system-log-reader']);
    const client = await target.scene.credential(principalId, members);
    await spoil(target, client, principalId);
    return formRequest(secretForm(client));
  };
};

/** The right secret of a client against whom something stands. */
const obstacles = table('state', 'T14', [
  [
    'a revoked credential',
    clientRefused('credential_revoked'),
    expectObstacle({}, ({ scene }, client, id) => scene.revoke(id, client)),
  ],
  [
    'an expired credential',
    clientRefused('credential_expired'),
    expectObstacle({ expires: '60s' }, ({ gateway }) => gateway.scheduler.advance(60_000)),
  ],
  [
    'a disabled principal',
    clientRefused('sp_disabled'),
    expectObstacle({}, ({ scene }, _, id) => scene.setStatus(id, 'DISABLED')),
  ],
  [
    'a source address outside the list',
    clientRefused('ip_not_allowed'),
    expectObstacle({ allowSourceCidrs: ['203.0.113.0/24'] }),
  ],
  [
    'a revoked credential of a disabled principal',
    clientRefused('credential_revoked'),
    expectObstacle({}, async ({ scene }, client, id) => {
      await scene.revoke(id, client);
      await scene.setStatus(id, 'DISABLED');
    }),
  ],
  [
    'a scope of which no role is left',
    clientRefused('no_effective_roles', true),
    expectObstacle({ scopedRoles: ['system-log-reader'] }, ({ scene }, _, id) =>
      scene.setRoles(id, ['basic-user']),
    ),
  ],
]);

export const credentialAttacks = [...enumeration, ...trustEnumeration, ...secrets, ...decoys, ...obstacles];
