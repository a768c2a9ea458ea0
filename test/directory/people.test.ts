import { expect } from 'chai';
import {
  type Cast,
  expectRefused,
  lastEvent,
  openCast,
  openWorld,
  refusal,
  type World,
} from '../principals/world.ts';

describe('people', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });

  it('are created by a super admin, and the audit says so', async () => {
    const made = await world.people.create(cast.admin, {
      displayName: 'Paul',
      email: 'paul@acme.example',
      roleIds: ['deployer', 'deployer'],
    });
    expect(made.version).to.equal(1);
    expect(made.value).to.include({ displayName: 'Paul', email: 'paul@acme.example', status: 'ENABLED' });
    expect(made.value.roleIds).to.deep.equal(['deployer']);
    expect(world.people.get(cast.stranger, made.id)).to.deep.equal(made);
    expect(lastEvent(world)).to.deep.include({
      kind: 'management',
      operation: 'UserService/Create',
      activity: 'create',
      requestId: 'r-1',
      sourceIp: '192.0.2.1',
      user: { uid: cast.admin.id, name: 'Ada', type: 'User' },
    });
    expect(lastEvent(world).data).to.include({ user_id: made.id, client_id: cast.admin.clientId });
  });

  it('are listed in the order of creation, page by page', () => {
    const first = world.people.list(cast.stranger, { limit: 3 });
    const second = world.people.list(cast.stranger, { limit: 3, after: first.next ?? '' });
    const ids = [...first.items, ...second.items].map(({ id }) => id);
    expect(ids).to.deep.equal([...ids].sort());
    expect(ids).to.have.members([cast.admin.id, cast.owner.id, cast.stranger.id, cast.auditor.id]);
    expect(second).not.to.have.property('next');
  });

  it('change name, e-mail, roles and status', async () => {
    const before = world.people.get(cast.admin, cast.owner.id);
    world.clock.advance(1_000);
    const after = await world.people.update(cast.admin, cast.owner.id, {
      changes: { status: 'DISABLED', roleIds: ['reader'], email: 'o@acme.example' },
    });
    expect(after.version).to.equal(before.version + 1);
    expect(after.value).to.deep.equal({
      ...before.value,
      status: 'DISABLED',
      roleIds: ['reader'],
      email: 'o@acme.example',
      updatedAtMs: before.value.updatedAtMs + 1_000,
    });
    expect(world.people.get(cast.admin, cast.owner.id)).to.deep.equal(after);
    expect(lastEvent(world).data).to.have.nested.property('changes.roleIds.to').deep.equal(['reader']);
  });

  it('do not change, and write no event, when nothing differs', async () => {
    const units = world.committed.length;
    const same = await world.people.update(cast.admin, cast.owner.id, { changes: { displayName: 'Olga' } });
    expect(same).to.deep.equal(world.people.get(cast.admin, cast.owner.id));
    expect(world.committed).to.have.length(units);
  });

  const malformed = [
    ['displayName', { displayName: '' }],
    ['displayName', { displayName: 'é'.repeat(257) }],
    ['email', { displayName: 'x', email: 'nobody' }],
    ['email', { displayName: 'x', email: `${'a'.repeat(251)}@b.c` }],
    ['roleIds', { displayName: 'x', roleIds: ['no-such-role'] }],
  ] as const;
  for (const [field, input] of malformed) {
    it(`refuse a bad ${field}: ${JSON.stringify(input).slice(0, 50)}`, async () => {
      await expectRefused('invalid_argument', () => world.people.create(cast.admin, input), field);
      await expectRefused(
        'invalid_argument',
        () => world.people.update(cast.admin, cast.owner.id, { changes: input }),
        field,
      );
    });
  }

  it('accept names of exactly 512 bytes', async () => {
    const displayName = 'é'.repeat(256);
    expect((await world.people.create(cast.admin, { displayName })).value.displayName).to.equal(displayName);
  });

  it('are changed by nobody else', async () => {
    for (const who of [cast.owner, cast.stranger, cast.auditor]) {
      await expectRefused('permission_denied', () => world.people.create(who, { displayName: 'x' }));
      await expectRefused('permission_denied', () =>
        world.people.update(who, who.id, { changes: { roleIds: ['super-admin'] } }),
      );
    }
  });

  it('that do not exist are 404', async () => {
    await expectRefused('not_found', () => world.people.get(cast.admin, 'nobody'));
    await expectRefused('not_found', () => world.people.update(cast.admin, 'nobody', { changes: {} }));
  });

  it('of two renames at once one is told it lost', async () => {
    const rename = (displayName: string) =>
      world.people.update(cast.admin, cast.owner.id, { changes: { displayName } });
    const results = await Promise.allSettled([rename('a'), rename('b')]);
    expect(results.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const lost = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(lost?.reason))).code).to.equal('aborted');
  });

  it('tell what a caller may do with them', () => {
    expect(world.people.objectPermissions(cast.admin)).to.include({ read: true, edit: true, delete: true });
    expect(world.people.objectPermissions(cast.stranger)).to.include({
      read: true,
      edit: false,
      delete: false,
    });
  });
});
