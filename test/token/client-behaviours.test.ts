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
import { type Answer, type Form, formRequest, formType, startTestGateway } from '../gateway.ts';
import { exchangeForm, secretForm } from '../scene.ts';

/** What silently breaks existing clients at the token endpoint: one test per line of contract §10. */
describe('behaviours that clients of the token endpoint rely on', () => {
  let target: Target;
  before(async () => {
    target = await openTarget(await startTestGateway());
  });
  after(() => target.gateway.close());

  const grants: Readonly<Record<string, () => Form>> = {
    'token exchange': () => exchangeOf(target),
    'client_credentials by secret': () => credentialsOf(target),
    'client_credentials by assertion': () =>
      assertionForm(target.client.clientId, assertionOf(target, target.client)),
    'client_credentials of a person': () => secretForm(target.person),
  };
  const answers = (): Promise<readonly Answer[]> =>
    Promise.all(Object.values(grants).map((form) => target.gateway.token(form())));
  const byAssertion = (changes: Parameters<typeof assertionOf>[2]): Promise<Answer> =>
    target.gateway.token(assertionForm(target.client.clientId, assertionOf(target, target.client, changes)));

  it('1: success is exactly 200', async () => {
    expect((await answers()).map(({ status }) => status)).to.deep.equal([200, 200, 200, 200]);
  });

  it('2: expires_in is a JSON integer above zero', async () => {
    for (const { text } of await answers()) expect(text).to.match(/"expires_in":[1-9]\d*[,}]/);
  });

  it('3: access_token is there once, and not empty', async () => {
    for (const { text } of await answers()) expect(text.match(/"access_token":"[^"]+"/g)).to.have.length(1);
  });

  it('4: token_type is Bearer, a DPoP header notwithstanding', async () => {
    const plain = await target.gateway.token(credentialsOf(target));
    const withProof = await target.gateway.token(credentialsOf(target), [['DPoP', 'e30.e30.e30']]);
    for (const { status, body } of [plain, withProof]) {
      expect([status, body['token_type']]).to.deep.equal([200, 'Bearer']);
    }
  });

  it('5: a secret has four parts, v1, unpadded base64url of a JWK with kty, crv, x, d in this order', () => {
    for (const { secret } of [target.client, target.person]) {
      const [scheme, label, version, encoded = '', ...rest] = secret.split(':');
      expect([scheme, label, version, rest]).to.deep.equal(['secret-token', 'conductorone.com', 'v1', []]);
      expect(encoded).to.match(/^[\w-]+$/);
      expect(Buffer.from(encoded, 'base64url').toString()).to.match(
        /^\{"kty":"OKP","crv":"Ed25519","x":"[\w-]{43}","d":"[\w-]{43}"\}$/,
      );
    }
  });

  it('11: timestamps are RFC 3339 text with a zone', async () => {
    const { scene, principalId, client } = target;
    const path = `/api/v1/service_principals/${principalId}/credentials/${client.clientId.split('@')[0]}`;
    const { body } = await scene.admin('GET', path);
    const { createdAt, updatedAt, expiresAt } = body['credential'] as Record<string, unknown>;
    for (const moment of [createdAt, updatedAt, expiresAt]) {
      expect(moment).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);
    }
  });

  it('15: a POST is answered where it arrives, whatever host and scheme it names', async () => {
    for (const headers of [
      [
        ['X-Forwarded-Proto', 'http'],
        ['X-Forwarded-Host', 'other.example'],
      ],
      [['Forwarded', 'proto=http;host=other.example']],
    ] as const) {
      const answer = await target.gateway.token(credentialsOf(target), headers);
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.headers).not.to.have.property('location');
    }
  });

  it('16: aud is the bare host, as text or as a list', async () => {
    for (const aud of ['gateway.example', ['gateway.example']]) {
      expect((await byAssertion({ payload: { aud } })).status).to.equal(200);
    }
  });

  it('17: an assertion needs neither jti, nor typ, nor kid', async () => {
    const [header = '', payload = ''] = assertionOf(target, target.client)
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    expect(`${header}${payload}`).not.to.match(/"(?:jti|typ|kid)"/);
    expect((await byAssertion({})).status).to.equal(200);
  });

  it('18: no Accept header is needed, nor any but Host, Content-Type and Content-Length', async () => {
    const request = { ...formRequest(credentialsOf(target)), headers: [formType] };
    expect((await target.gateway.send(request)).status).to.equal(200);
    const picky = await target.gateway.token(credentialsOf(target), [['Accept', 'text/html']]);
    expect(picky.status).to.equal(200);
  });

  it('19: an assertion from a clock that runs a little fast is taken', async () => {
    const now = Math.floor(target.gateway.clock.nowMs() / 1000);
    const payload = { iat: now + 45, nbf: now - 75, exp: now + 165 };
    expect((await byAssertion({ payload })).status).to.equal(200);
  });

  it('20: the same subject token is exchanged again inside its life', async () => {
    const form = exchangeForm(target.trust, honestToken(target.lab, { jti: 'again-and-again' }));
    const first = await target.gateway.token(form);
    await target.gateway.scheduler.advance(60_000);
    const second = await target.gateway.token(form);
    expect([first.status, second.status]).to.deep.equal([200, 200]);
    expect(first.body['access_token']).not.to.equal(second.body['access_token']);
  });

  it('24: a refused request does not use its assertion up', async () => {
    const { scene, gateway } = target;
    const principalId = await scene.principal(['system-log-reader']);
    const client = await scene.credential(principalId, { scopedRoles: ['system-log-reader'] });
    const form = assertionForm(client.clientId, assertionOf(target, client));
    await scene.setRoles(principalId, []);
    expect((await gateway.token(form)).body['reason']).to.equal('no_effective_roles');
    await scene.setRoles(principalId, ['system-log-reader']);
    expect((await gateway.token(form)).status).to.equal(200);
    expect((await gateway.token(form)).body['reason']).to.equal('assertion_replayed');
  });

  it('25: Retry-After is never above 60 s', async () => {
    await target.gateway.scheduler.advance(1_000);
    const { gateway } = await openTarget(await startTestGateway());
    gateway.clock.advance(120_000);
    const answer = await gateway.token({ grant_type: 'client_credentials' });
    expect(answer.status).to.equal(503);
    expect(Number(answer.headers['retry-after'])).to.be.within(1, 60);
    await gateway.close();
  });
});
