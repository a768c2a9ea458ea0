import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/**
 * The reference of the field on this runtime at its lightest: client_credentials by secret, EdDSA JWT out, nothing
 * verified and nothing durable. Arguments: client id, client secret. Prints its port.
 */

const [, , clientId = '', clientSecret = ''] = process.argv;
const resource = 'https://postern.test';

const provider = new Provider('http://127.0.0.1', {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'EdDSA',
    },
  ],
  jwks: {
    keys: [
      {
        ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
        alg: 'EdDSA',
        use: 'sig',
        kid: 'only',
      },
    ],
  },
  enabledJWA: { idTokenSigningAlgValues: ['EdDSA'] },
  routes: { token: '/auth/v1/token' },
  ttl: { ClientCredentials: 1_800 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({
        scope: '',
        audience: 'postern.test',
        accessTokenFormat: 'jwt',
        accessTokenTTL: 1_800,
        jwt: { sign: { alg: 'EdDSA' } },
      }),
    },
  },
});

const server = createServer(provider.callback());
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
