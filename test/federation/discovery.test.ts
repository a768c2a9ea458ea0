import { expect } from 'chai';
import fc from 'fast-check';
import { checkIssuerUrl, discover } from '../../src/federation/discovery.ts';
import { EgressFailed, GatewayError } from '../../src/kernel/errors.ts';
import type { Fetch } from '../../src/kernel/ports.ts';
import { soundKeys } from '../attacks/jwks.ts';

const strict = { allowInsecure: false };

function faultOf(text: string, options = strict): string {
  try {
    checkIssuerUrl(text, options);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'invalid_argument') throw error;
    expect(error.violations[0]?.field).to.equal('issuerUrl');
    return error.violations[0]?.description ?? '';
  }
}

/** A web of documents; what is not in it answers 404. */
const serve =
  (documents: Readonly<Record<string, unknown>>, contentType = 'application/json'): Fetch =>
  async (url) => {
    const document = documents[url];
    if (document instanceof Error) throw document;
    const body = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document ?? {}));
    return { status: document === undefined ? 404 : 200, contentType, body };
  };

async function reasonOf(fetch: Fetch, issuer: string): Promise<string> {
  try {
    return (await discover(fetch, issuer, strict)).issuer;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return error.violations[0]?.description ?? '';
  }
}

describe('federation/discovery', () => {
  describe('issuer URLs that may be registered', () => {
    const accepted = [
      'https://token.actions.githubusercontent.com',
      'https://token.actions.githubusercontent.com/acme',
      'https://gitlab.com',
      'https://app.terraform.io',
      'https://oidc.circleci.com/org/00000000-0000-4000-8000-000000000000',
      'https://agent.buildkite.com',
      'https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc',
      'https://login.microsoftonline.com/00000000-0000-4000-8000-000000000000/v2.0',
      'https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws',
      'https://container.googleapis.com/v1/projects/example.com:build/locations/europe-west6/clusters/c',
      'https://westeurope.oic.prod-aks.azure.com/t/g/',
      'https://kubernetes.default.svc.cluster.local',
      'https://ghes.example/_services/token',
      'https://example.com/',
      'https://example.com/user~name/path',
      'https://keycloak.example.com:8443/auth/realms/master',
      'https://xn--exmple-cua.com',
      `https://example.com/${'a'.repeat(235)}`,
    ];
    for (const issuer of accepted) it(issuer, () => expect(faultOf(issuer)).to.equal('accepted'));
    it('http in development only', () => {
      expect(faultOf('http://127.0.0.1:4000', { allowInsecure: true })).to.equal('accepted');
      expect(faultOf('http://127.0.0.1:4000')).to.match(/https/);
    });
  });

  describe('issuer URLs that may not', () => {
    const table: [issuer: string, fault: RegExp][] = [
      ['', /https/],
      ['example.com', /https/],
      ['ftp://example.com', /https/],
      ['http://example.com', /https/],
      ['HTTPS://example.com', /lower case/],
      ['https:/example.com', /https/],
      ['https://', /URL/],
      ['https://:443', /URL/],
      [`https://example.com/${'a'.repeat(236)}`, /255/],
      ['https://Example.com', /normal form/],
      ['https://example.com:443', /normal form/],
      ['https://example.com:0443/a', /normal form/],
      ['https://user:pass@example.com', /userinfo/],
      ['https://user@example.com', /userinfo/],
      ['https://@example.com', /userinfo/],
      ['https://ci.example.org@evil.example', /userinfo/],
      ['https://example.com?x=1', /query/],
      ['https://example.com?', /query/],
      ['https://example.com#x', /fragment/],
      ['https://example.com/path#', /fragment/],
      ['https://example.com/../admin', /normal form/],
      ['https://example.com/a/../b', /normal form/],
      ['https://example.com/./admin', /normal form/],
      ['https://example.com/a/..', /normal form/],
      ['https://example.com//admin', /empty path/],
      ['https://example.com/a//', /empty path/],
      ['https://example.com/%2e%2e/admin', /normal form/],
      ['https://example.com/path%2F..%2Fadmin', /letters/],
      ['https://example.com/%41', /letters/],
      ['https://example.com\\admin', /normal form/],
      ['https://exa\nmple.com', /normal form/],
      ['https://exa\tmple.com', /normal form/],
      ['https://exam ple.com', /URL/],
      [' https://example.com', /https/],
      ['https://example.com ', /normal form/],
      ['https://example.com\u0000', /normal form/],
      ['https://ex\u00e4mple.com', /normal form/],
      ['https://e\u24cdample.com', /normal form/],
      ['https://\u0435xample.com', /normal form/],
      ['https://example\u3002com', /normal form/],
      ['https://example.com.', /dot/],
      ['https://example.com/<script>', /normal form/],
      ['https://example.com/a;b', /letters/],
      ['https://example.com/a@b', /userinfo/],
      ['https://example.com/*', /letters/],
      ['https://2130706433', /normal form/],
      ['https://0x7f.1', /normal form/],
      ['https://[::0:1]', /normal form/],
      ['spiffe://example.com', /https/],
      ['javascript:alert(1)', /https/],
    ];
    for (const [issuer, fault] of table)
      it(JSON.stringify(issuer), () => expect(faultOf(issuer)).to.match(fault));
  });

  it('property: any text is accepted or refused as an argument, and what is accepted has one spelling', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('/', '..', '.', '@', ':', '%2e', 'a.example', '//', '?', '#'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = `https://${pieces.join('')}`;
        if (faultOf(text) !== 'accepted') return;
        const { href, username, search, hash } = new URL(text);
        expect([text, `${text}/`]).to.include(href);
        expect(username + search + hash).to.equal('');
      }),
      { numRuns: 2_000 },
    );
  });

  describe('discovery', () => {
    const jwks = { keys: [soundKeys.p256] };
    const keysUrl = 'https://a.example/keys';
    const documentUrl = 'https://a.example/t/.well-known/openid-configuration';
    const web = (document: unknown, keys: unknown = jwks): Fetch =>
      serve({ [documentUrl]: document, [keysUrl]: keys });

    it('takes the issuer as the document spells it', async () => {
      const found = await discover(
        web({ issuer: 'https://a.example/t', jwks_uri: keysUrl }),
        'https://a.example/t',
        strict,
      );
      expect(found).to.deep.include({ issuer: 'https://a.example/t', jwksUri: keysUrl });
      expect(found.keys.map(({ kid }) => kid)).to.deep.equal(['p256']);
    });
    it('toggles the trailing slash, both ways', async () => {
      const slash = web({ issuer: 'https://a.example/t/', jwks_uri: keysUrl });
      expect(await reasonOf(slash, 'https://a.example/t')).to.equal('https://a.example/t/');
      const none = web({ issuer: 'https://a.example/t', jwks_uri: keysUrl });
      expect(await reasonOf(none, 'https://a.example/t/')).to.equal('https://a.example/t');
    });

    const good = { issuer: 'https://a.example/t', jwks_uri: keysUrl };
    const refused: [title: string, fetch: Fetch, reason: RegExp][] = [
      ['no document', serve({}), /answered 404/],
      [
        'another issuer',
        web({ ...good, issuer: 'https://b.example/t' }),
        /another issuer, "https:\/\/b\.example\/t"/,
      ],
      ['the issuer in upper case', web({ ...good, issuer: 'HTTPS://A.EXAMPLE/T' }), /another issuer/],
      ['the issuer with two slashes', web({ ...good, issuer: 'https://a.example/t//' }), /another issuer/],
      [
        'issuer is an array',
        web({ ...good, issuer: ['https://a.example/t'] }),
        /another issuer, not a string/,
      ],
      ['issuer absent', web({ jwks_uri: keysUrl }), /another issuer, not a string/],
      ['jwks_uri absent', web({ issuer: good.issuer }), /jwks_uri is not a URL/],
      ['jwks_uri relative', web({ ...good, jwks_uri: '/keys' }), /jwks_uri is not a URL/],
      ['jwks_uri by http', web({ ...good, jwks_uri: 'http://a.example/keys' }), /not https/],
      ['jwks_uri is a file', web({ ...good, jwks_uri: 'file:///etc/passwd' }), /not https/],
      ['jwks_uri with userinfo', web({ ...good, jwks_uri: 'https://u@a.example/keys' }), /userinfo/],
      [
        'jwks_uri of 3,000 characters',
        web({ ...good, jwks_uri: `${keysUrl}${'a'.repeat(3_000)}` }),
        /not a URL/,
      ],
      ['document is an array', web([good]), /not a JSON object/],
      ['document is HTML', web('<html>'), /not valid JSON/],
      [
        'document with a repeated issuer',
        web(`{"issuer":"https://b.example",${JSON.stringify(good).slice(1)}`),
        /repeated/,
      ],
      ['HTML by its type', serve({ [documentUrl]: good, [keysUrl]: jwks }, 'text/html'), /content type/],
      ['no type', serve({ [documentUrl]: good }, ''), /content type/],
      ['JSON as a prefix of the type', serve({ [documentUrl]: good }, 'application/jsonp'), /content type/],
      ['empty key set', web(good, { keys: [] }), /no usable key/],
      ['key set of oct keys', web(good, { keys: [{ kty: 'oct', k: 'AAAA' }] }), /no usable key/],
      ['key set missing', serve({ [documentUrl]: good }), /jwks_uri: the server answered 404/],
      ['connection fails', web(new EgressFailed('the request failed (ECONNREFUSED)')), /ECONNREFUSED/],
      ['something unforeseen', web(new TypeError('secret path')), /^discovery: the request failed$/],
    ];
    for (const [title, fetch, reason] of refused) {
      it(`refuses: ${title}`, async () => expect(await reasonOf(fetch, good.issuer)).to.match(reason));
    }
    for (const type of ['application/json; charset=utf-8', 'application/jwk-set+json', 'Application/JSON']) {
      it(`takes ${type}`, async () => {
        expect(await reasonOf(serve({ [documentUrl]: good, [keysUrl]: jwks }, type), good.issuer)).to.equal(
          good.issuer,
        );
      });
    }
    it('asks nobody about a URL that may not be registered', async () => {
      let asked = 0;
      const fetch: Fetch = async () => {
        asked += 1;
        throw new EgressFailed('never');
      };
      expect(await reasonOf(fetch, 'http://a.example')).to.match(/https/);
      expect(asked).to.equal(0);
    });
  });
});
