import { expect } from 'chai';
import {
  assertionForm,
  assertionOf,
  exchangeRefused,
  expectRefusal,
  honestToken,
  openTarget,
  type Target,
} from '../attacks/target.ts';
import { type Answer, type Form, startTestGateway } from '../gateway.ts';
import { exchangeForm, secretForm } from '../scene.ts';

/** What anybody can compare: status, headers, and the body but for the request id. */
function appearance({ status, headers, text }: Answer): string {
  const { date: _, 'x-request-id': requestId, ...rest } = headers;
  return JSON.stringify({ status, headers: rest, text: text.replace(String(requestId), '') });
}

describe('split denial', () => {
  let target: Target;
  before(async () => {
    target = await openTarget(await startTestGateway());
  });
  after(() => target.gateway.close());

  const same = async (forms: readonly (Form | Promise<Form>)[]): Promise<void> => {
    const answers: Answer[] = [];
    for (const form of forms) answers.push(await target.gateway.token(await form));
    const audits = await Promise.all(answers.map((answer) => target.gateway.auditOf(answer)));
    const reasons = audits.map(([record]) => record?.['status_detail']);
    expect(new Set(reasons).size, 'each cause is a different one').to.equal(forms.length);
    expect(new Set(answers.map(appearance))).to.have.property('size', 1);
  };

  it('all unproven causes of a refused exchange look alike', async () => {
    const { scene, lab, principalId, trust } = target;
    const disabledId = await scene.principal();
    const providerId = await scene.provider({ ...lab, issuer: 'https://off.example' });
    const other = await scene.trust(principalId, providerId);
    const closed = await scene.trust(principalId, target.providerId);
    const orphan = await scene.trust(disabledId, target.providerId);
    const guarded = await scene.trust(principalId, target.providerId, {
      allowSourceCidrs: ['203.0.113.0/24'],
    });
    await scene.setStatus(disabledId, 'DISABLED');
    await scene.admin('PATCH', `/api/v1/workload_federation/providers/${providerId}`, {
      provider: { disabled: true },
    });
    await scene.admin('PATCH', `/api/v1/service_principals/${principalId}/trusts/${closed}`, {
      trust: { disabled: true },
    });
    const honest = honestToken(lab);
    await same([
      exchangeForm('calm-fox-00000@gateway.example/wfe', honest),
      exchangeForm(other, honest),
      exchangeForm(closed, honest),
      exchangeForm(orphan, honest),
      exchangeForm(guarded, honest),
      exchangeForm(trust, 'a.b.c'),
      exchangeForm(trust, lab.sign({ alg: 'RS512', kid: 'rsa' })),
      exchangeForm(trust, honestToken(lab, { iss: 'https://evil.example' })),
      exchangeForm(trust, lab.sign({ alg: 'RS256', kid: 'rsa' }, lab.claims(), lab.strangers.rsa)),
      exchangeForm(trust, honestToken(lab, { aud: 'other.example' })),
    ]);
  });

  it('all unproven causes of a refused client look alike', async () => {
    const { scene, client, other, gateway } = target;
    const disabledId = await scene.principal();
    const disabled = await scene.credential(disabledId);
    const id = await scene.principal();
    const revoked = await scene.credential(id);
    const expired = await scene.credential(id, { expires: '60s' });
    const guarded = await scene.credential(id, { allowSourceCidrs: ['203.0.113.0/24'] });
    await scene.setStatus(disabledId, 'DISABLED');
    await scene.revoke(id, revoked);
    await gateway.scheduler.advance(60_000);
    const stranger = assertionOf(target, { clientId: client.clientId, privateKey: other.privateKey });
    await same([
      secretForm({ ...client, clientId: 'calm-fox-00000@gateway.example/spc' }),
      secretForm(disabled),
      secretForm(revoked),
      secretForm(expired),
      secretForm(guarded),
      secretForm({ ...client, secret: other.secret }),
      assertionForm(client.clientId, stranger),
    ]);
  });

  it('a proven job sees its own values and never the expected ones', async () => {
    const { scene, principalId, providerId, lab, gateway } = target;
    const conditionExpression =
      'claims.repository == "acme/infra" && claims.environment == "production" && !(claims.ref in ["refs/heads/x"])';
    const trust = await scene.trust(principalId, providerId, { conditionExpression });
    const token = honestToken(lab, { repository: 'acme/infra', environment: 'staging', ref: 'refs/heads/x' });
    const answer = await gateway.token(exchangeForm(trust, token));
    await expectRefusal(gateway, answer, exchangeRefused('cel_condition_not_met', true));
    expect(answer.text).not.to.match(/production|conditionExpression/);
    expect(answer.body['failed']).to.deep.equal([
      { claims: [{ claim: 'environment', value: 'staging' }], test: 'equals', negated: false },
      { claims: [{ claim: 'ref', value: 'refs/heads/x' }], test: 'one_of', negated: true },
    ]);
  });

  it('the owner finds the whole explanation under the denial id and the request id', async () => {
    const { scene, gateway, trust, lab } = target;
    const answer = await gateway.token(exchangeForm(trust, honestToken(lab, { repository: 'acme/web' })));
    for (const id of [answer.body['denial_id'], answer.body['request_id']]) {
      const found = await scene.admin('GET', `/api/v1/denials/${String(id)}`);
      expect(found.status, found.text).to.equal(200);
      expect(found.text).to.contain('acme/infra').and.to.contain('acme/web');
    }
  });

  it('a stranger finds nothing there', async () => {
    const { gateway, trust, lab, person } = target;
    const denied = await gateway.token(exchangeForm(trust, honestToken(lab, { repository: 'acme/web' })));
    const { body } = await gateway.token(secretForm(person));
    const path = `/api/v1/denials/${String(denied.body['denial_id'])}`;
    const found = await gateway.call('GET', path, undefined, String(body['access_token']));
    expect(found.status, found.text).to.equal(404);
    expect((await gateway.call('GET', path)).status).to.equal(401);
  });

  it('explain: never gives the uniform answer to proven callers too, and keeps the reason in the audit', async () => {
    const silent = await openTarget(
      await startTestGateway({ settings: { denials: { explain: 'never', samplesPerMinute: 6000 } } }),
    );
    const { gateway, trust, lab } = silent;
    for (const patch of [{ repository: 'acme/web' }, { exp: lab.now - 60, iat: lab.now - 120 }]) {
      const answer = await gateway.token(exchangeForm(trust, honestToken(lab, patch)));
      expect(Object.keys(answer.body)).to.deep.equal(['error', 'error_description', 'request_id']);
      const [record] = await gateway.auditOf(answer);
      expect(record?.['status_detail']).to.be.oneOf(['cel_condition_not_met', 'token_expired']);
    }
    await gateway.close();
  });
});
