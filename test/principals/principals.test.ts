import { expect } from 'chai';
import {
  actor,
  type Cast,
  expectRefused,
  kindsOf,
  lastEvent,
  openCast,
  openWorld,
  refusal,
  type World,
} from './world.ts';

const anyTrust = { displayName: 'job', conditionExpression: 'claims.sub == "x"' };

describe('principals', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });

  it('begin enabled, without roles, owned by their creator', async () => {
    const made = await world.principals.create(cast.admin, { displayName: 'Release' });
    expect(made).to.deep.equal({
      id: made.value.id,
      version: 1,
      value: {
        id: made.value.id,
        displayName: 'Release',
        status: 'ENABLED',
        roleIds: [],
        owners: [{ userId: cast.admin.id, createdAtMs: world.clock.nowMs() }],
        createdBy: cast.admin.id,
        createdAtMs: world.clock.nowMs(),
        updatedAtMs: world.clock.nowMs(),
      },
    });
    expect(world.principals.get(cast.admin, made.id)).to.deep.equal(made);
    expect(lastEvent(world)).to.include({
      operation: 'ServicePrincipalService/Create',
      activity: 'create',
      principalId: made.id,
    });
  });

  it('are made by super admins alone, a principal with that role included', async () => {
    for (const who of [cast.owner, cast.stranger, cast.auditor]) {
      await expectRefused('permission_denied', () => world.principals.create(who, { displayName: 'x' }));
    }
    const robot = { ...actor(cast.principalId, ['super-admin'], 'principal') };
    const made = await world.principals.create(robot, { displayName: 'x' });
    expect(made.value.createdBy).to.equal(cast.principalId);
    expect(lastEvent(world).user).to.include({ type: 'Service' });
  });

  it('refuse a bad name, and more of them than the limit', async () => {
    await expectRefused(
      'invalid_argument',
      () => world.principals.create(cast.admin, { displayName: '' }),
      'displayName',
    );
    for (let count = 1; count < 12; count += 1)
      await world.principals.create(cast.admin, { displayName: 'x' });
    await expectRefused('limit_reached', () => world.principals.create(cast.admin, { displayName: 'x' }));
  });

  it('are read and listed by everybody signed in', async () => {
    await world.principals.create(cast.admin, { displayName: 'Release' });
    for (const who of [cast.admin, cast.owner, cast.stranger, cast.auditor]) {
      expect(world.principals.get(who, cast.principalId).value.displayName).to.equal('Deploy prod');
      const { items } = world.principals.list(who, { limit: 10 });
      expect(items.map(({ value }) => value.displayName)).to.have.members(['Deploy prod', 'Release']);
      expect(items.map(({ id }) => id)).to.deep.equal(items.map(({ id }) => id).sort());
    }
    await expectRefused('not_found', () => world.principals.get(cast.admin, 'nobody'));
  });

  it('tell each caller what he may do', () => {
    const { value } = world.principals.get(cast.admin, cast.principalId);
    const may = (who: typeof cast.admin) => world.principals.objectPermissions(who, value);
    expect(may(cast.admin)).to.deep.include({
      read: true,
      edit: true,
      delete: true,
      extra: { assignRoles: true },
    });
    expect(may(cast.owner)).to.deep.include({
      read: true,
      edit: true,
      delete: true,
      extra: { assignRoles: false },
    });
    expect(may(cast.auditor)).to.include({ read: true, edit: false, delete: false });
    expect(may(cast.stranger)).to.include({ read: false, edit: false, delete: false });
  });

  it('let an owner rename and disable, and echo roles he may not change', async () => {
    const { value } = world.principals.get(cast.admin, cast.principalId);
    const after = await world.principals.update(cast.owner, cast.principalId, {
      changes: { displayName: 'Deploy', status: 'DISABLED', roleIds: value.roleIds },
    });
    expect(after.value).to.include({ displayName: 'Deploy', status: 'DISABLED' });
    expect(lastEvent(world).data).to.deep.include({
      changes: {
        displayName: { from: 'Deploy prod', to: 'Deploy' },
        status: { from: 'ENABLED', to: 'DISABLED' },
      },
    });
  });

  it('never let an owner assign roles, nor anybody guess them', async () => {
    const grab = (who: typeof cast.admin, roleIds: readonly string[]) =>
      world.principals.update(who, cast.principalId, { changes: { roleIds } });
    await expectRefused('permission_denied', () => grab(cast.owner, ['super-admin']));
    await expectRefused('permission_denied', () => grab(cast.owner, []));
    await expectRefused('permission_denied', () => grab(cast.stranger, ['deployer', 'reader']));
    await expectRefused('permission_denied', () => grab(cast.stranger, ['deployer']));
    await expectRefused('permission_denied', () =>
      world.principals.update(cast.auditor, cast.principalId, { changes: { displayName: 'x' } }),
    );
  });

  it('take roles from a super admin, but only such as exist or are held', async () => {
    const assign = (roleIds: readonly string[]) =>
      world.principals.update(cast.admin, cast.principalId, {
        changes: { roleIds },
        mask: ['user.role_ids'],
      });
    expect((await assign(['reader', 'super-admin', 'reader'])).value.roleIds).to.deep.equal([
      'reader',
      'super-admin',
    ]);
    await expectRefused('invalid_argument', () => assign(['no-such-role']), 'roleIds');
    const cleared = await world.principals.update(cast.admin, cast.principalId, {
      changes: {},
      mask: ['user.roleIds'],
    });
    expect(cleared.value.roleIds).to.deep.equal([]);
  });

  const badMasks = ['user', 'id', 'owners', 'createdBy', 'user.delegatedUserId', 'objectPermissions'];
  for (const path of badMasks) {
    it(`refuse the mask path ${path}`, () =>
      expectRefused(
        'invalid_argument',
        () => world.principals.update(cast.admin, cast.principalId, { changes: {}, mask: [path] }),
        'updateMask',
      ));
  }

  it('refuse to have the status cleared', () =>
    expectRefused(
      'invalid_argument',
      () => world.principals.update(cast.admin, cast.principalId, { changes: {}, mask: ['user.status'] }),
      'user.status',
    ));

  it('of two updates at once one is told it lost', async () => {
    const rename = (displayName: string) =>
      world.principals.update(cast.owner, cast.principalId, { changes: { displayName } });
    const [first, second] = await Promise.allSettled([rename('a'), rename('b')]);
    expect(first.status).to.equal('fulfilled');
    expect(
      (await refusal(() => (second.status === 'rejected' ? Promise.reject(second.reason) : 0))).code,
    ).to.equal('aborted');
    expect(world.principals.get(cast.admin, cast.principalId).value.displayName).to.equal('a');
  });

  describe('removal', () => {
    const setUp = async () => {
      const { credential } = await world.credentials.create(cast.owner, cast.principalId, {
        displayName: 'c',
      });
      const revoked = await world.credentials.create(cast.owner, cast.principalId, { displayName: 'r' });
      await world.credentials.revoke(cast.owner, cast.principalId, revoked.credential.id);
      const provider = await world.providers.create(cast.admin, {
        displayName: 'GitHub',
        issuerUrl: 'https://token.actions.githubusercontent.com',
        wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_GITHUB_ACTIONS',
      });
      const trust = await world.trusts.create(cast.owner, cast.principalId, {
        ...anyTrust,
        providerId: provider.id,
      });
      return { credential, trust, provider };
    };

    it('takes credentials, tombstones and trusts along in one unit', async () => {
      const { credential, trust, provider } = await setUp();
      await world.principals.remove(cast.owner, cast.principalId);
      expect(kindsOf(world.committed.at(-1)?.changes)).to.have.members([
        'delete principal',
        'delete credential',
        'delete credential',
        'delete trust',
      ]);
      expect(world.snapshots.credentials.state(credential.id)).to.equal(undefined);
      expect(world.snapshots.trusts.state(trust.id)).to.equal(undefined);
      expect(world.snapshots.credentials.size + world.snapshots.trusts.size).to.equal(0);
      await world.providers.remove(cast.admin, provider.id);
      await expectRefused('not_found', () => world.principals.get(cast.admin, cast.principalId));
      await expectRefused('not_found', () => world.principals.remove(cast.admin, cast.principalId));
    });

    it('is for owners and super admins', async () => {
      for (const who of [cast.stranger, cast.auditor]) {
        await expectRefused('permission_denied', () => world.principals.remove(who, cast.principalId));
      }
      await world.principals.remove(cast.admin, cast.principalId);
    });

    it('and a creation at the same time never leave an orphan behind', async () => {
      const { provider } = await setUp();
      const results = await Promise.allSettled([
        world.principals.remove(cast.admin, cast.principalId),
        world.trusts.create(cast.owner, cast.principalId, { ...anyTrust, providerId: provider.id }),
        world.credentials.create(cast.owner, cast.principalId, { displayName: 'late' }),
      ]);
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'rejected']);
      expect(world.snapshots.credentials.size + world.snapshots.trusts.size).to.equal(0);
    });

    it('wins against creations that were first, by taking what they made', async () => {
      const { provider } = await setUp();
      const results = await Promise.allSettled([
        world.trusts.create(cast.owner, cast.principalId, { ...anyTrust, providerId: provider.id }),
        world.credentials.create(cast.owner, cast.principalId, { displayName: 'early' }),
        world.principals.remove(cast.admin, cast.principalId),
      ]);
      expect(results[2]?.status).to.equal('fulfilled');
      expect(world.snapshots.credentials.size + world.snapshots.trusts.size).to.equal(0);
    });
  });
});
