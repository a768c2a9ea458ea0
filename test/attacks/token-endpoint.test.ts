import { expect } from 'chai';
import { startTestGateway, type TestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';
import { celAttacks } from './cel.ts';
import { claimAttacks } from './claims.ts';
import { assertionAttacks } from './client-assertion.ts';
import { credentialAttacks } from './client-credentials.ts';
import type { AttackRow } from './forge.ts';
import { joseAttacks } from './jose.ts';
import { type NetworkAttack, networkAttacks, proxySets, requestOf } from './network-identity.ts';
import { parameterAttacks } from './request-parameters.ts';
import {
  assertionForm,
  assertionOf,
  credentialsOf,
  exchangeOf,
  exchangeRefused,
  expectRefusal,
  type HttpAttack,
  honestToken,
  malformed,
  openTarget,
  type Target,
  type Verdict,
} from './target.ts';

/** Rows share a gateway: none of them may leave anything behind that another could notice. */
function attacksOn(title: string, rows: readonly HttpAttack[]): void {
  describe(title, () => {
    let target: Target;
    before(async () => {
      target = await openTarget(await startTestGateway());
    });
    after(() => target.gateway.close());

    it('lets honest requests through', async () => {
      const { gateway } = target;
      const forms = [
        exchangeOf(target),
        credentialsOf(target),
        assertionForm(target.client.clientId, assertionOf(target, target.client)),
      ];
      for (const form of forms) {
        const answer = await gateway.token(form);
        expect(answer.status, answer.text).to.equal(200);
      }
    });

    for (const { id, threat, title: what, request, verdict } of rows) {
      it(`${id} (${threat}) ${what}`, async () => {
        await expectRefusal(target.gateway, await target.gateway.send(await request(target)), verdict);
      });
    }
  });
}

/** The endpoint refuses two kinds of token before it looks at them as tokens. */
function verdictOf({ reason, proven }: AttackRow, token: string): Verdict {
  return token.length > 16_384 || token.includes('\0') ? malformed : exchangeRefused(reason, proven);
}

function tokenAttacksOn(title: string, rows: readonly AttackRow[]): void {
  describe(title, () => {
    let target: Target;
    before(async () => {
      target = await openTarget(await startTestGateway());
    });
    after(() => target.gateway.close());

    for (const row of rows) {
      it(`${row.id} (${row.threat}) ${row.title}`, async () => {
        const token = await row.forge(target.lab);
        const answer = await target.gateway.token(exchangeForm(target.trust, token));
        await expectRefusal(target.gateway, answer, verdictOf(row, token));
      });
    }
  });
}

function networkAttacksOn(proxies: NetworkAttack['proxies']): void {
  describe(`source addresses behind proxies: ${proxies}`, () => {
    let target: Target;
    before(async () => {
      target = await openTarget(await startTestGateway({ settings: { trustedProxies: proxySets[proxies] } }));
    });
    after(() => target.gateway.close());

    for (const row of networkAttacks.filter((attack) => attack.proxies === proxies)) {
      it(`${row.id} (${row.threat}) ${row.title}`, async () => {
        const answer = await target.gateway.send(await requestOf(row, target));
        await expectRefusal(target.gateway, answer, exchangeRefused('ip_not_allowed'));
        const [record] = await target.gateway.auditOf(answer);
        expect(record?.['src_endpoint']).to.deep.equal({ ip: row.source });
      });
    }
  });
}

describe('attacks on the token endpoint', () => {
  attacksOn('request parameters', parameterAttacks);
  attacksOn('client credentials', credentialAttacks);
  attacksOn('client assertion', assertionAttacks);
  tokenAttacksOn('header, signature and encoding of a subject token', joseAttacks);
  tokenAttacksOn('claims of a subject token', claimAttacks);
  for (const proxies of Object.keys(proxySets)) networkAttacksOn(proxies as NetworkAttack['proxies']);

  describe('conditions', () => {
    let gateway: TestGateway;
    let target: Target;
    before(async () => {
      gateway = await startTestGateway();
      target = await openTarget(gateway);
    });
    after(() => gateway.close());

    for (const { id, expression, claims, expect: expected, code } of celAttacks) {
      it(`${id} (C7) is ${expected}`, async () => {
        const { scene, principalId, providerId, lab } = target;
        const path = `/api/v1/service_principals/${principalId}/trusts`;
        const trust = { displayName: 'evil', providerId, conditionExpression: expression };
        if (expected === 'refused') {
          const answer = await scene.admin('POST', path, trust);
          expect(answer.status, answer.text).to.equal(400);
          expect(answer.body['code']).to.equal(3);
          expect(answer.body['message']).to.contain(`conditionExpression: `).and.to.contain(code);
          return;
        }
        const clientId = await scene.trust(principalId, providerId, trust);
        const token = honestToken(lab, claims as Readonly<Record<string, unknown>>);
        const answer = await gateway.token(exchangeForm(clientId, token));
        const isTooLarge = token.length > 16_384;
        await expectRefusal(
          gateway,
          answer,
          isTooLarge ? malformed : exchangeRefused('cel_condition_not_met', true),
        );
      });
    }
  });
});
