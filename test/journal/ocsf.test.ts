import { expect } from 'chai';
import type { AuditEvent } from '../../src/journal/model.ts';
import { toOcsf } from '../../src/journal/ocsf.ts';
import { managementEvent, tokenEvent } from './harness.ts';

const object = (event: AuditEvent) => JSON.parse(toOcsf(event, 'start1-token-7', 1_770_000_000_000));

describe('journal: OCSF', () => {
  it('writes a token operation as Authentication (contract §7.10)', () => {
    const event = tokenEvent({
      outcome: 'failure',
      reason: 'cel_condition_not_met',
      requestId: 'r1',
      user: { uid: 'p1', name: 'Deploy prod', type: 'Service' },
      data: { client_id: 'c1', issuer: 'https://issuer.example' },
    });
    expect(object(event)).to.deep.equal({
      class_uid: 3002,
      category_uid: 3,
      activity_id: 99,
      activity_name: 'token_exchange',
      type_uid: 300_299,
      severity_id: 1,
      status_id: 2,
      status: 'Failure',
      status_detail: 'cel_condition_not_met',
      time: 1_770_000_000_000,
      metadata: {
        version: '1.3.0',
        uid: 'start1-token-7',
        product: { name: 'Postern', vendor_name: 'Postern' },
        correlation_uid: 'r1',
      },
      src_endpoint: { ip: '203.0.113.7' },
      user: { uid: 'p1', name: 'Deploy prod', type: 'Service' },
      auth_protocol: 'OAUTH 2.0',
      unmapped: { client_id: 'c1', issuer: 'https://issuer.example' },
    });
  });

  it('writes a management operation as API Activity with an actor', () => {
    const event = object(managementEvent({ sourceIp: '::1', requestId: 'r2', data: { id: 'p1' } }));
    expect(event).to.deep.equal({
      class_uid: 6003,
      category_uid: 6,
      activity_id: 1,
      activity_name: 'Create',
      type_uid: 600_301,
      severity_id: 1,
      status_id: 1,
      status: 'Success',
      time: 1_770_000_000_000,
      metadata: {
        version: '1.3.0',
        uid: 'start1-token-7',
        product: { name: 'Postern', vendor_name: 'Postern' },
        correlation_uid: 'r2',
      },
      src_endpoint: { ip: '::1' },
      actor: { user: { uid: 'u1', name: 'Ada', type: 'User' } },
      api: { operation: 'ServicePrincipalService/Create' },
      unmapped: { id: 'p1' },
    });
  });

  const activities = [
    ['create', 1],
    ['read', 2],
    ['update', 3],
    ['delete', 4],
    ['other', 99],
  ] as const;
  for (const [activity, id] of activities) {
    it(`gives management activity ${activity} the id ${id}`, () => {
      expect(object(managementEvent({ activity }))).to.include({ activity_id: id, type_uid: 600_300 + id });
    });
  }

  for (const [severity, id] of [
    ['informational', 1],
    ['medium', 3],
    ['high', 4],
  ] as const) {
    it(`gives severity ${severity} the id ${id}`, () => {
      expect(object(tokenEvent({ severity }))).to.include({ severity_id: id });
    });
  }

  it('leaves out what is not known', () => {
    const { sourceIp: _, ...event } = tokenEvent();
    expect(object(event)).to.not.have.any.keys('src_endpoint', 'user', 'status_detail', 'actor', 'api');
    expect(object(event).metadata).to.not.have.property('correlation_uid');
  });
});
