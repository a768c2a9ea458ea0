/** Attacks by the claims of a token that is signed by the right key: T4, T5, T8–T11 of security.md. */

import type { ReasonCode } from '../../src/kernel/error-catalogue.ts';
import type { AttackRow, Forge } from './forge.ts';

type Claims = Readonly<Record<string, unknown>>;
type Rows = readonly (readonly [title: string, claims: (lab: Forge) => Claims | string])[];

const header = { alg: 'RS256', kid: 'rsa', typ: 'JWT' };

const rows = (
  prefix: string,
  threat: string,
  reason: ReasonCode,
  proven: boolean,
  table: Rows,
): AttackRow[] =>
  table.map(([title, claims], index) => ({
    id: `${prefix}-${String(index + 1).padStart(2, '0')}`,
    threat,
    title,
    forge: (lab) => {
      const made = claims(lab);
      return lab.sign(header, typeof made === 'string' ? made : lab.claims(made));
    },
    reason,
    proven,
  }));

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'absent';

/** Honest claims with text added before the closing brace. */
const withText =
  (text: string) =>
  (lab: Forge): string =>
    `${JSON.stringify(lab.claims()).slice(0, -1)},${text}}`;

const repeated: Rows = [
  ['iss twice', (lab) => withText(`"iss":${JSON.stringify(lab.issuer)}`)(lab)],
  ['aud twice', (lab) => withText(`"aud":${JSON.stringify(lab.audience)}`)(lab)],
  ['sub twice', withText('"sub":"repo:acme/admin"')],
  ['exp twice', withText('"exp":9999999999')],
  ['a foreign iss first', (lab) => `{"iss":"https://evil.example",${JSON.stringify(lab.claims()).slice(1)}`],
  ['a key spelled by escapes', withText('"\\u0073ub":"repo:acme/admin"')],
  ['repeated inside an object', withText('"x":{"a":1,"a":2}')],
  ['repeated inside an array', withText('"x":[1,{"a":{},"a":[]}]')],
  ['repeated six levels down', withText('"x":[[[[[{"a":1,"b":2,"a":1}]]]]]')],
  ['an empty key twice', withText('"":1,"":2')],
  ['a key with a quote twice', withText('"q\\"":1,"q\\"":2')],
  ['a key with a colon twice', withText('"a:b":1,"a:b":2')],
  ['own __proto__', withText('"__proto__":{"sub":"repo:acme/admin"}')],
  ['own __proto__ inside', withText('"x":{"__proto__":{}}')],
];

const nested = (open: string, close: string, depth: number): string =>
  `"x":${open.repeat(depth)}1${close.repeat(depth)}`;
const members = (count: number): string =>
  Array.from({ length: count }, (_, index) => `"m${index}":0`).join();

const large: Rows = [
  ['objects 17 deep', withText(nested('{"a":', '}', 16))],
  ['arrays 17 deep', withText(nested('[', ']', 16))],
  ['arrays 3,000 deep', withText(nested('[', ']', 3_000))],
  ['257 claims', withText(members(250))],
  ['1,000 claims', withText(members(1_000))],
  ['300 members in one claim', withText(`"x":{${members(300)}}`)],
  ['a token above 16 KiB', withText(`"x":"${'a'.repeat(13_000)}"`)],
  ['a token of 40 KB', withText(`"x":"${'a'.repeat(30_000)}"`)],
];

const scheme = /^https?:\/\//;

const issuers: Rows = [
  ['slash added', (lab) => ({ iss: `${lab.issuer}/` })],
  ['two slashes added', (lab) => ({ iss: `${lab.issuer}//` })],
  ['upper-case', (lab) => ({ iss: lab.issuer.toUpperCase() })],
  ['upper-case scheme', (lab) => ({ iss: lab.issuer.replace(/^h/, 'H') })],
  ['default port', (lab) => ({ iss: `${lab.issuer}:443` })],
  ['userinfo', (lab) => ({ iss: lab.issuer.replace(scheme, (text) => `${text}user@`) })],
  ['issuer as userinfo of a stranger', (lab) => ({ iss: `${lab.issuer}@evil.example` })],
  ['issuer as subdomain of a stranger', (lab) => ({ iss: `${lab.issuer}.evil.example` })],
  ['issuer as prefix', (lab) => ({ iss: `${lab.issuer}/tenant` })],
  ['issuer cut by one character', (lab) => ({ iss: lab.issuer.slice(0, -1) })],
  ['query', (lab) => ({ iss: `${lab.issuer}?x` })],
  ['fragment', (lab) => ({ iss: `${lab.issuer}#` })],
  ['dot segment', (lab) => ({ iss: `${lab.issuer}/.` })],
  ['no scheme', (lab) => ({ iss: lab.issuer.replace(scheme, '') })],
  ['other scheme', (lab) => ({ iss: lab.issuer.replace(scheme, 'ftp://') })],
  ['space before', (lab) => ({ iss: ` ${lab.issuer}` })],
  ['newline after', (lab) => ({ iss: `${lab.issuer}\n` })],
  ['NUL after', (lab) => ({ iss: `${lab.issuer}\u0000` })],
  ['Cyrillic look-alike', (lab) => ({ iss: lab.issuer.replace(/[oeac]/, '\u0435') })],
  ['punycode', (lab) => ({ iss: lab.issuer.replace(scheme, (text) => `${text}xn--`) })],
  ['percent encoding', (lab) => ({ iss: `${lab.issuer}%2f` })],
  ['a stranger', () => ({ iss: 'https://evil.example' })],
  ['absent', () => ({ iss: undefined })],
  ['null', () => ({ iss: null })],
  ['empty', () => ({ iss: '' })],
  ['array of the issuer', (lab) => ({ iss: [lab.issuer] })],
  ['object', (lab) => ({ iss: { $eq: lab.issuer } })],
  ['number', () => ({ iss: 0 })],
];

const audiences: Rows = [
  ['absent', () => ({ aud: undefined })],
  ['null', () => ({ aud: null })],
  ['empty', () => ({ aud: '' })],
  ['number', () => ({ aud: 1 })],
  ['true', () => ({ aud: true })],
  ['no entry', () => ({ aud: [] })],
  ['an empty entry', () => ({ aud: [''] })],
  ['ours and another', (lab) => ({ aud: [lab.audience, 'other.example'] })],
  ['another and ours', (lab) => ({ aud: ['other.example', lab.audience] })],
  ['ours twice', (lab) => ({ aud: [lab.audience, lab.audience] })],
  ['ours and a number', (lab) => ({ aud: [lab.audience, 1] })],
  ['ours one level down', (lab) => ({ aud: [[lab.audience]] })],
  ['object', (lab) => ({ aud: { 0: lab.audience, length: 1 } })],
  ['ours as part of a text', (lab) => ({ aud: `x${lab.audience}x` })],
  ['part of ours', (lab) => ({ aud: lab.audience.slice(1) })],
  ['ours in upper case', (lab) => ({ aud: lab.audience.toUpperCase() })],
  ['ours with a slash', (lab) => ({ aud: `${lab.audience}/` })],
  ['ours and another in one text', (lab) => ({ aud: `${lab.audience} other.example` })],
  ['space after ours', (lab) => ({ aud: `${lab.audience} ` })],
  ['a stranger', () => ({ aud: 'other.example' })],
];

const text = (name: string, value: string) => (lab: Forge) =>
  `${JSON.stringify(lab.claims({ [name]: undefined })).slice(0, -1)},"${name}":${value}}`;

const malformedTimes: Rows = [
  ...(['exp', 'nbf', 'iat'] as const).flatMap((name) =>
    ['null', '"1900000000"', '1900000000.5', '-1', '1e400', '9007199254740993', 'true', '[1900000000]'].map(
      (value) => [`${name} is ${value}`, text(name, value)] as const,
    ),
  ),
  ['exp absent', () => ({ exp: undefined })],
  ['exp before iat', (lab) => ({ iat: lab.now + 20, exp: lab.now + 10 })],
];

const expired: Rows = [
  ['exp 30 s ago', (lab) => ({ exp: lab.now - 30 })],
  ['exp a day ago', (lab) => ({ exp: lab.now - 86_400 })],
  ['exp 0', () => ({ exp: 0 })],
];

const early: Rows = [
  ['nbf 31 s ahead', (lab) => ({ nbf: lab.now + 31 })],
  ['nbf a year ahead', (lab) => ({ nbf: lab.now + 31_536_000 })],
  ['iat 31 s ahead', (lab) => ({ iat: lab.now + 31 })],
  ['iat a day ahead', (lab) => ({ iat: lab.now + 86_400, exp: lab.now + 90_000 })],
];

const old: Rows = [
  ['iat 601 s ago', (lab) => ({ iat: lab.now - 601 })],
  ['iat 0', () => ({ iat: 0 })],
  ['a life of a day and a second', (lab) => ({ exp: lab.now + 86_401 })],
  ['a life of a hundred years', (lab) => ({ exp: lab.now + 3_155_760_000 })],
];

const subjects: Rows = [undefined, null, '', 0, true, ['repo:acme/infra'], { repo: 'acme/infra' }].map(
  (sub) => [`sub is ${show(sub)}`, () => ({ sub })] as const,
);

/** Written for a provider with `maxAgeSeconds` 600, `maxLifetimeSeconds` 86,400 and `audienceMode` single. */
export const claimAttacks: readonly AttackRow[] = [
  ...rows('dup', 'T4', 'invalid_jwt_format', false, repeated),
  ...rows('size', 'T5', 'invalid_jwt_format', false, large),
  ...rows('iss', 'T8', 'issuer_mismatch', false, issuers),
  ...rows('aud', 'T10', 'audience_mismatch', false, audiences),
  ...rows('time', 'T11', 'invalid_jwt_format', true, malformedTimes),
  ...rows('exp', 'T11', 'token_expired', true, expired),
  ...rows('early', 'T11', 'token_not_yet_valid', true, early),
  ...rows('old', 'T11', 'token_too_old', true, old),
  ...rows('noiat', 'T11', 'missing_iat', true, [['iat absent', () => ({ iat: undefined })]]),
  ...rows('sub', 'T11', 'subject_mismatch', true, subjects),
];
