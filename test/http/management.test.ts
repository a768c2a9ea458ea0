import { expect } from 'chai';
import {
  assertionForm,
  assertionOf,
  credentialsOf,
  exchangeOf,
  honestToken,
  openTarget,
  type Target,
} from '../attacks/target.ts';
import {
  type Answer,
  bootstrapSecret,
  type RawRequest,
  startTestGateway,
  type TestGateway,
} from '../gateway.ts';
import { exchangeForm, memberOf, secretForm, shortName } from '../scene.ts';

const json = ['Content-Type', 'application/json'] as const;
const principals = '/api/v1/service_principals';

/** The REST shape of contract §3.1, and nothing beside it. */
function expectError(answer: Answer, status: number, code: number): void {
  expect(answer.status, answer.text).to.equal(status);
  expect(answer.headers['content-type']).to.match(/^application\/json/);
  expect(Object.keys(answer.body)).to.deep.equal(['code', 'message', 'details']);
  expect(answer.body['code']).to.equal(code);
  expect(answer.body['message']).to.match(
    new RegExp(`\\(request-id: ${String(answer.headers['x-request-id'])}\\)$`),
  );
}

describe('management over HTTP', () => {
  let target: Target;
  let gateway: TestGateway;
  let token: string;
  before(async () => {
    target = await openTarget(await startTestGateway());
    ({ gateway } = target);
    // Super admins sign in like everybody: this principal's credential stands for one.
    await target.scene.setRoles(target.principalId, ['super-admin']);
    token = memberOf(await gateway.token(credentialsOf(target)), 'access_token');
  });
  after(() => gateway.close());

  const send = (request: RawRequest): Promise<Answer> =>
    gateway.send({ ...request, headers: [['Authorization', `Bearer ${token}`], ...(request.headers ?? [])] });
  const create = (body: string | Buffer, headers: RawRequest['headers'] = [json]): Promise<Answer> =>
    send({ method: 'POST', path: principals, headers, body });
  const countPrincipals = async (): Promise<number> =>
    ((await target.scene.admin('GET', principals)).body['list'] as unknown[]).length;

  describe('bodies', () => {
    const refused: Readonly<Record<string, string>> = {
      'no JSON': '{',
      'a list': '[{"displayName":"x"}]',
      text: '"x"',
      'a member twice': '{"displayName":"a","displayName":"b"}',
      'a member twice, once escaped': '{"displayName":"a","display\\u004eame":"b"}',
      'both spellings': '{"displayName":"a","display_name":"b"}',
      'an unknown member': '{"displayName":"a","role":"super-admin"}',
      'a misspelt member': '{"displayname":"a"}',
      'a number for text': '{"displayName":1}',
      'an object for text': '{"displayName":{"$ne":""}}',
      'null for a required member': '{"displayName":null}',
      'an empty name': '{"displayName":""}',
      'a name of 513 bytes': JSON.stringify({ displayName: 'é'.repeat(257) }),
      '17 levels': `{"displayName":${'['.repeat(17)}${']'.repeat(17)}}`,
      'own __proto__': '{"displayName":"a","__proto__":{"roleIds":["super-admin"]}}',
      nothing: '',
    };
    for (const [name, body] of Object.entries(refused)) {
      it(`refuses ${name}, and creates nothing`, async () => {
        const before = await countPrincipals();
        expectError(await create(body), 400, 3);
        expect(await countPrincipals()).to.equal(before);
        expect(({} as Record<string, unknown>)['roleIds']).to.equal(undefined);
      });
    }

    it('names the member that is wrong', async () => {
      const { body } = await create('{"displayName":"a","scopes":1}');
      expect(body['message']).to.contain('scopes');
      expect(JSON.stringify(body['details'])).to.contain('"field":"scopes"');
    });

    it('refuses another content type, compression and invalid UTF-8', async () => {
      const text = '{"displayName":"a"}';
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
        expectError(await create(text, [['Content-Type', type]]), 400, 3);
      }
      expectError(await create(text, [json, ['Content-Encoding', 'gzip']]), 400, 3);
      expectError(await create(text, []), 400, 3);
      expectError(await create(Buffer.from('{"displayName":"\xff"}', 'latin1')), 400, 3);
      expectError(await create(`\ufeff${text}`), 400, 3);
    });

    it('refuses more than 256 KiB with 413', async () => {
      expectError(await create(JSON.stringify({ displayName: 'a'.repeat(262_144) })), 413, 3);
    });

    it('takes snake_case and a charset', async () => {
      const answer = await create('{"display_name":"by snake"}', [
        ['Content-Type', 'application/json; charset=utf-8'],
      ]);
      expect(memberOf(answer, 'servicePrincipal', 'displayName')).to.equal('by snake');
    });

    it('ignores the body of a DELETE', async () => {
      const id = await target.scene.principal();
      const answer = await send({
        method: 'DELETE',
        path: `${principals}/${id}`,
        headers: [json],
        body: '{}',
      });
      expect([answer.status, answer.text]).to.deep.equal([200, '{}']);
    });
  });

  describe('routes', () => {
    const unknown: readonly (readonly [method: string, path: string])[] = [
      ['GET', '/'],
      ['GET', '/api/v1/apps'],
      ['GET', '/api/v2/users'],
      ['GET', `${principals}/`],
      ['POST', `${principals}/`],
      ['PUT', principals],
      ['GET', '/API/V1/service_principals'],
      ['GET', '/auth/v1/token/'],
      ['POST', '/auth/v1/device_authorization'],
      ['GET', '/api/v1//service_principals'],
      ['GET', `${principals}/%`],
      ['GET', `${principals}/..%2f..%2fetc`],
      ['GET', `${principals}/__proto__`],
    ];
    for (const [method, path] of unknown) {
      it(`${method} ${path} is 404 code 5`, async () => {
        expectError(await send({ method, path }), 404, 5);
      });
    }

    it('find a trust by every spelling of its id', async () => {
      const { principalId, trust } = target;
      const base = `${principals}/${principalId}/trusts`;
      for (const spelling of [
        trust,
        trust.replace('/', '%2F'),
        encodeURIComponent(trust),
        shortName(trust),
      ]) {
        const answer = await send({ method: 'GET', path: `${base}/${spelling}` });
        expect(memberOf(answer, 'trust', 'clientId')).to.equal(trust);
      }
    });

    it('do not find a trust or a credential under another principal', async () => {
      const other = await target.scene.principal();
      const paths = [`trusts/${shortName(target.trust)}`, `credentials/${shortName(target.client.clientId)}`];
      for (const path of paths)
        expectError(await send({ method: 'GET', path: `${principals}/${other}/${path}` }), 404, 5);
    });

    it('refuse a repeated or a malformed query parameter, and a token of another list', async () => {
      for (const query of [
        'page_size=10&page_size=20',
        'page_size=10&pageSize=20',
        'page_size=x',
        'page_token=x',
      ]) {
        expectError(await send({ method: 'GET', path: `${principals}?${query}` }), 400, 3);
      }
    });
  });

  describe('authentication', () => {
    const introspect = (authorization?: string): Promise<Answer> =>
      gateway.send({
        method: 'GET',
        path: '/api/v1/auth/introspect',
        ...(authorization === undefined ? {} : { headers: [['Authorization', authorization]] as const }),
      });

    it('challenges a request without a token with Bearer alone', async () => {
      const answer = await introspect();
      expectError(answer, 401, 16);
      expect(answer.headers['www-authenticate']).to.equal('Bearer');
    });

    const flip = (text: string): string =>
      text.endsWith('A') ? `${text.slice(0, -1)}Q` : `${text.slice(0, -1)}A`;
    const resigned = (): string => {
      const [header = '', payload = ''] = token.split('.');
      const [, , signature = ''] = assertionOf(target, target.client).split('.');
      return `${header}.${payload}.${signature}`;
    };
    const wrong: Readonly<Record<string, () => string>> = {
      'another scheme': () => `Token ${token}`,
      'no token': () => 'Bearer ',
      'a changed signature': () => `Bearer ${flip(token)}`,
      'a signature by somebody else': () => `Bearer ${resigned()}`,
      'no signature': () => `Bearer ${token.slice(0, token.lastIndexOf('.') + 1)}`,
      'a subject token of an issuer': () => `Bearer ${honestToken(target.lab)}`,
      'a client assertion': () => `Bearer ${assertionOf(target, target.client)}`,
      'a client secret': () => `Bearer ${target.client.secret}`,
      'two tokens': () => `Bearer ${token} ${token}`,
      'a token in Basic': () => `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
    };
    for (const [name, make] of Object.entries(wrong)) {
      it(`refuses ${name}`, async () => {
        const answer = await introspect(make());
        expectError(answer, 401, 16);
        expect(answer.headers['www-authenticate']).to.equal('Bearer error="invalid_token"');
      });
    }

    it('takes no token from query or body', async () => {
      const answer = await gateway.send({
        method: 'GET',
        path: `/api/v1/auth/introspect?access_token=${token}`,
      });
      expectError(answer, 401, 16);
    });

    it('says who the caller is', async () => {
      const { body } = await introspect(`Bearer ${token}`);
      expect(body).to.deep.include({
        userId: target.principalId,
        principleId: `user:${target.principalId}`,
        roles: ['super-admin'],
      });
    });
  });

  describe('state takes effect at once (contract §7.3)', () => {
    const introspectWith = async (accessToken: string): Promise<number> =>
      (await gateway.call('GET', '/api/v1/auth/introspect', undefined, accessToken)).status;
    const statusOf = async (form: Readonly<Record<string, string>>): Promise<number> =>
      (await gateway.token(form)).status;

    async function stage() {
      const { scene, providerId } = target;
      const id = await scene.principal(['basic-user', 'system-log-reader']);
      const client = await scene.credential(id);
      const trust = await scene.trust(id, providerId);
      const live = memberOf(await gateway.token(secretForm(client)), 'access_token');
      return { id, client, trust, live, exchange: () => exchangeForm(trust, honestToken(target.lab)) };
    }

    it('a disabled principal gets no token and its live ones stop; enabled, they live again', async () => {
      const { id, client, live, exchange } = await stage();
      await target.scene.setStatus(id, 'DISABLED');
      expect([
        await statusOf(secretForm(client)),
        await statusOf(exchange()),
        await introspectWith(live),
      ]).to.deep.equal([401, 400, 401]);
      await target.scene.setStatus(id, 'ENABLED');
      expect([
        await statusOf(secretForm(client)),
        await statusOf(exchange()),
        await introspectWith(live),
      ]).to.deep.equal([200, 200, 200]);
    });

    it('a deleted principal takes its credentials, trusts and live tokens along', async () => {
      const { id, client, live, exchange } = await stage();
      expect((await send({ method: 'DELETE', path: `${principals}/${id}` })).status).to.equal(200);
      expect([
        await statusOf(secretForm(client)),
        await statusOf(exchange()),
        await introspectWith(live),
      ]).to.deep.equal([401, 400, 401]);
    });

    it('a revoked credential makes no new token; a live one lives on', async () => {
      const { id, client, live } = await stage();
      await target.scene.revoke(id, client);
      expect([await statusOf(secretForm(client)), await introspectWith(live)]).to.deep.equal([401, 200]);
    });

    it('a deleted trust makes no new token; a live one lives on', async () => {
      const { id, trust, exchange } = await stage();
      const live = memberOf(await gateway.token(exchange()), 'access_token');
      expect((await send({ method: 'DELETE', path: `${principals}/${id}/trusts/${trust}` })).status).to.equal(
        200,
      );
      expect([await statusOf(exchange()), await introspectWith(live)]).to.deep.equal([400, 200]);
    });

    it('a disabled provider refuses every exchange; a live token lives on', async () => {
      const { id } = await stage();
      const lab = { ...target.lab, issuer: 'https://soon-off.example' };
      const providerId = await target.scene.provider(lab);
      const trust = await target.scene.trust(id, providerId);
      const form = () => exchangeForm(trust, honestToken(target.lab, { iss: lab.issuer }));
      const live = memberOf(await gateway.token(form()), 'access_token');
      const path = `/api/v1/workload_federation/providers/${providerId}`;
      await target.scene.admin('PATCH', path, { provider: { disabled: true }, updateMask: 'disabled' });
      expect([await statusOf(form()), await introspectWith(live)]).to.deep.equal([400, 200]);
    });

    it('a role taken away counts no more for live tokens', async () => {
      const { id, live } = await stage();
      const path = '/api/v1/systemlog/events';
      expect((await gateway.call('POST', path, {}, live)).status).to.equal(200);
      await target.scene.setRoles(id, ['basic-user']);
      expectError(await gateway.call('POST', path, {}, live), 403, 7);
    });

    it('a token dies at its exp by the clock', async () => {
      const own = await openTarget(await startTestGateway());
      const { body } = await own.gateway.token(exchangeOf(own));
      const introspect = () =>
        own.gateway.call('GET', '/api/v1/auth/introspect', undefined, String(body['access_token']));
      await own.gateway.scheduler.advance(1_799_000);
      expect((await introspect()).status).to.equal(200);
      await own.gateway.scheduler.advance(1_000);
      expect((await introspect()).status).to.equal(401);
      await own.gateway.close();
    });
  });

  describe('authority', () => {
    it('an ordinary person sees metadata and changes nothing', async () => {
      const person = memberOf(await gateway.token(secretForm(target.person)), 'access_token');
      const { principalId, providerId } = target;
      const seen = await gateway.call('GET', `${principals}/${principalId}`, undefined, person);
      expect((seen.body['servicePrincipal'] as Record<string, unknown>)['user']).to.deep.include({
        roleIds: [],
        username: '',
      });
      const forbidden: readonly (readonly [string, string, object?])[] = [
        ['POST', principals, { displayName: 'mine' }],
        ['DELETE', `${principals}/${principalId}`],
        ['GET', `${principals}/${principalId}/credentials`],
        ['POST', `${principals}/${principalId}/credentials`, { displayName: 'mine' }],
        ['GET', `${principals}/${principalId}/trusts`],
        [
          'POST',
          `${principals}/${principalId}/trusts`,
          { displayName: 'x', providerId, conditionExpression: 'claims.sub == "x"' },
        ],
        ['DELETE', `/api/v1/workload_federation/providers/${providerId}`],
        ['POST', '/api/v1/users', { displayName: 'x' }],
        ['POST', '/api/v1/systemlog/events', {}],
        ['GET', `/api/v2/users/${principalId}/owners/users`],
      ];
      for (const [method, path, body] of forbidden) {
        expectError(await gateway.call(method, path, body, person), 403, 7);
      }
    });

    it('a principal never edits its own trusts, whatever its roles', async () => {
      const { principalId, providerId } = target;
      const trust = { displayName: 'x', providerId, conditionExpression: 'claims.sub == "x"' };
      expectError(await gateway.call('POST', `${principals}/${principalId}/trusts`, trust, token), 403, 7);
    });

    it('an owner manages his principal and cannot give it roles', async () => {
      const { scene } = target;
      const { id: ownerId, client } = await scene.person();
      const id = await scene.principal();
      memberOf(
        await scene.admin('POST', `/api/v2/users/${id}/owners/users/owner/${ownerId}`),
        'userOwnerUser',
        'userId',
      );
      const owner = memberOf(await gateway.token(secretForm(client)), 'access_token');
      const made = await gateway.call(
        'POST',
        `${principals}/${id}/credentials`,
        { displayName: 'his' },
        owner,
      );
      expect(made.status, made.text).to.equal(200);
      const roles = { servicePrincipal: { user: { roleIds: ['super-admin'] } }, updateMask: 'user.roleIds' };
      expectError(await gateway.call('PATCH', `${principals}/${id}`, roles, owner), 403, 7);
    });

    it('a secret is shown once: no later answer has it', async () => {
      const { scene, principalId, client } = target;
      const path = `${principals}/${principalId}/credentials`;
      const texts = await Promise.all(
        [path, `${path}/${shortName(client.clientId)}`].map(
          async (at) => (await scene.admin('GET', at)).text,
        ),
      );
      expect(texts.join()).not.to.match(/secret-token|publicKey|clientSecret/);
    });
  });

  describe('bootstrap', () => {
    it('by 50 at once has one winner', async () => {
      const empty = await startTestGateway();
      const body = { secret: bootstrapSecret, displayName: 'Ada' };
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => empty.call('POST', '/auth/v1/bootstrap', body)),
      );
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
      for (const answer of answers.filter(({ status }) => status !== 200)) expectError(answer, 403, 7);
      await empty.close();
    });

    it('refuses a wrong secret like a late one', async () => {
      const empty = await startTestGateway();
      const attempt = (secret: string) =>
        empty.call('POST', '/auth/v1/bootstrap', { secret, displayName: 'x' });
      const wrong = await attempt(`${bootstrapSecret}x`);
      expectError(wrong, 403, 7);
      expect((await attempt(bootstrapSecret)).status).to.equal(200);
      const late = await attempt(bootstrapSecret);
      expect(late.text.replace(/[0-9a-f]{32}/, '')).to.equal(wrong.text.replace(/[0-9a-f]{32}/, ''));
      await empty.close();
    });
  });

  it('answers carry the security headers and a request id of their own', async () => {
    const answers = await Promise.all([
      send({ method: 'GET', path: principals }),
      gateway.send({ method: 'GET', path: '/nowhere' }),
      gateway.token(assertionForm('x', 'y')),
    ]);
    for (const { headers } of answers) {
      expect(headers).to.include({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      });
      expect(headers).not.to.have.any.keys(
        'x-powered-by',
        'server',
        'set-cookie',
        'access-control-allow-origin',
      );
    }
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).to.equal(3);
  });
});
