/** Attacks on how a token request is put together: T18 and T19 of security.md. */

import { gzipSync } from 'node:zlib';
import { formRequest, formType, type RawRequest } from '../gateway.ts';
import {
  assertionForm,
  assertionOf,
  assertionType,
  basic,
  clientRefused,
  credentialsOf,
  exchangeOf,
  exchangeRefused,
  malformed,
  noSuchGrant,
  type Target,
  table,
  tooLarge,
  without,
  withText,
} from './target.ts';

const grant = { grant_type: 'client_credentials' };
const bodyOf = (request: RawRequest): string => String(request.body);

/** An otherwise honest secret request under another `Authorization`. */
const authorized = (target: Target, value: string): RawRequest =>
  formRequest(grant, [['Authorization', value.replace('ID', target.client.clientId)]]);
const typed = (target: Target, type: string, body?: string | Buffer): RawRequest => ({
  headers: [['Content-Type', type]],
  body: body ?? bodyOf(formRequest(credentialsOf(target))),
});

const twoMethods = table('method', 'T18', [
  [
    'Basic and a secret in the body',
    malformed,
    (target) => formRequest(credentialsOf(target), [basic(target.client.clientId, target.client.secret)]),
  ],
  [
    'Basic and an assertion',
    malformed,
    (target) =>
      formRequest(assertionForm(target.client.clientId, assertionOf(target, target.client)), [
        basic(target.client.clientId, target.client.secret),
      ]),
  ],
  [
    'Basic and an assertion type alone',
    malformed,
    ({ client }) =>
      formRequest({ ...grant, client_assertion_type: assertionType }, [
        basic(client.clientId, client.secret),
      ]),
  ],
  [
    'a secret and an assertion',
    malformed,
    (target) =>
      formRequest({
        ...credentialsOf(target),
        ...assertionForm(target.client.clientId, assertionOf(target, target.client)),
      }),
  ],
  [
    'a secret and an assertion type alone',
    malformed,
    (target) => formRequest(credentialsOf(target, { client_assertion_type: assertionType })),
  ],
  [
    'Basic under another client_id of the body',
    malformed,
    ({ client, other }) =>
      formRequest({ ...grant, client_id: other.clientId }, [basic(client.clientId, client.secret)]),
  ],
  ['no method', malformed, ({ client }) => formRequest({ ...grant, client_id: client.clientId })],
  [
    'a Bearer header and a secret in the body',
    malformed,
    (target) => formRequest(credentialsOf(target), [['Authorization', 'Bearer abc']]),
  ],
  ['a Bearer header alone', malformed, (target) => authorized(target, 'Bearer abc')],
  ['a Digest header', malformed, (target) => authorized(target, 'Digest username="ID"')],
  ['an empty Basic header', malformed, (target) => authorized(target, 'Basic ')],
  ['Basic that is no base64', malformed, (target) => authorized(target, 'Basic !!!!')],
  [
    'Basic without a colon',
    malformed,
    (target) => authorized(target, `Basic ${Buffer.from('nobody').toString('base64')}`),
  ],
  [
    'a broken first Authorization before a good one',
    malformed,
    ({ client }) =>
      formRequest(grant, [['Authorization', 'Basic AAAA'], basic(client.clientId, client.secret)]),
  ],
]);

const placement = table('place', 'T18', [
  [
    'GET with everything in the query',
    malformed,
    (target) => ({ method: 'GET', path: `/auth/v1/token?${bodyOf(formRequest(credentialsOf(target)))}` }),
  ],
  ['GET with a body', malformed, (target) => ({ method: 'GET', ...formRequest(credentialsOf(target)) })],
  ['PUT', malformed, (target) => ({ method: 'PUT', ...formRequest(credentialsOf(target)) })],
  ['PATCH', malformed, (target) => ({ method: 'PATCH', ...formRequest(credentialsOf(target)) })],
  ['DELETE', malformed, (target) => ({ method: 'DELETE', ...formRequest(credentialsOf(target)) })],
  [
    'POST with everything in the query',
    malformed,
    (target) => ({ path: `/auth/v1/token?${bodyOf(formRequest(credentialsOf(target)))}` }),
  ],
  [
    'POST with the secret in the query',
    malformed,
    (target) => ({
      ...formRequest(without(credentialsOf(target), 'client_secret')),
      path: `/auth/v1/token?client_secret=${encodeURIComponent(target.client.secret)}`,
    }),
  ],
  [
    'POST with an unknown parameter in the query',
    malformed,
    (target) => ({ ...formRequest(credentialsOf(target)), path: '/auth/v1/token?x=1' }),
  ],
]);

/** The known parameter again, with the same value. */
const again = (name: string) => (target: Target) => {
  const form = name.startsWith('client_secret') ? credentialsOf(target) : exchangeOf(target);
  return withText(form, `&${name}=${encodeURIComponent(form[name] ?? '')}`);
};

const repeats = table('repeat', 'T18', [
  ...['grant_type', 'client_id', 'client_secret', 'subject_token', 'subject_token_type'].map(
    (name) => [`${name} twice`, malformed, again(name)] as const,
  ),
  [
    'client_id twice, once escaped',
    malformed,
    (target) => withText(credentialsOf(target), `&%63lient_id=${target.client.clientId}`),
  ],
  [
    'client_id of two clients',
    malformed,
    (target) => withText(credentialsOf(target), `&client_id=${encodeURIComponent(target.other.clientId)}`),
  ],
  ['an unknown parameter twice', malformed, (target) => withText(credentialsOf(target), '&x=1&x=1')],
]);

const bodies = table('body', 'T18', [
  ['JSON', malformed, (target) => typed(target, 'application/json', JSON.stringify(credentialsOf(target)))],
  [
    'multipart',
    malformed,
    ({ client }) => ({
      headers: [['Content-Type', 'multipart/form-data; boundary=b']],
      body: `--b\r\nContent-Disposition: form-data; name="client_id"\r\n\r\n${client.clientId}\r\n--b--\r\n`,
    }),
  ],
  ['text/plain', malformed, (target) => typed(target, 'text/plain')],
  ['no content type', malformed, (target) => ({ body: bodyOf(formRequest(credentialsOf(target))) })],
  ['two content types in one', malformed, (target) => typed(target, `${formType[1]}, application/json`)],
  [
    'UTF-16 under its charset',
    malformed,
    (target) =>
      typed(
        target,
        `${formType[1]}; charset=utf-16le`,
        Buffer.from(bodyOf(formRequest(credentialsOf(target))), 'utf16le'),
      ),
  ],
  [
    'gzip',
    malformed,
    (target) => ({
      headers: [formType, ['Content-Encoding', 'gzip']],
      body: gzipSync(bodyOf(formRequest(credentialsOf(target)))),
    }),
  ],
  [
    'a form of 64 KiB and a byte',
    tooLarge,
    (target) => withText(credentialsOf(target), `&x=${'a'.repeat(65_536)}`),
  ],
  [
    'an endless-looking chunked form',
    tooLarge,
    (target) => ({
      ...withText(credentialsOf(target), `&x=${'a'.repeat(70_000)}`),
      headers: [formType, ['Transfer-Encoding', 'chunked']],
    }),
  ],
  [
    '65 parameters',
    malformed,
    (target) =>
      withText(credentialsOf(target), Array.from({ length: 62 }, (_, index) => `&a${index}`).join('')),
  ],
  ['an empty body', malformed, () => ({ headers: [formType], body: '' })],
  ['raw bytes outside ASCII', malformed, (target) => withText(credentialsOf(target), '&x=\u00e9')],
  [
    'a byte order mark before the form',
    malformed,
    (target) => typed(target, formType[1], `\ufeff${bodyOf(formRequest(credentialsOf(target)))}`),
  ],
  [
    'a byte that is no UTF-8',
    malformed,
    (target) =>
      typed(
        target,
        formType[1],
        Buffer.from(`${bodyOf(formRequest(credentialsOf(target)))}&x=\xff`, 'latin1'),
      ),
  ],
  ['a broken escape', malformed, (target) => withText(credentialsOf(target), '&x=%4')],
  ['an escape that is no UTF-8', malformed, (target) => withText(credentialsOf(target), '&x=%ff')],
  ['NUL in a value', malformed, (target) => withText(credentialsOf(target), '&x=%00')],
]);

const grantTypes = table('grant', 'T18', [
  ['no grant_type', malformed, (target) => formRequest(without(credentialsOf(target), 'grant_type'))],
  ['an empty grant_type', malformed, (target) => formRequest(credentialsOf(target, { grant_type: '' }))],
  ...[
    'password',
    'authorization_code',
    'refresh_token',
    'CLIENT_CREDENTIALS',
    '__proto__',
    'client_credentials ',
  ].map(
    (name) =>
      [
        `grant_type ${name}`,
        noSuchGrant,
        (target: Target) => formRequest(credentialsOf(target, { grant_type: name })),
      ] as const,
  ),
  [
    'subject_token_type of an access token',
    malformed,
    (target) =>
      formRequest(
        exchangeOf(target, { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
      ),
  ],
  [
    'subject_token_type missing',
    malformed,
    (target) => formRequest(without(exchangeOf(target), 'subject_token_type')),
  ],
  [
    'requested_token_type of a refresh token',
    malformed,
    (target) =>
      formRequest(
        exchangeOf(target, { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
      ),
  ],
  ['an actor_token', malformed, (target) => formRequest(exchangeOf(target, { actor_token: 'x' }))],
  ['subject_token missing', malformed, (target) => formRequest(without(exchangeOf(target), 'subject_token'))],
  ['client_id missing', malformed, (target) => formRequest(without(exchangeOf(target), 'client_id'))],
]);

/** The form with one parameter in another spelling of its name. */
const renamed = (name: string, to: string) => (target: Target) => {
  const form = name === 'client_secret' ? credentialsOf(target) : exchangeOf(target);
  return withText(without(form, name), `&${to}=${encodeURIComponent(form[name] ?? '')}`);
};

const nesting = table('nest', 'T19', [
  ...[
    ['client_id', 'client_id[$ne]'],
    ['client_id', 'client_id[]'],
    ['client_id', 'client_id[0]'],
    ['client_secret', 'client_secret[$gt]'],
    ['client_secret', 'client_secret[$regex]'],
    ['client_secret', 'client_secret%5B$ne%5D'],
    ['client_id', 'client_id.$ne'],
    ['client_id', 'constructor[prototype][client_id]'],
    ['client_id', '__proto__[client_id]'],
    ['client_id', '__proto__.client_id'],
    ['client_secret', '__proto__'],
    ['grant_type' as const, 'grant_type[]'],
    ['subject_token', 'subject_token[$ne]'],
    ['subject_token', 'subject_token[]'],
  ].map(([name = '', to = '']) => [`${name} as ${to}`, malformed, renamed(name, to)] as const),
]);

const strangeIds = [
  '{"$ne":""}',
  '{"$regex":".*"}',
  '[object Object]',
  "' OR '1'='1' --",
  '*@gateway.example/spc',
  '.*',
  '__proto__@gateway.example/spc',
  'constructor@gateway.example/wfe',
  '../../etc/passwd',
  '\u{1f98a}-fox-1@gateway.example/spc',
  `${'a'.repeat(20_000)}@gateway.example/spc`,
  'null',
];

const injection = table('inject', 'T19', [
  ...strangeIds.map(
    (id) =>
      [
        `client_id ${id.slice(0, 40)} at the exchange`,
        exchangeRefused('trust_not_found'),
        (target: Target) => formRequest(exchangeOf(target, { client_id: id })),
      ] as const,
  ),
  ...strangeIds.map(
    (id) =>
      [
        `client_id ${id.slice(0, 40)} with a secret`,
        clientRefused('credential_not_found'),
        (target: Target) => formRequest(credentialsOf(target, { client_id: id })),
      ] as const,
  ),
  ...['{"$gt":""}', 'null', 'true', '[]', '__proto__'].map(
    (secret) =>
      [
        `client_secret ${secret}`,
        clientRefused('invalid_client_secret'),
        (target: Target) => formRequest(credentialsOf(target, { client_secret: secret })),
      ] as const,
  ),
  ...['{"$gt":""}', '{}', '...', '__proto__.__proto__.__proto__'].map(
    (token) =>
      [
        `subject_token ${token}`,
        exchangeRefused('invalid_jwt_format'),
        (target: Target) => formRequest(exchangeOf(target, { subject_token: token })),
      ] as const,
  ),
]);

export const parameterAttacks = [
  ...twoMethods,
  ...placement,
  ...repeats,
  ...bodies,
  ...grantTypes,
  ...nesting,
  ...injection,
];
