import { expect } from 'chai';
import type { AuditEvent } from '../../src/journal/model.ts';
import { createRefusalSampling } from '../../src/token/refusal-sampling.ts';
import { forgeFor, honestToken, openTarget, type Target } from '../attacks/target.ts';
import { createFakeClock, createFakeScheduler } from '../fakes.ts';
import { type Answer, type AuditRecord, startTestGateway } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';

const perMinute = 20;
const minuteMs = 60_000;

describe('token/refusal-sampling', () => {
  function start() {
    const scheduler = createFakeScheduler(createFakeClock());
    const written: AuditEvent[] = [];
    const journal = { record: (event: AuditEvent) => void written.push(event) };
    const sampling = createRefusalSampling({ journal, scheduler, perMinute });
    const refuse = (count: number, reason = 'trust_not_found', sourceIp = '203.0.113.7'): void => {
      for (let index = 0; index < count; index += 1) {
        sampling.record({
          kind: 'token',
          operation: 'token_exchange',
          activity: 'other',
          outcome: 'failure',
          reason,
          sourceIp,
          requestId: `${index}`,
          data: {},
        });
      }
    };
    return { scheduler, written, sampling, refuse };
  }
  const counters = (events: readonly AuditEvent[]) =>
    events.filter(({ data }) => 'further_refusals' in data).map(({ data }) => data['further_refusals']);

  it(`writes ${perMinute} in full and counts the others in one event at the end of the minute`, async () => {
    const { scheduler, written, refuse } = start();
    refuse(1_000);
    expect(written).to.have.length(perMinute);
    await scheduler.advance(minuteMs - 1);
    expect(written).to.have.length(perMinute);
    await scheduler.advance(1);
    expect(written).to.have.length(perMinute + 1);
    expect(written.at(-1)).to.deep.include({ reason: 'trust_not_found', sourceIp: '203.0.113.7' });
    expect(written.at(-1)).not.to.have.property('requestId');
    expect(counters(written)).to.deep.equal([980]);
  });

  it('counts nothing when nothing was left out', async () => {
    const { scheduler, written, refuse } = start();
    refuse(perMinute);
    await scheduler.advance(minuteMs);
    expect(written).to.have.length(perMinute);
  });

  it('gives each reason and each address its own share, and each minute a new one', async () => {
    const { scheduler, written, refuse } = start();
    refuse(perMinute + 1);
    refuse(perMinute, 'issuer_mismatch');
    refuse(perMinute, 'trust_not_found', '198.51.100.1');
    expect(written).to.have.length(3 * perMinute);
    await scheduler.advance(minuteMs);
    refuse(perMinute);
    expect(written).to.have.length(4 * perMinute + 1);
    expect(counters(written)).to.deep.equal([1]);
  });

  it('writes what it counted when it is closed, and leaves no timer', () => {
    const { scheduler, written, sampling, refuse } = start();
    refuse(perMinute + 5);
    sampling.close();
    expect(counters(written)).to.deep.equal([5]);
    expect(scheduler.pending).to.equal(0);
  });

  it('holds a bounded number of pairs', async () => {
    const { scheduler, written, refuse } = start();
    for (let index = 0; index < 10_000; index += 1) refuse(1, 'trust_not_found', `a${index}`);
    refuse(perMinute + 30, 'trust_not_found', 'one more');
    refuse(10, 'trust_not_found', 'and another');
    expect(written).to.have.length(10_000 + perMinute);
    await scheduler.advance(minuteMs);
    expect(counters(written)).to.deep.equal([40]);
  });

  describe('at the endpoint', () => {
    let target: Target;
    before(async () => {
      const denials = { samplesPerMinute: perMinute };
      target = await openTarget(await startTestGateway({ settings: { denials } }));
    });
    after(() => target.gateway.close());

    const refusals = async (reason: string): Promise<readonly AuditRecord[]> =>
      (await target.gateway.audit()).filter((record) => record['status_detail'] === reason);

    it(`keeps ${perMinute} of 50 unproven refusals and one counter`, async () => {
      const form = exchangeForm('calm-fox-00000@gateway.example/wfe', honestToken(forgeFor(target.gateway)));
      let last: Answer | undefined;
      for (let index = 0; index < 50; index += 1) {
        last = await target.gateway.token(form);
        expect(last.status).to.equal(400);
      }
      expect(await refusals('trust_not_found')).to.have.length(perMinute);
      const lookUp = () => target.scene.admin('GET', `/api/v1/denials/${last?.body['request_id']}`);
      expect((await lookUp()).status).to.equal(404);
      await target.gateway.scheduler.advance(minuteMs);
      const records = await refusals('trust_not_found');
      expect(records).to.have.length(perMinute + 1);
      expect(records.at(-1)?.['unmapped']).to.deep.include({ further_refusals: 30, window_seconds: 60 });
      const found = await lookUp();
      expect(found.status).to.equal(200);
      expect(found.body).to.deep.equal(records.at(-1));
    });

    it('keeps every proven one', async () => {
      const form = exchangeForm(target.trust, honestToken(target.lab, { repository: 'acme/web' }));
      for (let index = 0; index < 50; index += 1) await target.gateway.token(form);
      expect(await refusals('cel_condition_not_met')).to.have.length(50);
    });
  });
});
