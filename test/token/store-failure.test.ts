import { expect } from 'chai';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import {
  assertionForm,
  assertionOf,
  credentialsOf,
  exchangeOf,
  honestToken,
  openTarget,
  type Target,
} from '../attacks/target.ts';
import { settle } from '../fakes.ts';
import { type Answer, type Form, startTestGateway } from '../gateway.ts';
import { createFaultyStore, type Fault, type FaultyStore } from '../journal/harness.ts';
import { exchangeForm } from '../scene.ts';

const forms: Readonly<Record<string, (target: Target) => Form>> = {
  'an exchange': exchangeOf,
  'a secret': credentialsOf,
  'an assertion': (target) => assertionForm(target.client.clientId, assertionOf(target, target.client)),
  'a proven refusal': ({ trust, lab }) => exchangeForm(trust, honestToken(lab, { repository: 'acme/web' })),
};

/** Moves time in small steps until the answer is there; counts the milliseconds. */
async function waitFor(
  target: Target,
  answer: Promise<Answer>,
): Promise<readonly [Answer, elapsedMs: number]> {
  const { clock, scheduler } = target.gateway;
  const startMs = clock.monotonicMs();
  let isDone = false;
  const done = answer.finally(() => {
    isDone = true;
  });
  // The request needs real turns of the event loop to arrive before time may move.
  for (let turn = 0; turn < 20; turn += 1) await settle();
  while (!isDone && clock.monotonicMs() - startMs < 10_000) await scheduler.advance(100);
  return [await done, clock.monotonicMs() - startMs];
}

function expectUnavailable({ status, headers, body, text }: Answer): void {
  expect(status, text).to.equal(503);
  expect(Number(headers['retry-after'])).to.be.within(1, 60);
  expect(body['error']).to.equal('temporarily_unavailable');
  expect(Object.keys(body)).to.deep.equal(['error', 'error_description', 'request_id']);
  expect(text).not.to.contain('broken');
}

describe('token endpoint on a store that fails', () => {
  let store: FaultyStore;
  let target: Target;
  beforeEach(async () => {
    store = createFaultyStore(createMemoryStore());
    target = await openTarget(await startTestGateway({ store }));
  });
  afterEach(async () => {
    store.fault = 'none';
    await target.gateway.scheduler.advance(5_000);
    await target.gateway.close();
  });

  const recover = async (): Promise<void> => {
    store.fault = 'none';
    await target.gateway.scheduler.advance(3_000);
  };
  const issued = async (): Promise<number> =>
    (await target.gateway.audit()).filter(
      (record) => record['class_uid'] === 3002 && record['status_id'] === 1,
    ).length;

  const faults: Readonly<Record<string, readonly [Fault, withinMs: number]>> = {
    'refuses every call': ['fail', 500],
    'never settles': ['hang', 2_500],
  };
  for (const [name, [fault, withinMs]] of Object.entries(faults)) {
    for (const [what, form] of Object.entries(forms)) {
      it(`${name}: ${what} is answered 503 within ${withinMs} ms, nothing is signed, and it recovers`, async () => {
        const before = await issued();
        store.fault = fault;
        const [answer, elapsedMs] = await waitFor(target, target.gateway.token(form(target)));
        expectUnavailable(answer);
        expect(elapsedMs).to.be.at.most(withinMs);
        await recover();
        expect(await issued()).to.equal(before);
        const again = await target.gateway.token(form(target));
        expect(again.status, again.text).to.be.oneOf(what === 'a proven refusal' ? [400] : [200]);
      });
    }

    it(`${name}: 40 requests at once are all 503, and none of them waits longer`, async () => {
      store.fault = fault;
      const all = Promise.all(Array.from({ length: 40 }, () => target.gateway.token(exchangeOf(target))));
      const [, elapsedMs] = await waitFor(
        target,
        all.then(([first]) => first as Answer),
      );
      for (const answer of await all) expectUnavailable(answer);
      expect(elapsedMs).to.be.at.most(withinMs);
    });

    it(`${name}: an unproven refusal is told all the same`, async () => {
      store.fault = fault;
      const form = exchangeForm('calm-fox-00000@gateway.example/wfe', 'a.b.c');
      const [answer] = await waitFor(target, target.gateway.token(form));
      expect(answer.status).to.equal(400);
    });

    it(`${name}: a management change is answered 503 in the REST shape`, async () => {
      await target.scene.principal();
      store.fault = fault;
      const path = '/api/v1/service_principals';
      const [answer] = await waitFor(target, target.scene.admin('POST', path, { displayName: 'x' }));
      expect(answer.status, answer.text).to.equal(503);
      expect(answer.headers['retry-after']).to.be.a('string');
      expect(answer.body).to.include({ code: 14 });
    });
  }

  it('an answer that was lost after the record landed leaves a surplus record, never a token', async () => {
    const before = await issued();
    store.fault = 'land';
    expectUnavailable((await waitFor(target, target.gateway.token(exchangeOf(target))))[0]);
    await recover();
    expect(await issued()).to.equal(before + 1);
    expect((await target.gateway.gateway.verifyAudit()).ok).to.equal(true);
  });

  it('the chain verifies after failures and recovery', async () => {
    for (const fault of ['fail', 'hang', 'land-hang'] as const) {
      store.fault = fault;
      expectUnavailable((await waitFor(target, target.gateway.token(exchangeOf(target))))[0]);
      await recover();
      expect((await target.gateway.token(exchangeOf(target))).status).to.equal(200);
    }
    expect((await target.gateway.gateway.verifyAudit()).ok).to.equal(true);
  });

  describe('whose state is not confirmed', () => {
    const loseSight = async (): Promise<void> => {
      store.fault = 'hang';
      await target.gateway.scheduler.advance(63_000);
    };

    it('issues nothing after 60 s, accepts no token, and is not ready', async () => {
      const { gateway } = target;
      const token = String((await gateway.token(credentialsOf(target))).body['access_token']);
      await loseSight();
      const answers = await Promise.all(Object.values(forms).map((form) => gateway.token(form(target))));
      for (const answer of answers) expectUnavailable(answer);
      const call = await gateway.call('GET', '/api/v1/auth/introspect', undefined, token);
      expect(call.status).to.equal(503);
      expect(call.body['code']).to.equal(14);
      const [ready, live] = await Promise.all([
        gateway.send({ method: 'GET', path: '/readyz' }),
        gateway.send({ method: 'GET', path: '/livez' }),
      ]);
      expect([ready.status, live.status]).to.deep.equal([503, 200]);
    });

    it('issues until 60 s after the last confirmation and not a second longer', async () => {
      store.fault = 'fail';
      await target.gateway.scheduler.advance(59_000);
      store.fault = 'none';
      expect((await target.gateway.token(exchangeOf(target))).status).to.equal(200);
      store.fault = 'fail';
      await target.gateway.scheduler.advance(1_000);
      store.fault = 'none';
      expectUnavailable(await target.gateway.token(exchangeOf(target)));
    });

    it('consumes no assertion, so that the identical one works afterwards', async () => {
      await loseSight();
      const form = assertionForm(target.client.clientId, assertionOf(target, target.client));
      expectUnavailable(await target.gateway.token(form));
      await recover();
      expect((await target.gateway.token(form)).status).to.equal(200);
    });

    it('recovers by itself', async () => {
      await loseSight();
      await recover();
      expect((await target.gateway.token(exchangeOf(target))).status).to.equal(200);
      expect((await target.gateway.send({ method: 'GET', path: '/readyz' })).status).to.equal(200);
    });
  });
});
