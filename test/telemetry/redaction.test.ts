import { expect } from 'chai';
import fc from 'fast-check';
import { Secret } from '../../src/kernel/secret.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { redact, scrubText } from '../../src/telemetry/redaction.ts';

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const jwt = `${base64url('{"alg":"RS256","kid":"a"}')}.${base64url('{"iss":"x","sub":"repo:acme/infra"}')}.c2lnbmF0dXJlLWJ5dGVz`;
const clientSecret = `secret-token:conductorone.com:v1:${base64url('{"kty":"OKP","crv":"Ed25519","x":"abc","d":"topsecret-d"}')}`;

function logged(fields: Readonly<Record<string, unknown>>, message = 'message', pretty = false): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  createLogger({ level: 'debug', pretty, destination }).info(fields, message);
  return lines.join('');
}

describe('telemetry: redaction', () => {
  const texts: readonly (readonly [string, string, string])[] = [
    ['a JWT alone', jwt, 'c2lnbmF0dXJl'],
    ['a JWT after other text', `token=${jwt}&x=1`, base64url('{"iss":"x"').slice(0, 10)],
    ['a JWT glued to a word', `prefix${jwt}`, 'c2lnbmF0dXJl'],
    [
      'a JWT whose header begins with white space',
      `${base64url('{ "alg": "ES256" }')}.e30.c2ln`,
      '.e30.c2ln',
    ],
    ['a JWT whose header begins with a newline', `${base64url('{\n"alg": "ES256"}')}.e30.c2ln`, '.e30.c2ln'],
    ['a JWT without signature', jwt.slice(0, jwt.lastIndexOf('.')), base64url('{"iss":"x"').slice(0, 10)],
    ['a client secret', `secret is ${clientSecret}.`, clientSecret.slice(-20)],
    [
      'a client secret in a form',
      `client_secret=${encodeURIComponent(clientSecret)}&a=b`,
      clientSecret.slice(-20),
    ],
    ['a short Basic header', 'Authorization: Basic YTpi', 'YTpi'],
    ['a header in JSON text', '{"authorization":"Basic YTpi","b":1}', 'YTpi'],
    ['a bearer value', 'got Bearer 0123456789abcdef0123', '0123456789abcdef'],
    ['a proof', 'DPoP abcdefghijklmnop1234', 'abcdefghijklmnop'],
    ['a cookie', 'Cookie: session=hunter22', 'hunter22'],
    ['a form parameter', 'client_secret=hunter22&grant_type=x', 'hunter22'],
    ['an assertion in JSON text', '{"client_assertion": "hunter22"}', 'hunter22'],
    ['an escaped member', '{\\"access_token\\":\\"hunter22\\"}', 'hunter22'],
    ['a private JWK', '{"kty":"OKP","d":"hunter22","x":"abc"}', 'hunter22'],
    ['an escaped private JWK', '{\\"d\\":\\"hunter22\\"}', 'hunter22'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----', 'hunter22'],
  ];
  for (const [title, text, part] of texts) {
    it(`removes ${title} from text`, () => {
      expect(text).to.include(part);
      expect(scrubText(text)).not.to.include(part);
      expect(logged({ text }, text)).not.to.include(part);
    });
  }

  for (const text of [
    'the authorization of the caller failed',
    'request 0193f2a4c5d6e7f8a9b0c1d2e3f4a5b6 from 10.0.0.1 refused',
    'swift-otter-19384@gateway.example.com:8443/wfe',
    'https://token.actions.githubusercontent.com/.well-known/openid-configuration',
    'bearer token missing',
    'cel-js@8.0.0/policy-1',
  ]) {
    it(`leaves "${text}" alone`, () => {
      expect(scrubText(text)).to.equal(text);
    });
  }

  const secretMembers = [
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'clientSecret',
    'client_secret',
    'client_assertion',
    'subject_token',
    'subjectToken',
    'access_token',
    'token',
    'password',
    'kek',
    'd',
    'DPoP',
    'privateKey',
    'secret',
    'code_verifier',
  ];
  for (const name of secretMembers) {
    it(`hides the member ${name} whatever its value is`, () => {
      for (const value of ['hunter22', ['hunter22'], { inner: 'hunter22' }]) {
        expect(logged({ headers: { [name]: value } })).not.to.include('hunter22');
      }
    });
  }

  it('hides values in raw header lists', () => {
    const raw = ['Host', 'gateway', 'Authorization', 'Basic YTpi', 'Accept', '*/*'];
    expect(redact(raw)).to.deep.equal(['Host', 'gateway', 'Authorization', '[redacted]', 'Accept', '*/*']);
    expect(redact([['cookie', 'hunter22']])).to.deep.equal([['cookie', '[redacted]']]);
  });

  it('hides what errors and their causes carry', () => {
    const cause = Object.assign(new Error(`inner ${jwt}`), { detail: clientSecret });
    const line = logged({ err: new Error(`outer ${clientSecret}`, { cause }) });
    expect(line).to.include('outer').and.include('inner').and.include('[redacted]');
    expect(line).not.to.include(clientSecret.slice(-20)).and.not.include('c2lnbmF0dXJl');
  });

  it('writes Secret, bytes and cycles harmlessly', () => {
    const cycle: Record<string, unknown> = {
      secret2: new Secret('hunter22'),
      bytes: Buffer.from('hunter22'),
    };
    cycle['self'] = cycle;
    const line = logged({ cycle });
    expect(line).to.include('[secret]').and.include('[8 bytes]');
    expect(line).not.to.include('hunter22').and.not.include('104,117');
  });

  it('survives getters that throw and bounds what it writes', () => {
    const hostile = {
      get bad(): never {
        throw new Error('no');
      },
    };
    expect(redact({ hostile })).to.deep.equal({ hostile: '[unreadable]' });
    expect(logged({ many: Array.from({ length: 100_000 }, () => 'x') }).length).to.be.below(10_000);
    expect(logged({ long: 'x'.repeat(1_000_000) }, 'y'.repeat(1_000_000)).length).to.be.below(10_000);
  });

  it('stays linear on hostile text', () => {
    const texts = [
      'eyJ',
      '.eyJ',
      'Bearer ',
      'authorization',
      '"d"',
      'cookie=',
      'secret-token:',
      '-----BEGIN ',
    ];
    const startMs = performance.now();
    for (const text of texts) scrubText(text.repeat(100_000));
    expect(performance.now() - startMs).to.be.below(1000);
  });

  it('property: no token and no secret survives, whatever the nesting', () => {
    const needle = fc.constantFrom(
      jwt,
      clientSecret,
      `Authorization: Basic ${base64url('id:hunter22hunter22')}`,
    );
    const dirty = fc.tuple(fc.string(), needle, fc.string()).map(([before, secret, after]) => ({
      text: `${before} ${secret} ${after}`,
    }));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        dirty.map(({ text }) => text),
        fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4 }),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.tuple(dirty, tie('tree')).map(([{ text }, cause]) => new Error(text, { cause })),
        tie('tree').map((value) => new Map([['key', value]])),
        dirty.map(({ text }) => ({ [text]: text })),
        dirty.map(({ text }) => ({ toJSON: () => text })),
        dirty.map(({ text }) => JSON.stringify({ deep: JSON.stringify({ text }) })),
      ),
    }));
    fc.assert(
      fc.property(tree, dirty, fc.boolean(), (value, { text }, pretty) => {
        const line = logged({ value }, text, pretty);
        for (const part of [
          'c2lnbmF0dXJl',
          clientSecret.slice(-20),
          base64url('id:hunter22hunter22').slice(0, 16),
        ]) {
          expect(line).not.to.include(part);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('telemetry: logger', () => {
  it('writes one JSON object a line, with level, time, message and fields', () => {
    const line = JSON.parse(logged({ requestId: 'abc' }, 'started')) as Record<string, unknown>;
    expect(line).to.include({ level: 'info', msg: 'started', requestId: 'abc' });
    expect(Date.parse(String(line['time']))).to.be.greaterThan(0);
  });

  it('writes text for people that cannot steer their terminal', () => {
    const line = logged({ name: 'a\u001b[2Jb\nc' }, 'hello\u001b[31m\nworld', true);
    expect(line).to.match(/^\d\d:\d\d:\d\d info {2}hello/);
    expect(line.trimEnd()).not.to.match(/\p{Cc}/u);
  });

  it('keeps quiet below its level', () => {
    const lines: string[] = [];
    const log = createLogger({
      level: 'warn',
      pretty: false,
      destination: { write: (line) => void lines.push(line) },
    });
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).to.deep.equal(['c', 'd']);
  });
});
