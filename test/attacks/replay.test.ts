import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/model.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';
import { createLateStore } from '../store/late-store.ts';
import { type ReplayTarget, replayAttacks } from './replay.ts';
import {
  assertionForm,
  assertionOf,
  exchangeRefused,
  expectRefusal,
  forgeFor,
  honestToken,
  openTarget,
} from './target.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-replay-'));
const fileStore = (name: string): Promise<Store> => openStore({ kind: 'sqlite', path: join(folder, name) });
const stores: Readonly<Record<string, () => Store | Promise<Store>>> = {
  memory: createMemoryStore,
  sqlite: () => fileStore('replay.db'),
  'an adapter that answers late and out of order': () => createLateStore(7),
};
const racers = 64;
const replayed = exchangeRefused('token_replayed', true);

async function open(store: Store): Promise<ReplayTarget> {
  const target = await openTarget(await startTestGateway({ store }));
  const { scene, principalId } = target;
  // Another row of the same issuer would collide: this one has an issuer of its own.
  const lab = forgeFor(target.gateway, 'https://once.example');
  const providerId = await scene.provider(lab, { replay: 'once' });
  return {
    ...target,
    lab,
    once: await scene.trust(principalId, providerId),
    onceToo: await scene.trust(principalId, providerId),
  };
}

describe('replayed subject tokens', () => {
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, openStoreUnderTest] of Object.entries(stores)) {
    describe(`on ${name}`, () => {
      let target: ReplayTarget;
      before(async () => {
        target = await open(await openStoreUnderTest());
      });
      after(() => target.gateway.close());

      for (const { id, threat, title, request, verdict } of replayAttacks) {
        it(`${id} (${threat}) ${title}`, async () => {
          await expectRefusal(target.gateway, await target.gateway.send(await request(target)), verdict);
        });
      }

      it(`race-01 (T12) ${racers} exchanges of one token at once: exactly one succeeds`, async () => {
        const form = exchangeForm(target.once, honestToken(target.lab, { jti: 'the-race' }));
        const answers = await Promise.all(Array.from({ length: racers }, () => target.gateway.token(form)));
        expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
        for (const answer of answers.filter(({ status }) => status !== 200)) {
          await expectRefusal(target.gateway, answer, replayed);
        }
      });

      it(`race-02 (T16) ${racers} uses of one assertion at once: exactly one succeeds`, async () => {
        const form = assertionForm(target.client.clientId, assertionOf(target, target.client));
        const answers = await Promise.all(Array.from({ length: racers }, () => target.gateway.token(form)));
        const statuses = answers.map(({ status }) => status).sort();
        expect(statuses).to.deep.equal([200, ...new Array<number>(racers - 1).fill(401)]);
      });

      it('takes the same jti from another provider', async () => {
        const { scene, principalId, gateway } = target;
        const lab = forgeFor(gateway, 'https://twice.example');
        const other = await scene.trust(principalId, await scene.provider(lab, { replay: 'once' }));
        const first = await gateway.token(
          exchangeForm(target.once, honestToken(target.lab, { jti: 'shared' })),
        );
        const second = await gateway.token(exchangeForm(other, honestToken(lab, { jti: 'shared' })));
        expect([first.status, second.status]).to.deep.equal([200, 200]);
      });

      it('lets a refused token come back once what refused it is gone', async () => {
        const { scene, principalId, gateway, once } = target;
        const trustPath = `/api/v1/service_principals/${principalId}/trusts/${once}`;
        const form = exchangeForm(
          once,
          honestToken(target.lab, { jti: 'second-try', repository: 'acme/web' }),
        );
        expect((await gateway.token(form)).body['reason']).to.equal('cel_condition_not_met');
        await scene.admin('PATCH', trustPath, {
          trust: { conditionExpression: 'claims.repository == "acme/web"' },
        });
        expect((await gateway.token(form)).status).to.equal(200);
      });
    });
  }

  it('race-03 (T12) a token used before a restart is refused after it', async () => {
    const first = await open(await fileStore('restart.db'));
    const form = exchangeForm(first.once, honestToken(first.lab, { jti: 'before-the-restart' }));
    expect((await first.gateway.token(form)).status).to.equal(200);
    await first.gateway.close();

    const { clock } = first.gateway;
    const store = await fileStore('restart.db');
    const second = await startTestGateway({ store, clock, seed: 2 });
    try {
      await expectRefusal(second, await second.token(form), replayed);
    } finally {
      await second.close();
    }
  });
});
