import { expect } from 'chai';
import { publicKeyOfSecret, secretMatches } from '../../src/principals/client-secret.ts';
import { compileAllowlist } from '../../src/principals/restrictions.ts';
import { createCredentialSnapshot } from '../../src/principals/snapshot.ts';
import {
  type Cast,
  dump,
  expectRefused,
  lastEvent,
  openCast,
  openWorld,
  refusal,
  type World,
} from './world.ts';

const daySeconds = 86_400;

describe('credentials', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });
  const create = (members: object = {}, who = cast.owner) =>
    world.credentials.create(who, cast.principalId, { displayName: 'ci', ...members });
  const update = (id: string, changes: object, mask?: readonly string[]) =>
    world.credentials.update(cast.owner, cast.principalId, id, { changes, mask });

  it('are made with a secret that fits, for 90 days, without restriction', async () => {
    const { credential, clientSecret } = await create();
    const { value } = credential;
    expect(credential.id).to.match(/^[a-z]+-[a-z]+-\d{5}$/);
    expect(value).to.deep.include({ principalId: cast.principalId, scopedRoleIds: [], allowSourceCidrs: [] });
    expect(value.expiresAtMs).to.equal(world.clock.nowMs() + 90 * daySeconds * 1000);
    expect(secretMatches(clientSecret.reveal(), value.publicKey)).to.equal(true);
    expect(world.credentials.get(cast.owner, cast.principalId, credential.id)).to.deep.equal(credential);
    expect(lastEvent(world)).to.include({
      operation: 'ServicePrincipalService/CreateCredential',
      activity: 'create',
      principalId: cast.principalId,
    });
  });

  it('leave nothing in store, events or snapshots that authenticates', async () => {
    const secrets = [];
    for (let count = 0; count < 3; count += 1) secrets.push((await create()).clientSecret.reveal());
    const everything = await dump(world);
    for (const secret of secrets) {
      const jwk = JSON.parse(Buffer.from(secret.split(':')[3] ?? '', 'base64url').toString());
      expect(everything).to.contain(jwk.x);
      for (const canary of [
        secret,
        secret.split(':')[3],
        jwk.d,
        Buffer.from(jwk.d, 'base64url').toString('hex'),
      ]) {
        expect(everything).not.to.contain(canary);
      }
      const strings = everything.match(/[A-Za-z0-9:_-]{16,}/g) ?? [];
      expect(strings.length).to.be.greaterThan(20);
      for (const text of strings) expect(publicKeyOfSecret(text), text).to.equal(undefined);
      for (const d of strings.filter(({ length }) => length === 43)) {
        const forged = Buffer.from(JSON.stringify({ ...jwk, d })).toString('base64url');
        expect(secretMatches(`secret-token:x:v1:${forged}`, jwk.x), d).to.equal(false);
      }
    }
  });

  it('take restrictions in canonical form', async () => {
    const { credential } = await create({
      scopedRoleIds: ['reader', 'reader'],
      allowSourceCidrs: ['192.0.2.7', '::ffff:192.0.2.7', '2001:DB8::/32'],
      lifetimeSeconds: 1.5,
    });
    expect(credential.value.scopedRoleIds).to.deep.equal(['reader']);
    expect(credential.value.allowSourceCidrs).to.deep.equal(['192.0.2.7/32', '2001:db8::/32']);
    expect(credential.value.expiresAtMs).to.equal(world.clock.nowMs() + 1_500);
    const state = world.snapshots.credentials.state(credential.id);
    expect(state?.sources.allows('192.0.2.7')).to.equal(true);
    expect(state?.sources.allows('192.0.2.8')).to.equal(false);
  });

  const malformed: readonly (readonly [string, object, string])[] = [
    ['no name', { displayName: '' }, 'displayName'],
    ['long name', { displayName: 'x'.repeat(513) }, 'displayName'],
    ['no life', { lifetimeSeconds: 0 }, 'expires'],
    ['less than a millisecond', { lifetimeSeconds: 0.0004 }, 'expires'],
    ['negative life', { lifetimeSeconds: -1 }, 'expires'],
    ['181 days', { lifetimeSeconds: 180 * daySeconds + 1 }, 'expires'],
    ['endless life', { lifetimeSeconds: Number.POSITIVE_INFINITY }, 'expires'],
    ['no number', { lifetimeSeconds: Number.NaN }, 'expires'],
    ['a role the principal lacks', { scopedRoleIds: ['super-admin'] }, 'scopedRoleIds'],
    ['a role nobody knows', { scopedRoleIds: ['x'] }, 'scopedRoleIds'],
    ['33 roles', { scopedRoleIds: Array.from({ length: 33 }, (_, at) => `r${at}`) }, 'scopedRoleIds'],
    ['an address that is none', { allowSourceCidrs: ['10.0.0.0/8', '10.0.0.300'] }, 'allowSourceCidrs'],
    ['host bits', { allowSourceCidrs: ['10.0.0.1/8'] }, 'allowSourceCidrs'],
    [
      '33 addresses',
      { allowSourceCidrs: Array.from({ length: 33 }, (_, at) => `10.0.0.${at}`) },
      'allowSourceCidrs',
    ],
  ];
  for (const [title, members, field] of malformed) {
    it(`refuse: ${title}`, async () => {
      await expectRefused('invalid_argument', () => create(members), field);
      expect(world.snapshots.credentials.size).to.equal(0);
    });
  }

  it('accept exactly 180 days', async () => {
    const { credential } = await create({ lifetimeSeconds: 180 * daySeconds });
    expect(credential.value.expiresAtMs - world.clock.nowMs()).to.equal(180 * daySeconds * 1000);
  });

  it('never promise DPoP, which is not supported yet', async () => {
    await expectRefused('not_supported_yet', () => create({ requireDpop: true }), 'requireDpop');
    const { credential } = await create({ requireDpop: false });
    await expectRefused(
      'not_supported_yet',
      () => update(credential.id, { requireDpop: true }),
      'requireDpop',
    );
    expect(await update(credential.id, { requireDpop: false })).to.deep.equal(credential);
  });

  it('are counted while they live; parallel creations all succeed up to the limit', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, () => create({ lifetimeSeconds: 60 })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(3);
    const failed = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(failed?.reason))).code).to.equal('limit_reached');
    world.clock.advance(60_000);
    await create();
  });

  it('are listed by id without the revoked, with the expired', async () => {
    const first = (await create({ lifetimeSeconds: 60 })).credential;
    const second = (await create()).credential;
    const third = (await create()).credential;
    await world.credentials.revoke(cast.owner, cast.principalId, third.id);
    world.clock.advance(61_000);
    const { items } = world.credentials.list(cast.auditor, cast.principalId, { limit: 10 });
    expect(items.map(({ id }) => id)).to.deep.equal([first.id, second.id].sort());
  });

  it('change name and restrictions; a clearing mask opens them and the audit says so', async () => {
    const { credential } = await create({ scopedRoleIds: ['reader'], allowSourceCidrs: ['192.0.2.0/24'] });
    world.clock.advance(5);
    const named = await update(credential.id, { displayName: 'new', allowSourceCidrs: ['198.51.100.1'] });
    expect(named.version).to.equal(2);
    expect(named.value).to.deep.equal({
      ...credential.value,
      displayName: 'new',
      allowSourceCidrs: ['198.51.100.1/32'],
      updatedAtMs: world.clock.nowMs(),
    });
    expect(world.snapshots.credentials.state(credential.id)?.sources.allows('192.0.2.1')).to.equal(false);
    const open = await update(credential.id, {}, ['allow_source_cidrs', 'scoped_roles']);
    expect(open.value).to.deep.include({ allowSourceCidrs: [], scopedRoleIds: [] });
    expect(lastEvent(world).data['restrictions_cleared']).to.have.members([
      'allowSourceCidrs',
      'scopedRoleIds',
    ]);
    expect(world.snapshots.credentials.state(credential.id)?.sources.allows('192.0.2.1')).to.equal(true);
  });

  it('keep a scope that the principal has lost, but take no new one beyond it', async () => {
    const { credential } = await create({ scopedRoleIds: ['deployer', 'reader'] });
    await world.principals.update(cast.admin, cast.principalId, { changes: { roleIds: ['reader'] } });
    const echoed = await update(credential.id, { displayName: 'b', scopedRoleIds: ['deployer', 'reader'] });
    expect(echoed.value.scopedRoleIds).to.deep.equal(['deployer', 'reader']);
    await expectRefused(
      'invalid_argument',
      () => update(credential.id, { scopedRoleIds: ['deployer'] }),
      'scopedRoleIds',
    );
  });

  for (const path of ['expiresAt', 'expires', 'id', 'publicKey', 'principalId', 'revokedAtMs']) {
    it(`refuse the mask path ${path}`, async () => {
      const { credential } = await create();
      await expectRefused('invalid_argument', () => update(credential.id, {}, [path]), 'updateMask');
    });
  }

  it('once revoked are gone, but remembered until they would have expired', async () => {
    const { credential } = await create({ lifetimeSeconds: 60 });
    await world.credentials.revoke(cast.owner, cast.principalId, credential.id);
    expect(lastEvent(world)).to.include({
      operation: 'ServicePrincipalService/RevokeCredential',
      activity: 'delete',
    });
    for (const again of [
      () => world.credentials.revoke(cast.owner, cast.principalId, credential.id),
      () => world.credentials.get(cast.owner, cast.principalId, credential.id),
      () => update(credential.id, { displayName: 'x' }),
    ]) {
      await expectRefused('not_found', again);
    }
    expect(world.snapshots.credentials.state(credential.id)?.record.revokedAtMs).to.equal(
      world.clock.nowMs(),
    );
    await create();
    expect(world.snapshots.credentials.state(credential.id)).not.to.equal(undefined);
    world.clock.advance(60_000);
    await create();
    expect(world.snapshots.credentials.state(credential.id)).to.equal(undefined);
  });

  it('revoked by two at once are revoked once', async () => {
    const { credential } = await create();
    const revoke = () => world.credentials.revoke(cast.owner, cast.principalId, credential.id);
    const results = await Promise.allSettled([revoke(), revoke()]);
    const lost = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(lost?.reason))).code).to.equal('not_found');
  });

  it('of another principal are not found', async () => {
    const { credential } = await create();
    const foreign = await world.principals.create(cast.admin, { displayName: 'other' });
    await expectRefused('not_found', () => world.credentials.get(cast.admin, foreign.id, credential.id));
    await expectRefused('not_found', () => world.credentials.revoke(cast.admin, foreign.id, credential.id));
    await expectRefused('not_found', () => world.credentials.list(cast.admin, 'nobody', { limit: 10 }));
  });

  it('are no business of strangers; a read-only admin reads only', async () => {
    const { credential } = await create();
    const calls = (who: typeof cast.owner) => ({
      read: [
        () => world.credentials.get(who, cast.principalId, credential.id),
        () => world.credentials.list(who, cast.principalId, { limit: 10 }),
      ],
      write: [
        () => create({}, who),
        () => world.credentials.update(who, cast.principalId, credential.id, { changes: {} }),
        () => world.credentials.revoke(who, cast.principalId, credential.id),
      ],
    });
    for (const call of [
      ...calls(cast.stranger).read,
      ...calls(cast.stranger).write,
      ...calls(cast.auditor).write,
    ]) {
      await expectRefused('permission_denied', call);
    }
    for (const call of calls(cast.auditor).read) call();
    await create({}, cast.admin);
  });

  it('with a stored address list that cannot be read deny every address', () => {
    const snapshot = createCredentialSnapshot();
    const body = {
      cutename: 'a-b-1',
      principalId: 'p',
      displayName: 'x',
      publicKey: 'x'.repeat(43),
      expiresAtMs: 1,
      scopedRoleIds: [],
      allowSourceCidrs: ['192.0.2.0/24', 'garbage'],
      createdAtMs: 0,
      updatedAtMs: 0,
    };
    snapshot.apply({ kind: 'credential', id: 'a-b-1', version: 1, epoch: 1, body });
    expect(snapshot.state('a-b-1')?.sources.allows('192.0.2.1')).to.equal(false);
    expect(compileAllowlist([]).allows('192.0.2.1')).to.equal(true);
    const stranger = { ...body, requireDpop: true };
    expect(() =>
      snapshot.apply({ kind: 'credential', id: 'c', version: 1, epoch: 1, body: stranger }),
    ).to.throw();
  });
});
