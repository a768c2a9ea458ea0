import { expect } from 'chai';
import { type Cast, expectRefused, lastEvent, openCast, openWorld, type World } from './world.ts';

describe('owners', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });
  const ids = () =>
    world.owners.list(cast.admin, cast.principalId, { limit: 100 }).items.map(({ userId }) => userId);

  it('are listed for owners and admins, not for others', async () => {
    for (const who of [cast.admin, cast.owner, cast.auditor]) {
      const { items } = world.owners.list(who, cast.principalId, { limit: 10 });
      expect(items.map(({ userId }) => userId)).to.deep.equal([cast.owner.id]);
    }
    await expectRefused('permission_denied', () =>
      world.owners.list(cast.stranger, cast.principalId, { limit: 10 }),
    );
    await expectRefused('not_found', () => world.owners.list(cast.admin, 'nobody', { limit: 10 }));
  });

  it('gain and lose their rights at once', async () => {
    await world.owners.add(cast.owner, cast.principalId, cast.stranger.id);
    expect(ids()).to.have.members([cast.owner.id, cast.stranger.id]);
    expect(lastEvent(world).data).to.deep.include({
      owners: { from: [cast.owner.id], to: [cast.owner.id, cast.stranger.id] },
    });
    expect(world.snapshots.principals.ownedBy(cast.stranger.id)).to.deep.equal([cast.principalId]);
    await world.owners.remove(cast.stranger, cast.principalId, cast.owner.id);
    await expectRefused('permission_denied', () =>
      world.owners.list(cast.owner, cast.principalId, { limit: 10 }),
    );
    expect(world.snapshots.principals.ownedBy(cast.owner.id)).to.deep.equal([]);
  });

  it('may be added twice; nothing is written the second time', async () => {
    const first = await world.owners.add(cast.owner, cast.principalId, cast.stranger.id);
    const units = world.committed.length;
    expect(await world.owners.add(cast.owner, cast.principalId, cast.stranger.id)).to.deep.equal(first);
    expect(world.committed).to.have.length(units);
  });

  it('are replaced as a set, those who stay keep their date', async () => {
    const [before] = world.owners.list(cast.admin, cast.principalId, { limit: 10 }).items;
    world.clock.advance(60_000);
    await world.owners.replace(cast.owner, cast.principalId, [
      cast.stranger.id,
      cast.owner.id,
      cast.stranger.id,
    ]);
    const { items } = world.owners.list(cast.admin, cast.principalId, { limit: 10 });
    expect(items).to.have.length(2);
    expect(items).to.deep.include(before);
    expect(items).to.deep.include({ userId: cast.stranger.id, createdAtMs: world.clock.nowMs() });
  });

  it('refuse to leave the principal alone', async () => {
    await expectRefused('last_owner', () => world.owners.remove(cast.admin, cast.principalId, cast.owner.id));
    await expectRefused('last_owner', () => world.owners.replace(cast.admin, cast.principalId, []));
    expect(ids()).to.deep.equal([cast.owner.id]);
  });

  it('refuse users who do not exist, and removal of one who is no owner', async () => {
    await expectRefused('invalid_argument', () => world.owners.add(cast.owner, cast.principalId, 'nobody'));
    await expectRefused('invalid_argument', () =>
      world.owners.replace(cast.owner, cast.principalId, [cast.owner.id, 'nobody']),
    );
    await expectRefused('not_found', () =>
      world.owners.remove(cast.owner, cast.principalId, cast.stranger.id),
    );
    await expectRefused('not_found', () => world.owners.add(cast.admin, 'nobody', cast.owner.id));
  });

  it('are changed by nobody else', async () => {
    for (const who of [cast.stranger, cast.auditor]) {
      await expectRefused('permission_denied', () => world.owners.add(who, cast.principalId, who.id));
      await expectRefused('permission_denied', () =>
        world.owners.remove(who, cast.principalId, cast.owner.id),
      );
      await expectRefused('permission_denied', () => world.owners.replace(who, cast.principalId, [who.id]));
    }
  });

  it('cannot, being two, remove each other at the same moment', async () => {
    for (let round = 0; round < 50; round += 1) {
      await world.owners.replace(cast.admin, cast.principalId, [cast.owner.id, cast.stranger.id]);
      const results = await Promise.allSettled([
        world.owners.remove(cast.owner, cast.principalId, cast.stranger.id),
        world.owners.remove(cast.stranger, cast.principalId, cast.owner.id),
      ]);
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
      expect(ids()).to.have.length(1);
    }
  });
});
