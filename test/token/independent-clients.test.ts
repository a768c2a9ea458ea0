import { expect } from 'chai';
import { createRemoteJWKSet, customFetch, importJWK, type JWK, jwtVerify } from 'jose';
import * as oauth from 'openid-client';
import { exchangeOf, honestToken, openTarget, type Target } from '../attacks/target.ts';
import { createFakeClock } from '../fakes.ts';
import { startTestGateway } from '../gateway.ts';
import type { Client } from '../scene.ts';

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const tokenType = 'urn:ietf:params:oauth:token-type:jwt';

/** A strict client by other authors: what it refuses to read, many others would as well. */
describe('openid-client against the gateway', () => {
  let target: Target;
  before(async () => {
    // The client signs assertions by the real clock.
    const clock = createFakeClock(Date.now());
    target = await openTarget(await startTestGateway({ settings: { profile: 'demo' }, clock }));
  });
  after(() => target.gateway.close());

  const configure = (
    { clientId }: Pick<Client, 'clientId'>,
    authentication: oauth.ClientAuth,
  ): Promise<oauth.Configuration> =>
    oauth.discovery(new URL(target.gateway.settings.publicUrl), clientId, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [oauth.allowInsecureRequests],
    });
  const keyOf = async ({ privateKey }: Client) => {
    const key = await importJWK(privateKey.export({ format: 'jwk' }) as JWK, 'Ed25519');
    if (key instanceof Uint8Array) throw new Error('not an asymmetric key');
    return key;
  };

  const authentications: Readonly<Record<string, (client: Client) => Promise<oauth.ClientAuth>>> = {
    client_secret_post: async ({ secret }) => oauth.ClientSecretPost(secret),
    client_secret_basic: async ({ secret }) => oauth.ClientSecretBasic(secret),
    private_key_jwt: async (client) => oauth.PrivateKeyJwt(await keyOf(client)),
  };

  for (const [method, authenticate] of Object.entries(authentications)) {
    it(`gets a token by ${method}, again and again`, async () => {
      const config = await configure(target.client, await authenticate(target.client));
      for (const _ of [1, 2]) {
        const tokens = await oauth.clientCredentialsGrant(config);
        expect(tokens.token_type).to.equal('bearer');
        expect(tokens.expires_in).to.equal(3600);
      }
    });

    it(`understands a refusal of ${method}`, async () => {
      const config = await configure(target.client, await authenticate(target.other));
      const error: unknown = await oauth.clientCredentialsGrant(config).catch((reason: unknown) => reason);
      if (method === 'client_secret_basic') {
        expect(error).to.be.instanceOf(oauth.WWWAuthenticateChallengeError);
      } else {
        expect(error)
          .to.be.instanceOf(oauth.ResponseBodyError)
          .and.to.include({ error: 'invalid_client', status: 401 });
      }
    });
  }

  it('exchanges a token by the generic grant', async () => {
    const config = await configure({ clientId: target.trust }, oauth.None());
    const tokens = await oauth.genericGrantRequest(config, exchangeGrant, {
      subject_token: honestToken(target.lab),
      subject_token_type: tokenType,
    });
    expect(tokens).to.include({
      token_type: 'bearer',
      expires_in: 1800,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
  });

  it('understands a refused exchange and its reason', async () => {
    const config = await configure({ clientId: target.trust }, oauth.None());
    const parameters = {
      subject_token: honestToken(target.lab, { repository: 'acme/web' }),
      subject_token_type: tokenType,
    };
    const error: unknown = await oauth
      .genericGrantRequest(config, exchangeGrant, parameters)
      .catch((reason: unknown) => reason);
    expect(error)
      .to.be.instanceOf(oauth.ResponseBodyError)
      .and.to.include({ error: 'invalid_request', status: 400 });
    expect((error as oauth.ResponseBodyError).cause).to.include({ reason: 'cel_condition_not_met' });
  });

  it('finds the same metadata as an OpenID provider’s', async () => {
    const config = await oauth.discovery(
      new URL(target.gateway.settings.publicUrl),
      target.client.clientId,
      undefined,
      oauth.ClientSecretPost(target.client.secret),
      { execute: [oauth.allowInsecureRequests] },
    );
    expect(config.serverMetadata().token_endpoint).to.equal(`${target.gateway.origin}/auth/v1/token`);
  });

  it('jose verifies our tokens against the key set by its URL', async () => {
    const { body } = await target.gateway.token(exchangeOf(target));
    const keys = createRemoteJWKSet(new URL(`${target.gateway.origin}/.well-known/jwks.json`), {
      [customFetch]: fetch,
    });
    const { payload } = await jwtVerify(String(body['access_token']), keys, {
      issuer: target.gateway.settings.publicUrl,
      audience: '127.0.0.1',
      typ: 'at+jwt',
      algorithms: ['EdDSA'],
      requiredClaims: ['exp', 'iat', 'jti', 'client_id'],
    });
    expect(payload.sub).to.equal(target.principalId);
  });
});
