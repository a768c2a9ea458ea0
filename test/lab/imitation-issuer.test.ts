import { createConnection } from 'node:net';
import { expect } from 'chai';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { readPresetFolder } from '../../src/config/preset-folder.ts';
import { loadPresets } from '../../src/federation/presets.ts';
import { type ImitationIssuer, startImitationIssuer } from '../../src/lab/imitation-issuer.ts';
import { createFakeClock, createFakeScheduler, type FakeScheduler, seededRandom } from '../fakes.ts';

const presets = loadPresets(readPresetFolder('config/presets'));
const clock = createFakeClock();
const random = seededRandom(11);

function start(
  id: string,
  scheduler: FakeScheduler,
  profile: 'demo' | 'production' = 'demo',
): Promise<ImitationIssuer> {
  const preset = presets.get(id) ?? expect.fail(`no preset ${id}`);
  return startImitationIssuer({ preset, profile, clock, random, scheduler });
}

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}
type Texts = Record<string, string>;

async function getJson<Body = Texts>(url: string, headers: Texts = {}): Promise<Answer<Body>> {
  const response = await fetch(url, { headers });
  return { status: response.status, body: (await response.json()) as Body };
}

async function post(url: string, body: unknown): Promise<Answer<Texts>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method: 'POST', body: text });
  return { status: response.status, body: (await response.json()) as Texts };
}

/** Sends the text as it is and returns the first line of the answer. */
function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    socket.once('data', (data) => {
      resolve(data.toString('latin1').split('\r\n')[0] ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

describe('imitation issuers', () => {
  const scheduler = createFakeScheduler(clock);
  let github: ImitationIssuer;
  let gitlab: ImitationIssuer;
  before(async () => {
    github = await start('github-actions', scheduler);
    gitlab = await start('gitlab-ci', scheduler);
  });
  after(() => Promise.all([github.close(), gitlab.close()]));

  it('do not start in production', async () => {
    const outcome = await start('github-actions', scheduler, 'production').then(() => 'started', String);
    expect(outcome).to.include('do not start in production');
  });

  it('listen on the loopback address only', () => {
    for (const { url } of [github, gitlab]) expect(url).to.match(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('serve discovery and keys at the paths of the platform, and tokens that verify against them', async () => {
    for (const [issuer, path] of [
      [github, '/.well-known/jwks'],
      [gitlab, '/oauth/discovery/keys'],
    ] as const) {
      const { body: discovered } = await getJson(`${issuer.url}/.well-known/openid-configuration`);
      expect(discovered).to.include({ issuer: issuer.url, jwks_uri: `${issuer.url}${path}` });
      const { body: keySet } = await getJson<JSONWebKeySet>(discovered['jwks_uri'] ?? '');
      const minted = await post(`${issuer.url}/mint`, { audience: 'postern.example', claims: { ref: 'x' } });
      const { payload } = await jwtVerify(minted.body['token'] ?? '', createLocalJWKSet(keySet), {
        issuer: issuer.url,
        audience: 'postern.example',
        currentDate: new Date(clock.nowMs()),
      });
      expect(payload['ref']).to.equal('x');
    }
  });

  it('publish rotated keys at once', async () => {
    const kid = await gitlab.mint.rotate();
    const { body } = await getJson<JSONWebKeySet>(`${gitlab.url}/oauth/discovery/keys`);
    expect(body.keys.map((key) => key.kid))
      .to.include(kid)
      .and.have.length(2);
  });

  it('use other keys at each start', async () => {
    const other = await start('github-actions', scheduler);
    expect(other.mint.keySet().keys[0]).to.not.deep.equal(github.mint.keySet().keys[0]);
    await other.close();
  });

  it('hand a GitHub job its token over the request address, with the bearer of that job only', async () => {
    const { body: env } = await post(`${github.url}/jobs`, { claims: { environment: 'production' } });
    expect(env).to.include({ GITHUB_ACTIONS: 'true' });
    const { ACTIONS_ID_TOKEN_REQUEST_URL: url = '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret = '' } = env;
    const ask = `${url}&audience=postern.example`;
    const bearer = { authorization: `bearer ${secret}` };

    for (const authorization of ['', 'Bearer guessed', secret, `Basic ${secret}`]) {
      const { status, body } = await getJson(ask, { authorization });
      expect([status, Object.keys(body)]).to.deep.equal([401, ['error']]);
    }
    const [one, other] = [await getJson(ask, bearer), await getJson(ask, bearer)];
    expect([one.status, Object.keys(one.body)]).to.deep.equal([200, ['value']]);
    const [first, second] = [decodeJwt(one.body['value'] ?? ''), decodeJwt(other.body['value'] ?? '')];
    expect(first).to.include({ aud: 'postern.example', environment: 'production' });
    expect(first.jti).to.not.equal(second.jti);
    expect(first['run_id']).to.equal(second['run_id']);
    const { body: usual } = await getJson(url, bearer);
    expect(decodeJwt(usual['value'] ?? '').aud).to.equal('https://github.com/acme');
  });

  it('give a GitLab job the variables that its pipeline file names', async () => {
    const { status, body: env } = await post(`${gitlab.url}/jobs`, {
      id_tokens: { POSTERN_ID_TOKEN: { aud: 'postern.example' }, OTHER: { aud: ['a', 'b'] } },
    });
    expect([status, Object.keys(env)]).to.deep.equal([200, ['GITLAB_CI', 'POSTERN_ID_TOKEN', 'OTHER']]);
    const [one, other] = [decodeJwt(env['POSTERN_ID_TOKEN'] ?? ''), decodeJwt(env['OTHER'] ?? '')];
    expect([one.aud, other.aud]).to.deep.equal(['postern.example', ['a', 'b']]);
    expect(one['job_id']).to.equal(other['job_id']);
    expect((await getJson(`${gitlab.url}/token`)).status).to.equal(404);
  });

  const malformed: [title: string, path: string, body: unknown, problem: string][] = [
    ['no JSON', '/mint', '{', 'not JSON'],
    ['a list', '/mint', [], 'body'],
    ['an unknown member', '/mint', { colour: 'red' }, 'colour'],
    ['an unknown fault', '/mint', { bad: 'worse' }, 'bad'],
    ['an audience of numbers', '/jobs', { audience: 7 }, 'audience'],
    ['a variable with a hostile name', '/jobs', { id_tokens: { 'A=B;': { aud: 'x' } } }, 'id_tokens'],
    ['an unknown subject form', '/mint', { subjectForm: 'x' }, 'no subject form'],
    ['a body over 64 KiB', '/mint', { claims: { x: 'x'.repeat(70_000) } }, 'too large'],
  ];
  for (const [title, path, body, problem] of malformed) {
    it(`refuse ${title}`, async () => {
      const answer = await post(`${github.url}${path}`, body);
      expect(answer.status).to.equal(400);
      expect(answer.body['error']).to.include(problem);
    });
  }

  it('answer only to their own name, and survive a request target that is no address', async () => {
    const host = new URL(github.url).host;
    expect(await raw(github.url, 'GET /.well-known/jwks HTTP/1.1\r\nhost: evil.example\r\n\r\n')).to.include(
      '421',
    );
    expect(await raw(github.url, `GET // HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).to.include('421');
    expect(await raw(github.url, `GET /nothing HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).to.include('404');
    expect(await raw(github.url, `DELETE /mint HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).to.include('404');
  });

  describe('with faults', () => {
    afterEach(() => github.setFault(undefined));
    const keySet = () => fetch(`${github.url}/.well-known/jwks`);

    it('answer 500, HTML, an empty set or a huge body', async () => {
      github.setFault({ kind: 'error' });
      expect((await keySet()).status).to.equal(500);
      github.setFault({ kind: 'html' });
      expect((await keySet()).headers.get('content-type')).to.equal('text/html');
      github.setFault({ kind: 'empty-set' });
      expect(await (await keySet()).json()).to.deep.equal({ keys: [] });
      const { body: discovered } = await getJson(`${github.url}/.well-known/openid-configuration`);
      expect(discovered['issuer']).to.equal(github.url);
      github.setFault({ kind: 'huge' });
      expect((await (await keySet()).text()).length).to.be.greaterThan(1_048_576);
    });

    it('mint all the same, and recover', async () => {
      github.setFault({ kind: 'error' });
      expect((await post(`${github.url}/mint`, {})).status).to.equal(200);
      github.setFault(undefined);
      expect((await keySet()).status).to.equal(200);
    });

    it('answer rightly but late', async () => {
      github.setFault({ kind: 'slow', delayMs: 5_000 });
      const answered = keySet();
      await until(() => scheduler.pending === 1);
      await scheduler.advance(4_999);
      expect(scheduler.pending).to.equal(1);
      await scheduler.advance(1);
      expect(await (await answered).json()).to.deep.equal(github.mint.keySet());
    });

    it('drip one byte a second for ever, and leave no timer behind when the caller goes', async () => {
      github.setFault({ kind: 'dripping' });
      const aborted = new AbortController();
      const response = await fetch(`${github.url}/.well-known/jwks`, { signal: aborted.signal });
      const reader = response.body?.getReader() ?? expect.fail();
      expect(Buffer.from((await reader.read()).value ?? []).toString()).to.equal('{');
      await scheduler.advance(1_000);
      expect(Buffer.from((await reader.read()).value ?? []).toString()).to.equal(' ');
      aborted.abort();
      await reader.read().catch(() => undefined);
      await until(() => scheduler.pending === 0);
    });
  });
});

/** Lets the event loop turn until something on a real socket has happened; mocha's own time limit ends a wait in vain. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise<void>((resolve) => setImmediate(resolve));
}
