import { z } from 'zod';
import { isCidr, isEverything } from './addresses.ts';
import { duration, secretRef, size } from './units.ts';

/**
 * What an operator may set: the one schema behind types, JSON Schema, `docs/config.md` and the environment names.
 * Durations become `…Ms` and sizes `…Bytes` in the parsed result. What only makes sense in combination is judged in `safety.ts`.
 */

const flag = z.boolean('must be true or false');
const listOf = <Item extends z.ZodType>(item: Item) => z.array(item, 'must be a list');
const text = (shape: RegExp, message: string) => z.string(message).regex(shape, message);
const count = (least: number, most: number) => {
  const message = `must be a whole number between ${least} and ${most}`;
  return z.int(message).min(least, message).max(most, message);
};

const hostName = text(
  /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/,
  'must be a lower-case host name without scheme, port or path',
);
const hostWithPort = text(
  /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/,
  'must be a lower-case host, with a port if it has one',
);
const cidr = z
  .string('must be an address range such as 10.0.0.0/8')
  .refine(isCidr, 'must be an address range such as 10.0.0.0/8');

const listen = z
  .strictObject({
    host: z
      .string('must be an address or host name')
      .min(1)
      .default('127.0.0.1')
      .describe('Address to listen on.'),
    port: count(0, 65_535)
      .default(8080)
      .describe('Port to listen on; 0 takes any free one and needs `publicUrl` to be set.'),
  })
  .prefault({});

const role = z.strictObject({
  id: text(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be lower-case letters, digits and hyphens'),
  name: z.string().min(1).max(512),
  permissions: listOf(text(/^[A-Za-z]+\.[A-Za-z]+$/, 'must be a permission such as principals.edit')),
});

const roles = listOf(role)
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, 'must not repeat an id')
  .default([])
  .describe('Custom roles beside the built-in ones: a list of objects with `id`, `name` and `permissions`.');

const token = z
  .strictObject({
    exchangeTtl: duration('1m', '24h')
      .prefault('30m')
      .describe('Lifetime of an access token made by token exchange.'),
    credentialsTtl: duration('1m', '24h')
      .prefault('60m')
      .describe('Lifetime of an access token made with a credential of a service principal.'),
    personalTtl: duration('1m', '24h')
      .prefault('10m')
      .describe('Lifetime of an access token made with a personal client.'),
    secretLabel: text(/^[a-z0-9][a-z0-9.-]{0,252}$/, 'must be a lower-case host name')
      .default('conductorone.com')
      .describe('Second part of every client secret; existing client tools accept only the default.'),
  })
  .transform(({ exchangeTtl, credentialsTtl, personalTtl, ...rest }) => ({
    ...rest,
    exchangeTtlMs: exchangeTtl,
    credentialsTtlMs: credentialsTtl,
    personalTtlMs: personalTtl,
  }))
  .prefault({});

const denials = z
  .strictObject({
    explain: z
      .enum(['signed', 'never'], 'must be signed or never')
      .default('signed')
      .describe(
        'Who learns why an exchange was refused: `signed` tells jobs whose token has proven itself, `never` tells none. Owners always see the reason.',
      ),
    samplesPerMinute: count(0, 6000)
      .default(20)
      .describe(
        'Unproven refusals recorded in full, per reason, source address and minute; further ones are only counted.',
      ),
  })
  .prefault({});

const providers = z
  .strictObject({
    allowInsecureIssuers: flag
      .default(false)
      .describe('Accepts issuers on this machine by plain http. Only in the `demo` profile.'),
    allowPrivateIssuers: listOf(cidr)
      .default([])
      .describe(
        'Private networks in which issuers may live. Ranges that reach this machine itself only in the `demo` profile.',
      ),
  })
  .prefault({});

const store = z
  .strictObject({
    kind: z
      .enum(['sqlite', 'memory'], 'must be sqlite or memory')
      .default('sqlite')
      .describe('Where state lives; `memory` forgets everything at the end and is meant for trials.'),
    path: z
      .string('must be a file path')
      .min(1, 'must be a file path')
      .default('.postern/postern.db')
      .describe('Database file of the `sqlite` store.'),
  })
  .prefault({});

const keys = z
  .strictObject({
    kek: secretRef
      .optional()
      .describe(
        'Key-encryption key that wraps the signing keys at rest, at least 32 characters. Required in the `production` profile; the `demo` profile makes its own.',
      ),
  })
  .prefault({});

const limits = z
  .strictObject({
    inFlight: count(1, 100_000).default(512).describe('Requests in progress above which new ones get 503.'),
    connections: count(1, 1_000_000)
      .default(4096)
      .describe('Open connections above which new ones are closed.'),
    formBytes: size('1KiB', '1MiB').prefault('64KiB').describe('Largest body of a token request.'),
    subjectTokenBytes: size('1KiB', '64KiB').prefault('16KiB').describe('Largest subject token.'),
    principals: count(1, 100_000).default(1000).describe('Service principals in all.'),
    providers: count(1, 1000).default(100).describe('Providers in all.'),
    trustsPerPrincipal: count(1, 1000).default(100).describe('Trusts of one service principal.'),
    credentialsPerPrincipal: count(1, 1000).default(32).describe('Credentials of one service principal.'),
  })
  .prefault({});

const bootstrap = z
  .strictObject({
    secret: secretRef
      .optional()
      .describe(
        'Secret that makes the first super admin, at least 16 characters. Without it one is made and printed at the first start.',
      ),
  })
  .prefault({});

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
      .default('info')
      .describe('Least severe message that is written.'),
  })
  .prefault({});

const shutdown = z
  .strictObject({
    grace: duration('0s', '5m')
      .prefault('5s')
      .describe(
        'How long a stopping server still takes requests while it already reports that it is not ready.',
      ),
    drain: duration('0s', '10m')
      .prefault('20s')
      .describe('How long requests in progress may then take to finish.'),
  })
  .transform(({ grace, drain }) => ({ graceMs: grace, drainMs: drain }))
  .prefault({});

export const settingsSchema = z.strictObject({
  profile: z
    .enum(['demo', 'production'], 'must be demo or production')
    .default('production')
    .describe('`demo` allows imitation issuers and plain http on this machine; `production` refuses both.'),
  publicUrl: z
    .string('must be an origin such as https://postern.example.com')
    .optional()
    .describe(
      'The origin that clients use, `https://host[:port]`. Required; only the `demo` profile derives it from `listen`.',
    ),
  listen,
  audiences: listOf(hostName)
    .optional()
    .describe(
      'Bare host names accepted as audience of subject tokens and assertions. Default: the host of `publicUrl` without its port; the `demo` profile adds `localhost` and `127.0.0.1`.',
    ),
  clientIdHosts: listOf(hostWithPort)
    .default([])
    .describe('Former public hosts that are still accepted inside client ids.'),
  trustedProxies: listOf(
    cidr.refine((range) => !isEverything(range), 'must not trust every address of the world'),
  )
    .default([])
    .describe('Address ranges of proxies whose `X-Forwarded-For` is believed.'),
  roles,
  token,
  denials,
  providers,
  store,
  keys,
  limits,
  bootstrap,
  log,
  shutdown,
});

export type ParsedSettings = z.output<typeof settingsSchema>;
