import type Router from '@koa/router';

const publicFor = (seconds: number): Record<string, string> => ({
  'Cache-Control': `public, max-age=${seconds}`,
});

/** RFC 8414 metadata, as `oauth-authorization-server` and, for OIDC-style verifiers, as `openid-configuration`; the RFC 7517 key set. */
export function wellKnownRoutes(deps: {
  /** The public URL. */
  readonly issuer: string;
  readonly grantTypes: readonly string[];
  readonly jwks: () => object;
}) {
  const { issuer, grantTypes, jwks } = deps;
  const metadata = JSON.stringify({
    issuer,
    token_endpoint: `${issuer}/auth/v1/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: grantTypes,
    response_types_supported: [],
    token_endpoint_auth_methods_supported: [
      'client_secret_post',
      'client_secret_basic',
      'private_key_jwt',
      'none',
    ],
    token_endpoint_auth_signing_alg_values_supported: ['EdDSA', 'Ed25519'],
  });

  return (router: Router): void => {
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      router.get(`/.well-known/${name}`, (ctx) => {
        ctx.set(publicFor(600));
        ctx.type = 'application/json';
        ctx.body = metadata;
      });
    }
    router.get('/.well-known/jwks.json', (ctx) => {
      ctx.set(publicFor(600));
      ctx.type = 'application/jwk-set+json';
      ctx.body = JSON.stringify(jwks());
    });
  };
}
