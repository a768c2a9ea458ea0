import { createPublicKey, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import {
  assertionForm,
  assertionOf,
  basic,
  credentialsOf,
  exchangeOf,
  honestToken,
  openTarget,
  type Target,
  without,
} from '../attacks/target.ts';
import { type Answer, formRequest, startTestGateway } from '../gateway.ts';
import { exchangeForm, memberOf, secretForm } from '../scene.ts';

const grant = { grant_type: 'client_credentials' };
const oauthHeaders = { 'cache-control': 'no-store', pragma: 'no-cache' };

function claimsOf(answer: Answer): Record<string, unknown> {
  const [, payload = ''] = memberOf(answer, 'access_token').split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString());
}

describe('grants of the token endpoint', () => {
  let target: Target;
  before(async () => {
    target = await openTarget(await startTestGateway());
  });
  after(() => target.gateway.close());

  const expectToken = async (answer: Answer): Promise<void> => {
    expect(answer.status, answer.text).to.equal(200);
    const [record] = await target.gateway.auditOf(answer);
    expect(record?.['status_id']).to.equal(1);
  };
  const host = (): string => target.gateway.settings.audiences[0] ?? '';

  describe('success bodies', () => {
    const cases = {
      'token exchange': {
        form: () => exchangeOf(target),
        members: { expires_in: 1800, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
      },
      'a credential': { form: () => credentialsOf(target), members: { expires_in: 3600 } },
      'a personal client': { form: () => secretForm(target.person), members: { expires_in: 600 } },
    };
    for (const [name, { form, members }] of Object.entries(cases)) {
      it(`of ${name} are exactly those of the contract`, async () => {
        const answer = await target.gateway.token(form());
        await expectToken(answer);
        expect(answer.headers).to.include(oauthHeaders);
        expect(answer.headers['content-type']).to.match(/^application\/json(?:; charset=utf-8)?$/);
        const { access_token: token, ...rest } = answer.body;
        expect(rest).to.deep.equal({ token_type: 'Bearer', ...members });
        expect(token).to.match(/^eyJhbGciOiJFZERTQSIs[\w-]+\.[\w-]+\.[\w-]{86}$/);
        expect(Number(claimsOf(answer)['exp']) - Number(claimsOf(answer)['iat'])).to.equal(
          members.expires_in,
        );
      });
    }

    it('follow the lifetimes that the operator set', async () => {
      const token = { exchangeTtl: '5m', credentialsTtl: '7m', personalTtl: '2m' };
      const other = await openTarget(await startTestGateway({ settings: { token } }));
      const answers = [exchangeOf(other), credentialsOf(other), secretForm(other.person)].map((form) =>
        other.gateway.token(form),
      );
      const lifetimes = (await Promise.all(answers)).map(({ body }) => body['expires_in']);
      expect(lifetimes).to.deep.equal([300, 420, 120]);
      await other.gateway.close();
    });
  });

  describe('access tokens', () => {
    const keySet = async () => {
      const { body } = await target.gateway.send({ method: 'GET', path: '/.well-known/jwks.json' });
      return body as unknown as { keys: JWK[] };
    };

    it('verify with jose against the published key set as RFC 9068 says', async () => {
      const { keys } = await keySet();
      const token = memberOf(await target.gateway.token(exchangeOf(target)), 'access_token');
      const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys }), {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer: target.gateway.settings.publicUrl,
        audience: host(),
        currentDate: new Date(target.gateway.clock.nowMs()),
        requiredClaims: ['sub', 'client_id', 'iat', 'exp', 'jti'],
      });
      expect(Object.keys(protectedHeader)).to.deep.equal(['alg', 'typ', 'kid']);
      expect(protectedHeader.kid).to.equal(await calculateJwkThumbprint(keys[0] as JWK));
      expect(payload['client_id']).to.equal(target.trust);
      expect(payload.sub).to.equal(target.principalId);
    });

    it('of an exchange say who really ran, and carry the claims that the trust passes on', async () => {
      const { scene, principalId, providerId, lab, gateway } = target;
      const passthroughClaims = ['repository', 'run', 'absent', 'note'];
      const trust = await scene.trust(principalId, providerId, { passthroughClaims });
      const note = 'n'.repeat(1025);
      const answer = await gateway.token(exchangeForm(trust, honestToken(lab, { run: 7, note })));
      const now = Math.floor(gateway.clock.nowMs() / 1000);
      const { jti, ...claims } = claimsOf(answer);
      expect(jti).to.match(/^[\w-]{22}$/);
      expect(claims).to.deep.equal({
        iss: 'https://gateway.example',
        aud: 'gateway.example',
        sub: principalId,
        client_id: trust,
        iat: now,
        nbf: now,
        exp: now + 1800,
        roles: ['basic-user'],
        c1wfc: { repository: 'acme/infra' },
        'urn:postern:origin': { providerId, iss: lab.issuer, sub: lab.claims()['sub'] },
      });
    });

    it('of a credential carry neither', async () => {
      const claims = claimsOf(await target.gateway.token(credentialsOf(target)));
      expect(Object.keys(claims)).to.have.members('iss aud sub client_id iat nbf exp jti roles'.split(' '));
      expect(claims['client_id']).to.equal(target.client.clientId);
    });

    it('have the roles of the scope that the principal still holds', async () => {
      const { scene, gateway, lab, providerId } = target;
      const id = await scene.principal(['basic-user', 'system-log-reader']);
      const scoped = ['system-log-reader'];
      const client = await scene.credential(id, { scopedRoles: scoped });
      const trust = await scene.trust(id, providerId, { scopedRoleIds: scoped });
      const unscoped = await scene.credential(id);
      const roles = async (form: Readonly<Record<string, string>>) =>
        claimsOf(await gateway.token(form))['roles'];
      expect(await roles(secretForm(client))).to.deep.equal(scoped);
      expect(await roles(exchangeForm(trust, honestToken(lab)))).to.deep.equal(scoped);
      expect(await roles(secretForm(unscoped))).to.have.members(['basic-user', 'system-log-reader']);
    });

    it('are given to a principal without any role', async () => {
      const { scene, gateway } = target;
      const client = await scene.credential(await scene.principal());
      expect(claimsOf(await gateway.token(secretForm(client)))['roles']).to.deep.equal([]);
    });

    it('never repeat a jti', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => target.gateway.token(credentialsOf(target))),
      );
      expect(new Set(answers.map((answer) => claimsOf(answer)['jti'])).size).to.equal(20);
    });

    it('are found in the audit by their jti', async () => {
      const answer = await target.gateway.token(exchangeOf(target));
      const [record] = await target.gateway.auditOf(answer);
      expect(record?.['unmapped']).to.include({
        access_token_jti: claimsOf(answer)['jti'],
        token_jti: 'a-token-of-the-forge',
        issuer: target.lab.issuer,
      });
    });
  });

  describe('documents', () => {
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      it(`/.well-known/${name} describes the endpoint`, async () => {
        const answer = await target.gateway.send({ method: 'GET', path: `/.well-known/${name}` });
        expect(answer.status).to.equal(200);
        expect(answer.headers['cache-control']).to.equal('public, max-age=600');
        expect(answer.body).to.deep.include({
          issuer: 'https://gateway.example',
          token_endpoint: 'https://gateway.example/auth/v1/token',
          jwks_uri: 'https://gateway.example/.well-known/jwks.json',
          grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange', 'client_credentials'],
        });
      });
    }

    it('the key set holds public Ed25519 keys and nothing private', async () => {
      const answer = await target.gateway.send({ method: 'GET', path: '/.well-known/jwks.json' });
      expect(answer.headers).to.include({
        'cache-control': 'public, max-age=600',
        'content-type': 'application/jwk-set+json',
      });
      const { keys } = answer.body as unknown as { keys: JWK[] };
      expect(keys).to.have.length(1);
      for (const key of keys) {
        expect(key).to.include({ kty: 'OKP', crv: 'Ed25519' });
        expect(key).not.to.have.property('d');
        expect(createPublicKey({ key, format: 'jwk' }).asymmetricKeyType).to.equal('ed25519');
      }
    });
  });

  describe('client assertions of every dialect', () => {
    const hex = (): string => randomBytes(16).toString('hex');
    const absent = { nonce: undefined };
    type Changes = Parameters<typeof assertionOf>[2];
    const dialects: Readonly<Record<string, (now: number) => Changes>> = {
      'SDK and cone: aud in an array, nonce': () => ({
        header: { nonce: hex() },
        payload: { aud: [host()] },
      }),
      'SDK and cone with a kid': () => ({ header: { kid: 'any', nonce: hex() } }),
      'Terraform: aud as text': () => ({ header: { nonce: hex() }, payload: { aud: host() } }),
      'c1i: typ present': () => ({ header: { typ: 'JWT', nonce: hex() }, payload: { aud: host() } }),
      'DPoP library: no nonce, nbf a minute back': (now) => ({
        header: absent,
        payload: { aud: host(), nbf: now - 60, note: hex() },
      }),
      'strict clients: alg Ed25519, jti, aud is the issuer': () => ({
        header: { alg: 'Ed25519', ...absent },
        payload: { aud: target.gateway.settings.publicUrl, jti: hex() },
      }),
      'aud is the token endpoint': () => ({
        payload: { aud: `${target.gateway.settings.publicUrl}/auth/v1/token` },
      }),
      'aud in upper case': () => ({ payload: { aud: host().toUpperCase() } }),
      'neither nbf nor iat': () => ({ payload: { nbf: undefined, iat: undefined } }),
      'a clock that runs 60 s ahead': (now) => ({ payload: { iat: now + 60, exp: now + 180 } }),
      'a clock that runs 59 s behind': (now) => ({ payload: { iat: now - 179, exp: now - 59 } }),
      'five minutes and the skew': (now) => ({ payload: { exp: now + 360 } }),
    };
    for (const [name, changes] of Object.entries(dialects)) {
      it(`accepts ${name}`, async () => {
        const now = Math.floor(target.gateway.clock.nowMs() / 1000);
        const assertion = assertionOf(target, target.client, changes(now));
        await expectToken(await target.gateway.token(assertionForm(target.client.clientId, assertion)));
      });
    }

    it('takes a missing client_id from sub', async () => {
      const form = assertionForm('', assertionOf(target, target.client));
      await expectToken(await target.gateway.token(without(form, 'client_id')));
    });

    it('accepts a personal client', async () => {
      const form = assertionForm(target.person.clientId, assertionOf(target, target.person));
      const answer = await target.gateway.token(form);
      expect(answer.body['expires_in']).to.equal(600);
    });

    it('keeps one client’s nonce apart from another’s', async () => {
      const header = { nonce: 'the same for both' };
      for (const client of [target.client, target.other]) {
        const assertion = assertionOf(target, client, { header });
        await expectToken(await target.gateway.token(assertionForm(client.clientId, assertion)));
      }
    });
  });

  describe('HTTP Basic', () => {
    const send = (authorization: readonly [string, string], form = grant) =>
      target.gateway.send(formRequest(form, [authorization]));

    it('accepts both parts raw, split behind the suffix', async () => {
      await expectToken(await send(basic(target.client.clientId, target.client.secret)));
    });

    it('accepts both parts form-url-encoded (RFC 6749 §2.3.1)', async () => {
      const { clientId, secret } = target.client;
      await expectToken(await send(basic(encodeURIComponent(clientId), encodeURIComponent(secret))));
    });

    it('accepts the same client_id in the body', async () => {
      const { clientId, secret } = target.client;
      const form = { ...grant, client_id: clientId };
      await expectToken(await send(basic(clientId, secret), form));
    });

    it('accepts a personal client and a lower-case scheme', async () => {
      const [name, value] = basic(target.person.clientId, target.person.secret);
      await expectToken(await send([name, value.replace('Basic', 'basic')]));
    });

    it('answers a refusal with a challenge, and one in the body without', async () => {
      const refused = await send(basic(target.client.clientId, target.other.secret));
      expect(refused.status).to.equal(401);
      expect(refused.headers['www-authenticate']).to.match(/^Basic /);
      const inBody = await target.gateway.token({
        ...credentialsOf(target),
        client_secret: target.other.secret,
      });
      expect(inBody.status).to.equal(401);
      expect(inBody.headers).not.to.have.property('www-authenticate');
    });
  });

  it('accepts every spelling of an honest form', async () => {
    const { clientId } = target.client;
    const form = credentialsOf(target);
    const spellings = [
      formRequest({ ...form, scope: 'anything', unknown: 'x' }),
      {
        ...formRequest(form),
        headers: [['Content-Type', 'Application/X-WWW-Form-URLEncoded; charset=UTF-8'] as const],
      },
      formRequest({ ...form, client_id: clientId.replace('@gateway.example', '@GATEWAY.example') }),
      {
        ...formRequest(form),
        headers: [
          ['content-type', 'application/x-www-form-urlencoded'],
          ['Transfer-Encoding', 'chunked'],
        ] as const,
      },
    ];
    for (const request of spellings) await expectToken(await target.gateway.send(request));
  });

  it('accepts a former public host inside client ids', async () => {
    const other = await openTarget(
      await startTestGateway({ settings: { clientIdHosts: ['old.example:8443'] } }),
    );
    const move = (id: string): string => id.replace('@gateway.example', '@old.example:8443');
    const forms = [
      secretForm({ ...other.client, clientId: move(other.client.clientId) }),
      exchangeForm(move(other.trust), honestToken(other.lab)),
    ];
    for (const form of forms) expect((await other.gateway.token(form)).status).to.equal(200);
    await other.gateway.close();
  });

  it('accepts id_token as the type of the subject token, and the one requested type', async () => {
    const id = { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' };
    const requested = { requested_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
    for (const changes of [id, requested, { audience: 'x', resource: 'y', scope: 'z' }]) {
      await expectToken(await target.gateway.token(exchangeOf(target, changes)));
    }
  });

  it('signs with alg first, as clients read it', async () => {
    const token = memberOf(await target.gateway.token(credentialsOf(target)), 'access_token');
    expect(decodeProtectedHeader(token)).to.include({ alg: 'EdDSA', typ: 'at+jwt' });
    expect(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).to.match(/^\{"alg":"EdDSA",/);
  });
});
