import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  loadSettings,
  type SettingSources,
  type Settings,
  type SettingsResult,
} from '../../src/config/load.ts';
import { settings as knownSettings } from '../../src/config/names.ts';
import { settingsSchema } from '../../src/config/schema.ts';

interface Case {
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Named settings file: an object (JSON) or YAML text. */
  readonly file?: object | string;
  readonly files?: Readonly<Record<string, string>>;
}

function load({ flags = {}, env = {}, file, files = {} }: Case): SettingsResult {
  const named = typeof file === 'string' ? 'my.yaml' : 'my.json';
  const content = typeof file === 'string' ? file : JSON.stringify(file);
  const all: Record<string, string> = file === undefined ? files : { ...files, [named]: content };
  const readFile = (path: string): string | undefined => (Object.hasOwn(all, path) ? all[path] : undefined);
  const places: SettingSources['files'] = { folder: 'config', ...(file === undefined ? {} : { named }) };
  return loadSettings({ flags, env, files: places, readFile });
}

function accepted(input: Case): Settings {
  const result = load(input);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.settings;
}

function refused(input: Case): readonly string[] {
  const result = load(input);
  if (result.ok) throw new Error('the settings were accepted');
  return result.problems;
}

const kek = 'k'.repeat(43);
const production: Case = {
  env: { KEK: kek },
  file: { publicUrl: 'https://postern.example.com', keys: { kek: 'env:KEK' } },
};
const demo: Case = { flags: { profile: 'demo' } };
const withFile = (file: object): Case => ({ ...demo, file });

describe('config: sources', () => {
  it('needs nothing in the demo profile', () => {
    const settings = accepted(demo);
    expect(settings).to.deep.include({
      profile: 'demo',
      publicUrl: 'http://127.0.0.1:8080',
      publicHost: '127.0.0.1:8080',
      audiences: ['127.0.0.1', 'localhost'],
      bootstrap: { secret: undefined },
    });
    expect(settings.token).to.deep.equal({
      exchangeTtlMs: 1_800_000,
      credentialsTtlMs: 3_600_000,
      personalTtlMs: 600_000,
      secretLabel: 'conductorone.com',
    });
    expect(settings.limits).to.include({ formBytes: 65_536, subjectTokenBytes: 16_384 });
    expect(settings.shutdown).to.deep.equal({ graceMs: 5000, drainMs: 20_000 });
  });

  it('needs an address and a key-encryption key in production', () => {
    const settings = accepted(production);
    expect(settings.profile).to.equal('production');
    expect(settings.audiences).to.deep.equal(['postern.example.com']);
    expect(settings.keys.kek?.reveal()).to.equal(kek);
    expect(JSON.stringify(settings)).not.to.include(kek);
    expect(refused({}).join()).to.include('publicUrl').and.include('keys.kek');
  });

  it('lets each source override the weaker ones', () => {
    const level = (input: Case): string => accepted({ ...demo, ...input }).log.level;
    const files = { 'config/demo.json': '{"log":{"level":"warn"}}' };
    const file = { log: { level: 'error' } };
    const env = { POSTERN_LOG__LEVEL: 'silent' };
    const flags = { profile: 'demo', 'log.level': 'debug' };
    expect(level({})).to.equal('info');
    expect(level({ files })).to.equal('warn');
    expect(level({ files, file })).to.equal('error');
    expect(level({ files, file, env })).to.equal('silent');
    expect(level({ files, file, env, flags })).to.equal('debug');
  });

  it('merges groups member by member', () => {
    const settings = accepted({
      ...withFile({ token: { exchangeTtl: '5m' } }),
      env: { POSTERN_TOKEN__PERSONAL_TTL: '1m' },
    });
    expect(settings.token).to.include({
      exchangeTtlMs: 300_000,
      personalTtlMs: 60_000,
      credentialsTtlMs: 3_600_000,
    });
  });

  it('takes the profile from the strongest source that names it', () => {
    expect(accepted({ file: { profile: 'demo' } }).profile).to.equal('demo');
    expect(accepted({ file: { profile: 'production' }, env: { POSTERN_PROFILE: 'demo' } }).profile).to.equal(
      'demo',
    );
    const files = { 'config/demo.json': '{"profile":"production"}' };
    expect(accepted({ ...demo, files }).profile).to.equal('demo');
    expect(refused({ env: { POSTERN_PROFILE: '../evil' } }).join()).to.include(
      'profile: must be demo or production',
    );
  });

  it('reads YAML and JSON alike', () => {
    const yaml = 'audiences:\n  - a.example\n  - b.example\nlimits: { inFlight: 7 }\n';
    expect(accepted({ ...demo, file: yaml })).to.deep.include({ audiences: ['a.example', 'b.example'] });
    expect(accepted({ ...demo, file: yaml }).limits.inFlight).to.equal(7);
    expect(accepted({ ...demo, file: '# nothing\n' }).log.level).to.equal('info');
  });

  it('gives variables the type of their setting', () => {
    const role = { id: 'auditor', name: 'Auditor', permissions: ['systemlog.read'] };
    const settings = accepted({
      ...demo,
      env: {
        POSTERN_LISTEN__PORT: '9000',
        POSTERN_PROVIDERS__ALLOW_INSECURE_ISSUERS: 'true',
        POSTERN_AUDIENCES: 'a.example, b.example',
        POSTERN_TRUSTED_PROXIES: '',
        POSTERN_ROLES: JSON.stringify([role]),
      },
    });
    expect(settings.listen.port).to.equal(9000);
    expect(settings.providers.allowInsecureIssuers).to.equal(true);
    expect(settings.audiences).to.deep.equal(['a.example', 'b.example']);
    expect(settings.trustedProxies).to.deep.equal([]);
    expect(settings.roles).to.deep.equal([role]);
  });

  it('freezes the result to its leaves', () => {
    const settings = accepted(demo);
    expect(() => Object.assign(settings, { profile: 'production' })).to.throw(TypeError);
    expect(() => Object.assign(settings.limits, { inFlight: 1 })).to.throw(TypeError);
    expect(() => (settings.audiences as string[]).push('evil')).to.throw(TypeError);
  });
});

describe('config: secrets', () => {
  const file = { publicUrl: 'https://postern.example.com' };

  it('are fetched from variables and files, without surrounding white space', () => {
    const fromFile = accepted({
      file: { ...file, keys: { kek: 'file:/kek' } },
      files: { '/kek': `${kek}\n` },
    });
    expect(fromFile.keys.kek?.reveal()).to.equal(kek);
    const short = accepted({ file, env: { POSTERN_KEYS__KEK_FILE: '/kek' }, files: { '/kek': kek } });
    expect(short.keys.kek?.reveal()).to.equal(kek);
    const named = accepted({
      file: { ...file, keys: { kek: 'env:POSTERN_KEK' } },
      env: { POSTERN_KEK: kek },
    });
    expect(named.keys.kek?.reveal()).to.equal(kek);
  });

  const rows: readonly (readonly [string, Case, string])[] = [
    ['absent variable', { file: { ...file, keys: { kek: 'env:NOPE' } } }, 'env:NOPE does not exist'],
    ['absent file', { file: { ...file, keys: { kek: 'file:/nope' } } }, 'file:/nope does not exist'],
    ['too short', { file: { ...file, keys: { kek: 'env:K' } }, env: { K: 'short-value' } }, 'fewer than 32'],
    ['inherited member', { file: { ...file, keys: { kek: 'env:constructor' } } }, 'keys.kek'],
    ['in the file itself', { file: { ...file, keys: { kek } } }, 'never the secret itself'],
  ];
  for (const [title, input, problem] of rows) {
    it(`refuses: ${title}`, () => {
      const text = refused(input).join('\n');
      expect(text).to.include(problem);
      expect(text).not.to.include(kek).and.not.include('short-value');
    });
  }
});

describe('config: refusals', () => {
  const rows: readonly (readonly [string, Case, string])[] = [
    ['unknown member', withFile({ token: { exchangTtl: '5m' } }), 'the nearest is token.exchangeTtl'],
    ['unknown group', withFile({ tokens: {} }), 'unknown setting "tokens"'],
    [
      'prototype member',
      { ...demo, file: '{"__proto__": {"profile": "demo"}}' },
      'unknown setting "__proto__"',
    ],
    ['inherited name', withFile({ constructor: 1 }), 'unknown setting "constructor"'],
    [
      'unknown variable',
      { ...demo, env: { POSTERN_TOKEN__EXCHANGE_TTI: '1m' } },
      'the nearest is POSTERN_TOKEN__EXCHANGE_TTL',
    ],
    ['no _FILE form', { ...demo, env: { POSTERN_LOG__LEVEL_FILE: '/x' } }, 'unknown environment variable'],
    ['unknown flag', { flags: { profile: 'demo', 'log.levl': 'info' } }, 'the nearest is log.level'],
    [
      'unknown member of a role',
      withFile({ roles: [{ id: 'a', name: 'A', permissions: [], x: 1 }] }),
      'roles[0]',
    ],
    ['group that is a value', withFile({ token: 5 }), 'token must hold settings by name'],
    ['file that is a list', { ...demo, file: '- a\n' }, 'the file must hold settings by name'],
    ['file that is no YAML', { ...demo, file: '{{{' }, 'is not well-formed YAML'],
    ['YAML bomb', { ...demo, file: 'a: &a [x]\nb: [*a, *a]\n' }, 'is not well-formed YAML'],
    [
      'repeated YAML key',
      { ...demo, file: 'log: {level: info}\nlog: {level: debug}\n' },
      'is not well-formed YAML',
    ],
    [
      'profile file that is no JSON',
      { ...demo, files: { 'config/demo.json': '{' } },
      'is not well-formed JSON',
    ],
    [
      'duration without unit',
      withFile({ token: { exchangeTtl: '30' } }),
      'token.exchangeTtl: must be a whole number and a unit',
    ],
    ['duration as number', withFile({ token: { exchangeTtl: 30 } }), 'token.exchangeTtl: must be text'],
    ['duration out of range', withFile({ token: { exchangeTtl: '25h' } }), 'must be between 1m and 24h'],
    ['size out of range', withFile({ limits: { formBytes: '2MiB' } }), 'must be between 1KiB and 1MiB'],
    ['number as text', withFile({ limits: { inFlight: '5' } }), 'limits.inFlight: must be a whole number'],
    ['fraction', withFile({ limits: { inFlight: 1.5 } }), 'limits.inFlight: must be a whole number'],
    [
      'variable that is no number',
      { ...demo, env: { POSTERN_LISTEN__PORT: '0x50' } },
      'listen.port: must be a whole number',
    ],
    [
      'variable that is no boolean',
      { ...demo, env: { POSTERN_PROVIDERS__ALLOW_INSECURE_ISSUERS: 'yes' } },
      'must be true or false',
    ],
    ['roles that are no JSON', { ...demo, env: { POSTERN_ROLES: '[{' } }, 'roles: must be a list'],
    [
      'role id twice',
      withFile({
        roles: [
          { id: 'a', name: 'A', permissions: [] },
          { id: 'a', name: 'B', permissions: [] },
        ],
      }),
      'must not repeat an id',
    ],
    [
      'audience with scheme',
      withFile({ audiences: ['https://a.example'] }),
      'audiences[0]: must be a lower-case host name',
    ],
    ['audience with port', withFile({ audiences: ['a.example:8443'] }), 'audiences[0]'],
    ['no audience', withFile({ audiences: [] }), 'audiences: must not be empty'],
    [
      'address range without prefix',
      withFile({ trustedProxies: ['10.0.0.1'] }),
      'trustedProxies[0]: must be an address range',
    ],
    ['address range too long', withFile({ trustedProxies: ['10.0.0.0/33'] }), 'trustedProxies[0]'],
    ['the whole world as proxy', withFile({ trustedProxies: ['0.0.0.0/0'] }), 'must not trust every address'],
    [
      'the whole world as proxy, IPv6',
      withFile({ trustedProxies: ['::/0'] }),
      'must not trust every address',
    ],
    [
      'free port without address',
      withFile({ listen: { port: 0 } }),
      'publicUrl: is required when listen.port is 0',
    ],
    ['foreign address', withFile({ listen: { host: '10.0.0.1' } }), 'publicUrl: is required'],
  ];
  for (const [title, input, problem] of rows) {
    it(`refuses: ${title}`, () => {
      expect(refused(input).join('\n')).to.include(problem);
    });
  }

  const origins: readonly string[] = [
    'https://postern.example.com/',
    'https://postern.example.com/path',
    'https://postern.example.com?x=1',
    'https://postern.example.com#x',
    'https://user@postern.example.com',
    'https://postern.example.com:443',
    'https://Postern.example.com',
    'http://postern.example.com',
    'http://127.0.0.1:8080',
    'ftp://postern.example.com',
    'postern.example.com',
    '',
  ];
  for (const publicUrl of origins) {
    it(`refuses the public address ${JSON.stringify(publicUrl)} in production`, () => {
      const problems = refused({ ...production, file: { publicUrl, keys: { kek: 'env:KEK' } } });
      expect(problems).to.have.lengthOf(1);
      expect(problems[0]).to.match(/^publicUrl: /);
    });
  }

  it('admits plain http in the demo profile on this machine only', () => {
    for (const publicUrl of ['http://127.0.0.1:1', 'http://localhost:8080', 'http://[::1]:8080']) {
      expect(accepted(withFile({ publicUrl })).publicUrl).to.equal(publicUrl);
    }
    expect(refused(withFile({ publicUrl: 'http://postern.example.com' })).join()).to.include('must be https');
  });

  it('admits development switches in the demo profile only', () => {
    const switches = { allowInsecureIssuers: true, allowPrivateIssuers: ['127.0.0.0/8'] };
    expect(accepted(withFile({ providers: switches })).providers).to.deep.equal(switches);
    const base = { publicUrl: 'https://postern.example.com', keys: { kek: 'env:KEK' } };
    const problems = refused({ ...production, file: { ...base, providers: switches } });
    expect(problems).to.have.lengthOf(2);
    const env = { NODE_ENV: 'production' };
    expect(refused({ ...withFile({ providers: switches }), env })).to.have.lengthOf(3);
    expect(refused({ ...demo, env }).join()).to.include('profile: demo is refused with NODE_ENV=production');
  });

  it('admits private networks in production unless they reach this machine itself', () => {
    const base = { publicUrl: 'https://postern.example.com', keys: { kek: 'env:KEK' } };
    const tryRanges = (...allowPrivateIssuers: string[]): SettingsResult =>
      load({ ...production, file: { ...base, providers: { allowPrivateIssuers } } });
    expect(tryRanges('10.0.0.0/8', 'fd00::/8', '192.168.0.0/16').ok).to.equal(true);
    for (const range of [
      '127.0.0.0/8',
      '127.8.0.0/16',
      '0.0.0.0/0',
      '::1/128',
      '::/0',
      '::ffff:127.0.0.0/104',
      '0.0.0.0/32',
    ]) {
      expect(tryRanges(range).ok, range).to.equal(false);
    }
  });

  it('only warns of a single-label host', () => {
    const result = load({ ...production, file: { publicUrl: 'https://postern', keys: { kek: 'env:KEK' } } });
    expect(result.ok && result.warnings).to.have.lengthOf(1);
    expect(load(production)).to.deep.include({ ok: true, warnings: [] });
  });

  it('reports all problems of all sources at once', () => {
    const problems = refused({
      flags: { nonsense: '1', 'listen.port': 'x' },
      env: { POSTERN_NONSENSE: '1', POSTERN_LOG__LEVEL: 'loud' },
      file: { nonsense: 1, publicUrl: 'http://x/', audiences: [], keys: { kek: 'env:NOPE' } },
      files: { 'config/production.json': '{"nonsense": 1}' },
    });
    const expected = [
      'config/production.json',
      'my.json',
      'POSTERN_NONSENSE',
      'unknown setting "nonsense"',
      'listen.port',
      'log.level',
      'publicUrl',
      'audiences',
      'env:NOPE',
    ];
    for (const part of expected) expect(problems.join('\n')).to.include(part);
    expect(problems).to.have.lengthOf(9);
  });

  it('ignores variables of the test suite, of client tools and of others', () => {
    const env = {
      POSTERN_TEST_MONGODB_URL: 'x',
      POSTERN_VECTORS: 'x',
      POSTERN_SERVER_URL: 'x',
      PATH: 'x',
      POSTERNX: 'x',
    };
    expect(accepted({ ...demo, env }).profile).to.equal('demo');
  });

  it('says when the named file is missing or unreadable', () => {
    const base = { env: {}, flags: { profile: 'demo' }, files: { folder: 'config', named: 'gone.yaml' } };
    const missing = loadSettings({ ...base, readFile: () => undefined });
    expect(missing).to.deep.equal({ ok: false, problems: ['gone.yaml: no such file'] });
    const readFile = (path: string): string | undefined => {
      if (path === 'gone.yaml') return undefined;
      throw new Error('EACCES');
    };
    const unreadable = loadSettings({ ...base, readFile });
    expect(unreadable.ok ? [] : unreadable.problems).to.include('config/demo.json: cannot be read');
  });
});

describe('config: properties and shipped files', () => {
  const shipped = (name: string): string =>
    readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8');
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string(), { maxLength: 3 }),
  );
  const names = [...knownSettings.keys()];

  it('property: the loader never throws, and either gives settings or says why not', () => {
    const group = fc.dictionary(
      fc.oneof(fc.constantFrom('exchangeTtl', 'kek', 'port', '__proto__'), fc.string()),
      value,
      { maxKeys: 4 },
    );
    const file = fc.dictionary(
      fc.oneof(fc.constantFrom(...names.map((name) => `${name.split('.')[0]}`)), fc.string()),
      fc.oneof(value, group),
      { maxKeys: 6 },
    );
    const variable = fc.oneof(
      fc.constantFrom(...[...knownSettings.values()].map((setting) => setting.variable)),
      fc.string().map((text) => `POSTERN_${text}`),
    );
    const flags = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.string(), {
      maxKeys: 4,
    });
    fc.assert(
      fc.property(
        fc.oneof(file, fc.string()),
        fc.dictionary(variable, fc.string(), { maxKeys: 4 }),
        flags,
        (content, env, flag) => {
          const result = load({ file: content, env, flags: flag });
          if (result.ok) expect(Object.isFrozen(result.settings)).to.equal(true);
          else expect(result.problems).not.to.have.lengthOf(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('property: every one of many mistakes is reported', () => {
    const numbers = [...knownSettings.values()]
      .filter(({ type }) => type === 'integer')
      .map(({ name }) => name);
    fc.assert(
      fc.property(
        fc.subarray(numbers),
        fc.uniqueArray(fc.stringMatching(/^[A-Z]{3,9}$/), { maxLength: 5 }),
        (wrong, unknown) => {
          const flags = { profile: 'demo', ...Object.fromEntries(wrong.map((name) => [name, 'many'])) };
          const env = Object.fromEntries(unknown.map((name) => [`POSTERN_ZZ${name}`, '1']));
          const result = load({ flags, env });
          const problems = result.ok ? [] : result.problems;
          for (const name of wrong)
            expect(problems.filter((text) => text.startsWith(`${name}:`))).to.have.lengthOf(1);
          for (const name of unknown) expect(problems.join('\n')).to.include(`"POSTERN_ZZ${name}"`);
          expect(problems).to.have.lengthOf(wrong.length + unknown.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('mirrors the defaults in config/default.json', () => {
    const parsed = JSON.parse(shipped('default.json')) as object;
    expect(settingsSchema.parse(parsed)).to.deep.equal(settingsSchema.parse({}));
    const present = Object.entries(parsed).flatMap(([name, member]) =>
      knownSettings.has(name) ? [name] : Object.keys(member as object).map((leaf) => `${name}.${leaf}`),
    );
    const withDefault = [...knownSettings.values()].filter((setting) => setting.default !== undefined);
    expect(present.toSorted()).to.deep.equal(withDefault.map(({ name }) => name).toSorted());
  });

  it('ships a demo file and a production example that load', () => {
    expect(
      accepted({ ...demo, files: { 'config/demo.json': shipped('demo.json') } }).providers
        .allowInsecureIssuers,
    ).to.equal(true);
    const files = { '/run/secrets/postern-kek': kek };
    const example = accepted({ file: shipped('production.example.yaml'), files });
    expect(example.profile).to.equal('production');
    expect(example.roles).to.have.lengthOf(1);
  });

  it('describes every setting', () => {
    for (const { name, description } of knownSettings.values())
      expect(description, name).to.match(/^[A-Z`].*\.$/s);
  });
});
