import { expect } from 'chai';
import { secretMatches } from '../../src/principals/client-secret.ts';
import {
  actor,
  type Cast,
  expectRefused,
  lastEvent,
  openCast,
  openWorld,
  type World,
} from '../principals/world.ts';

describe('personal clients', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });
  const create = (who = cast.owner, members: object = {}) =>
    world.personalClients.create(who, { displayName: 'laptop', ...members });

  it('are made by a person for himself', async () => {
    const { client, clientSecret } = await create();
    expect(client.value).to.deep.include({
      personId: cast.owner.id,
      scopedRoleIds: [],
      allowSourceCidrs: [],
    });
    expect(client.value.expiresAtMs - world.clock.nowMs()).to.equal(90 * 86_400_000);
    expect(secretMatches(clientSecret.reveal(), client.value.publicKey)).to.equal(true);
    expect(world.personalClients.get(cast.owner, client.id)).to.deep.equal(client);
    expect(lastEvent(world)).to.include({ operation: 'PersonalClientService/Create', activity: 'create' });
    expect(lastEvent(world).data).to.include({ user_id: cast.owner.id, personal_client_id: client.id });
  });

  it('are made for another by a super admin only: how people get their first', async () => {
    const { client } = await create(cast.admin, { userId: cast.owner.id });
    expect(client.value.personId).to.equal(cast.owner.id);
    await expectRefused('not_found', () => world.personalClients.get(cast.admin, client.id));
    for (const who of [cast.stranger, cast.auditor]) {
      await expectRefused('permission_denied', () => create(who, { userId: cast.admin.id }));
    }
    await expectRefused('invalid_argument', () => create(cast.admin, { userId: 'nobody' }), 'userId');
    await expectRefused('invalid_argument', () => create(cast.admin, { userId: cast.principalId }), 'userId');
    const beyond = { userId: cast.owner.id, scopedRoleIds: ['super-admin'] };
    await expectRefused('invalid_argument', () => create(cast.admin, beyond), 'scopedRoleIds');
  });

  it('are nothing for principals', () =>
    expectRefused('permission_denied', () => create(actor(cast.principalId, ['deployer'], 'principal'))));

  it('never hold more than the token that made them', async () => {
    const narrowed = { ...cast.admin, roleIds: [] };
    await expectRefused('invalid_argument', () => create(narrowed), 'scopedRoleIds');
    await expectRefused(
      'invalid_argument',
      () => create(narrowed, { scopedRoleIds: ['super-admin'] }),
      'scopedRoleIds',
    );
    await expectRefused(
      'invalid_argument',
      () => create(cast.stranger, { scopedRoleIds: ['super-admin'] }),
      'scopedRoleIds',
    );
    const { client } = await create(cast.admin, { scopedRoleIds: ['super-admin'] });
    expect(client.value.scopedRoleIds).to.deep.equal(['super-admin']);
  });

  const malformed: readonly (readonly [string, object])[] = [
    ['displayName', { displayName: '' }],
    ['expires', { lifetimeSeconds: 0 }],
    ['expires', { lifetimeSeconds: 180 * 86_400 + 1 }],
    ['allowSourceCidrs', { allowSourceCidrs: ['x'] }],
  ];
  for (const [field, members] of malformed) {
    it(`refuse a bad ${field}: ${JSON.stringify(members)}`, () =>
      expectRefused('invalid_argument', () => create(cast.owner, members), field));
  }

  it('are limited in number', async () => {
    await create();
    await create();
    await expectRefused('limit_reached', () => create());
    await create(cast.stranger);
  });

  it('are seen and deleted by their person alone', async () => {
    const { client } = await create();
    const foreign = await create(cast.stranger);
    const { items } = world.personalClients.list(cast.owner, { limit: 10 });
    expect(items).to.deep.equal([client]);
    for (const who of [cast.admin, cast.stranger, cast.auditor]) {
      await expectRefused('not_found', () => world.personalClients.get(who, client.id));
      await expectRefused('not_found', () => world.personalClients.remove(who, client.id));
    }
    await world.personalClients.remove(cast.owner, client.id);
    expect(lastEvent(world)).to.include({ operation: 'PersonalClientService/Delete', activity: 'delete' });
    await expectRefused('not_found', () => world.personalClients.remove(cast.owner, client.id));
    expect(world.snapshots.personalClients.state(client.id)).to.equal(undefined);
    expect(world.snapshots.personalClients.state(foreign.client.id)).not.to.equal(undefined);
  });

  it('carry their addresses into the hot state', async () => {
    const { client } = await create(cast.owner, { allowSourceCidrs: ['192.0.2.0/24'] });
    const allows = world.snapshots.personalClients.state(client.id)?.sources.allows;
    expect([allows?.('192.0.2.1'), allows?.('192.0.3.1')]).to.deep.equal([true, false]);
  });
});
