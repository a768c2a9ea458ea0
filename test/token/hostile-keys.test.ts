import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { expect } from 'chai';
import { createFetch } from '../../src/egress/guarded-fetch.ts';
import type { Fetch, Fetched } from '../../src/kernel/ports.ts';
import type { KeyName } from '../attacks/forge.ts';
import {
  hostileAnswers,
  keyAttacks,
  keySetAttacks,
  refusedResolutions,
  refusedUrls,
  soundKeys,
} from '../attacks/jwks.ts';
import { exchangeRefused, expectRefusal, forgeFor, openTarget, type Target } from '../attacks/target.ts';
import { type Answer, startTestGateway, type TestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';

const minuteMs = 60_000;
const issuer = 'https://keys.example';
const jwksUri = `${issuer}/jwks`;

const served = (document: unknown): Fetched => ({
  status: 200,
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify(document)),
});
const never = async (): Promise<never> => {
  throw new Error('asked the resolver');
};
const guarded = createFetch({ allowPrivate: [], allowInsecureLoopback: false, resolve: never });

/** What the issuer says where the test decides; its discovery document is sound but for the `jwks_uri` it names. */
interface Web {
  namedJwksUri: string;
  readJwks: Fetch;
}

/** A sound issuer's web, until the test makes it hostile. */
function createWeb(): { readonly web: Web; readonly fetch: Fetch } {
  const sound: Fetch = async () => served({ keys: Object.values(soundKeys) });
  const web: Web = { namedJwksUri: jwksUri, readJwks: sound };
  const fetch: Fetch = async (url) =>
    url === `${issuer}/.well-known/openid-configuration`
      ? served({ issuer, jwks_uri: web.namedJwksUri })
      : web.readJwks(url);
  return { web, fetch };
}

const register = ({ scene }: Target, issuerUrl: string): Promise<Answer> =>
  scene.admin('POST', '/api/v1/workload_federation/providers', {
    displayName: 'a hostile issuer',
    issuerUrl,
    wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
    preset: 'custom',
    oidc: {},
    algorithms: ['RS256', 'ES256', 'EdDSA'],
  });

/** The registration is refused by naming `issuerUrl`, and only the provider that was there is still there. */
async function expectUnregistered(target: Target, issuerUrl: string, why: RegExp): Promise<void> {
  const answer = await register(target, issuerUrl);
  expect(answer.status, answer.text).to.equal(400);
  expect(answer.body['code']).to.equal(3);
  expect(JSON.stringify(answer.body['details']), answer.text).to.contain('"field":"issuerUrl"');
  expect(answer.text).to.match(why);
  const list = await target.scene.admin('GET', '/api/v1/workload_federation/providers');
  expect(list.status, list.text).to.equal(200);
  const providers = list.body['list'] as readonly { readonly id: string }[];
  expect(providers.map(({ id }) => id)).to.deep.equal([target.providerId]);
}

const escaped = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));

describe('hostile keys, through the endpoints', () => {
  let server: Server;
  let origin: string;
  let respond: (response: ServerResponse) => void;
  before((done) => {
    server = createServer((_, response) => respond(response));
    server.listen(0, '127.0.0.1', () => {
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  after((done) => {
    server.closeAllConnections();
    server.close(done);
  });

  /** The guarded fetch itself, led to a server of the test. */
  const loopback = createFetch({ allowPrivate: [], allowInsecureLoopback: true, timeoutMs: 300 });
  const publishes =
    (document: () => unknown) =>
    (web: Web): void => {
      web.readJwks = async () => served(document());
    };
  const answers =
    (respondThus: typeof respond) =>
    (web: Web): void => {
      respond = respondThus;
      web.readJwks = () => loopback(origin);
    };
  const points =
    (uri: string) =>
    (web: Web): void => {
      web.namedJwksUri = uri;
      web.readJwks = guarded;
    };

  interface Row {
    readonly title: string;
    readonly corrupt: (web: Web) => void;
    readonly why: RegExp;
  }
  const rows: readonly Row[] = [
    ...hostileAnswers.map(
      ({ title, respond: respondThus, message }): Row => ({
        title: `the JWKS is ${title}`,
        corrupt: answers(respondThus),
        why: message,
      }),
    ),
    ...keySetAttacks.map(
      ({ id, title, set, why }): Row => ({
        title: `${id} ${title}`,
        corrupt: publishes(set),
        // What is no JSON object, or too large to be parsed, never reaches the linter.
        why: /^(?:null|an array|50,000 keys)$/.test(title) ? /jwks_uri: the answer is / : escaped(why),
      }),
    ),
    ...keyAttacks.map(
      ({ id, title, jwk, why }): Row => ({
        title: `${id} ${title}`,
        corrupt: publishes(() => ({ keys: [jwk()] })),
        why: escaped(why),
      }),
    ),
    ...refusedUrls.map(
      (url): Row => ({
        title: `jwks_uri is ${JSON.stringify(url)}`,
        corrupt: points(url),
        why: /not allowed|jwks_uri (?:is not|carries)/,
      }),
    ),
  ];

  async function openIssuer(): Promise<{ web: Web; target: Target; close: () => Promise<void> }> {
    const { web, fetch } = createWeb();
    const gateway = await startTestGateway({ fetch });
    const target = await openTarget(gateway);
    return { web, target, close: () => gateway.close() };
  }

  describe('at registration: refused, and nothing is stored', () => {
    let target: Target;
    let web: Web;
    let close: () => Promise<void>;
    before(async () => {
      ({ target, web, close } = await openIssuer());
    });
    after(() => close());
    for (const { title, corrupt, why } of rows) {
      it(title, async () => {
        web.namedJwksUri = jwksUri;
        corrupt(web);
        await expectUnregistered(target, issuer, why);
      });
    }
  });

  /** A trust of an issuer that was sound when it was registered, and the exchange of its honest token. */
  async function openJob(): Promise<{
    web: Web;
    target: Target;
    exchange: (name?: KeyName, asked?: TestGateway) => Promise<Answer>;
    close: () => Promise<void>;
  }> {
    const { web, target, close } = await openIssuer();
    const { gateway, scene, principalId } = target;
    const lab = forgeFor(gateway, issuer);
    const trust = await scene.trust(principalId, await scene.provider(lab, { jwks: undefined }));
    const exchange = (name: KeyName = 'rsa', asked = gateway): Promise<Answer> => {
      const key = lab.keys[name];
      const token = lab.sign({ alg: key.alg, kid: key.kid, typ: 'JWT' }, lab.claims(), key);
      return asked.token(exchangeForm(trust, token));
    };
    const first = await exchange();
    expect(first.status, first.text).to.equal(200);
    return { web, target, exchange, close };
  }

  /** No token, and the words of every outage. */
  async function expectOutage(gateway: TestGateway, answer: Answer): Promise<void> {
    const { status, headers, body, text } = answer;
    expect(status, text).to.equal(503);
    expect(Number(headers['retry-after'])).to.be.within(1, 60);
    expect(Object.keys(body)).to.deep.equal(['error', 'error_description', 'request_id']);
    expect(body['error']).to.equal('temporarily_unavailable');
    const records = await gateway.auditOf(answer);
    expect(records.map((record) => record['status_detail'])).to.deep.equal(['jwks_unavailable']);
  }

  describe('after a restart, with no good set left: 503, no token', () => {
    let first: Awaited<ReturnType<typeof openJob>>;
    before(async () => {
      first = await openJob();
    });
    after(() => first.close());
    for (const [index, { title, corrupt }] of rows.entries()) {
      it(title, async () => {
        const { web, fetch } = createWeb();
        const { store, clock } = first.target.gateway;
        const gateway = await startTestGateway({ store, clock, fetch, seed: index + 2 });
        try {
          corrupt(web);
          await expectOutage(gateway, await first.exchange('rsa', gateway));
        } finally {
          await gateway.close();
        }
      });
    }
    it('whereas a sound set gets a token', async () => {
      const { store, clock } = first.target.gateway;
      const gateway = await startTestGateway({ store, clock, fetch: createWeb().fetch, seed: 1_000 });
      try {
        expect((await first.exchange('rsa', gateway)).status).to.equal(200);
      } finally {
        await gateway.close();
      }
    });
  });

  const leaks = (why: string): boolean => why.startsWith('private key');

  describe('beside a sound key, once the set is refreshed: the hostile key verifies nothing', () => {
    it('whereas the sound form of the key gets a token', async () => {
      const { web, target, exchange, close } = await openJob();
      try {
        publishes(() => ({ keys: [soundKeys.rsa, soundKeys.p384] }))(web);
        await target.gateway.scheduler.advance(11 * minuteMs);
        expect((await exchange()).status).to.equal(200);
      } finally {
        await close();
      }
    });
    for (const { id, title, jwk } of keyAttacks.filter(({ why }) => !leaks(why))) {
      it(`${id} ${title}`, async () => {
        const { web, target, exchange, close } = await openJob();
        try {
          const key = jwk() as { readonly kid?: unknown } | null;
          const kid = key?.kid;
          publishes(() => ({ keys: [key, soundKeys.p384] }))(web);
          await target.gateway.scheduler.advance(11 * minuteMs);
          const answer = await exchange(kid === 'p256' || kid === 'ed25519' ? kid : 'rsa');
          await expectRefusal(target.gateway, answer, exchangeRefused('signature_invalid'));
        } finally {
          await close();
        }
      });
    }
  });

  describe('a published private key beside a sound one: the trust in the issuer ends at once', () => {
    const leaked = [
      ...keyAttacks
        .filter(({ why }) => leaks(why))
        .map(({ id, title, jwk }) => ({
          title: `${id} ${title}`,
          set: () => ({ keys: [soundKeys.rsa, jwk()] }),
        })),
      ...keySetAttacks
        .filter(({ why }) => leaks(why))
        .map(({ id, title, set }) => ({ title: `${id} ${title}`, set })),
    ];
    for (const { title, set } of leaked) {
      it(title, async () => {
        const { web, target, exchange, close } = await openJob();
        try {
          publishes(set)(web);
          await target.gateway.scheduler.advance(11 * minuteMs);
          await expectOutage(target.gateway, await exchange());
        } finally {
          await close();
        }
      });
    }
  });

  describe('an issuer at a refused URL is not registered', () => {
    let target: Target;
    before(async () => {
      target = await openTarget(await startTestGateway({ fetch: guarded }));
    });
    after(() => target.gateway.close());
    for (const url of refusedUrls) {
      it(JSON.stringify(url), () => expectUnregistered(target, url, /not allowed|must /));
    }
  });

  describe('an issuer whose name resolves to a refused address is not registered', () => {
    for (const [title, addresses] of Object.entries(refusedResolutions)) {
      it(title, async () => {
        const resolve = async () => addresses.map((address) => ({ address, family: isIP(address) || 4 }));
        const fetch = createFetch({ allowPrivate: [], allowInsecureLoopback: false, resolve });
        const target = await openTarget(await startTestGateway({ fetch }));
        try {
          await expectUnregistered(target, issuer, /not allowed/);
        } finally {
          await target.gateway.close();
        }
      });
    }
  });
});
