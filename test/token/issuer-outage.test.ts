import { expect } from 'chai';
import { EgressFailed } from '../../src/kernel/errors.ts';
import type { Fetch } from '../../src/kernel/ports.ts';
import type { Forge } from '../attacks/forge.ts';
import { exchangeRefused, expectRefusal, forgeFor, honestToken } from '../attacks/target.ts';
import { settle } from '../fakes.ts';
import { type Answer, startTestGateway, type TestGateway } from '../gateway.ts';
import { exchangeForm, openScene, type Scene } from '../scene.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** An issuer that is found by discovery, and that the test can switch off or let rotate. */
describe('token exchange while an issuer is in trouble', () => {
  let gateway: TestGateway;
  let lab: Forge;
  let trust: string;
  let keys: readonly unknown[];
  let isDown: boolean;
  let fetched: number;
  /** While set, a fetch waits for it. */
  let hold: Promise<void> | undefined;
  let scene: Scene;
  let principalId: string;

  const fetch: Fetch = async (url) => {
    fetched += 1;
    await hold;
    if (isDown) throw new EgressFailed('the issuer does not answer');
    const isDiscovery = url.endsWith('/.well-known/openid-configuration');
    const document = isDiscovery ? { issuer: lab.issuer, jwks_uri: `${lab.issuer}/jwks` } : { keys };
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(document)) };
  };

  beforeEach(async () => {
    isDown = false;
    fetched = 0;
    hold = undefined;
    gateway = await startTestGateway({ fetch });
    lab = forgeFor(gateway);
    keys = lab.jwks.keys;
    scene = await openScene(gateway);
    const members = { jwks: undefined };
    principalId = await scene.principal();
    trust = await scene.trust(principalId, await scene.provider(lab, members));
  });
  afterEach(() => gateway.close());

  const exchange = (token = honestToken(lab)): Promise<Answer> => gateway.token(exchangeForm(trust, token));

  it('goes on with known keys for hours without the issuer', async () => {
    expect((await exchange()).status).to.equal(200);
    isDown = true;
    for (let hours = 0; hours < 23; hours += 1) {
      await gateway.scheduler.advance(hourMs);
      const answer = await exchange();
      expect(answer.status, `${hours + 1} h: ${answer.text}`).to.equal(200);
    }
  });

  it('judges by the state after a slow fetch, not by the one before it', async () => {
    keys = lab.jwks.keys.filter((key) => key['kid'] !== 'p256');
    await gateway.scheduler.advance(11 * minuteMs);
    await exchange();
    keys = lab.jwks.keys;
    await gateway.scheduler.advance(minuteMs);
    let release = (): void => {};
    hold = new Promise((resolve) => {
      release = resolve;
    });
    const before = fetched;
    const waiting = exchange(lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims(), lab.keys.p256));
    while (fetched === before) await settle();
    await scene.setStatus(principalId, 'DISABLED');
    release();
    const answer = await waiting;
    expect(answer.status, answer.text).to.equal(400);
    expect(answer.body).not.to.have.property('access_token');
    const [record] = await gateway.auditOf(answer);
    expect(record?.['status_detail']).to.equal('sp_disabled');
  });

  it('answers 503 with Retry-After once no key is left, in the words of every outage, and recovers', async () => {
    isDown = true;
    await gateway.scheduler.advance(25 * hourMs);
    const answer = await exchange();
    expect(answer.status, answer.text).to.equal(503);
    expect(Number(answer.headers['retry-after'])).to.be.within(1, 60);
    expect(Object.keys(answer.body)).to.deep.equal(['error', 'error_description', 'request_id']);
    expect(answer.body['error']).to.equal('temporarily_unavailable');
    const [record] = await gateway.auditOf(answer);
    expect(record?.['status_detail']).to.equal('jwks_unavailable');
    isDown = false;
    await gateway.scheduler.advance(2 * minuteMs);
    expect((await exchange()).status).to.equal(200);
  });

  it('finds a key that the issuer added, at its first use', async () => {
    keys = lab.jwks.keys.filter((key) => key['kid'] !== 'p256');
    await gateway.scheduler.advance(11 * minuteMs);
    await exchange();
    keys = lab.jwks.keys;
    await gateway.scheduler.advance(minuteMs);
    const token = lab.sign({ alg: 'ES256', kid: 'p256' }, lab.claims(), lab.keys.p256);
    expect((await exchange(token)).status).to.equal(200);
  });

  it('refuses a key that the issuer withdrew, at most 10 minutes later', async () => {
    expect((await exchange()).status).to.equal(200);
    keys = lab.jwks.keys.filter((key) => key['kid'] !== 'rsa');
    await gateway.scheduler.advance(10 * minuteMs + 5_000);
    await exchange();
    await gateway.scheduler.advance(1_000);
    await expectRefusal(gateway, await exchange(), exchangeRefused('signature_invalid'));
  });

  it('200 unknown key ids cause at most one fetch', async () => {
    const before = fetched;
    for (let index = 0; index < 200; index += 1) {
      const token = lab.sign({ alg: 'RS256', kid: `nobody-${index}` }, lab.claims(), lab.strangers.rsa);
      expect((await exchange(token)).status).to.equal(400);
    }
    expect(fetched - before).to.be.at.most(1);
  });

  it('a stranger’s token causes no fetch at all', async () => {
    await gateway.scheduler.advance(11 * minuteMs);
    const before = fetched;
    for (const patch of [{ iss: 'https://evil.example' }, { iss: undefined }])
      await exchange(honestToken(lab, patch));
    await exchange(lab.sign({ alg: 'HS256', kid: 'rsa' }));
    expect(fetched).to.equal(before);
  });
});
