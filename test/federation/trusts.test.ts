import { expect } from 'chai';
import { createTrustSnapshot } from '../../src/federation/snapshot.ts';
import { engine } from '../../src/policy/condition.ts';
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
} from '../principals/world.ts';

const condition = 'claims.repository == "acme/infra"';

describe('trusts', () => {
  let world: World;
  let cast: Cast;
  let providerId: string;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
    const provider = await world.providers.create(cast.admin, {
      displayName: 'Cluster',
      issuerUrl: 'https://issuer.example',
      wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
    });
    providerId = provider.id;
  });
  const create = (members: object = {}, who = cast.owner) =>
    world.trusts.create(who, cast.principalId, {
      displayName: 'deploy job',
      providerId,
      conditionExpression: condition,
      ...members,
    });
  const update = (id: string, changes: object, mask?: readonly string[]) =>
    world.trusts.update(cast.owner, cast.principalId, id, { changes, mask });

  it('bind a principal to a provider, a condition, addresses and roles', async () => {
    const made = await create({
      description: 'x',
      scopedRoleIds: ['deployer'],
      allowSourceCidrs: ['192.0.2.1'],
      passthroughClaims: ['repository', 'repository'],
    });
    expect(made).to.deep.equal({
      id: made.value.cutename,
      version: 1,
      value: {
        cutename: made.value.cutename,
        principalId: cast.principalId,
        providerId,
        displayName: 'deploy job',
        description: 'x',
        conditionExpression: condition,
        engine,
        disabled: false,
        scopedRoleIds: ['deployer'],
        allowSourceCidrs: ['192.0.2.1/32'],
        passthroughClaims: ['repository'],
        createdBy: cast.owner.id,
        createdAtMs: world.clock.nowMs(),
        updatedAtMs: world.clock.nowMs(),
      },
    });
    expect(kindsOf(world.committed.at(-1)?.changes)).to.have.members([
      'insert trust',
      'update provider',
      'update principal',
    ]);
    expect(lastEvent(world)).to.include({
      operation: 'WorkloadFederationService/CreateTrust',
      activity: 'create',
      principalId: cast.principalId,
    });
    expect(lastEvent(world).data).to.include({ trust_id: made.id, provider_id: providerId, condition });
  });

  it('stand compiled in the hot state', async () => {
    const made = await create({ allowSourceCidrs: ['192.0.2.0/24'] });
    const state = world.snapshots.trusts.state(made.id);
    expect(state?.trust).to.deep.equal(made.value);
    expect(state?.version).to.equal(1);
    expect(state?.condition?.text).to.equal(condition);
    expect(state?.sources.allows('192.0.2.7')).to.equal(true);
    expect(state?.sources.allows('192.0.3.7')).to.equal(false);
    await update(made.id, { conditionExpression: 'claims.sub == "y"', allowSourceCidrs: [] }, [
      'conditionExpression',
      'allowSourceCidrs',
    ]);
    const after = world.snapshots.trusts.state(made.id);
    expect([after?.version, after?.condition?.text]).to.deep.equal([2, 'claims.sub == "y"']);
    expect(after?.sources.allows('192.0.3.7')).to.equal(true);
    expect(lastEvent(world).data['restrictions_cleared']).to.deep.equal(['allowSourceCidrs']);
  });

  it('that no longer compile are kept without condition; unreadable addresses deny all', () => {
    const snapshot = createTrustSnapshot();
    const body = {
      cutename: 'a-b-1',
      principalId: 'p',
      providerId: 'i',
      displayName: 'x',
      description: '',
      conditionExpression: 'claims.sub ==',
      engine: 'old',
      disabled: false,
      scopedRoleIds: [],
      allowSourceCidrs: ['192.0.2.0/99'],
      passthroughClaims: [],
      createdBy: 'u',
      createdAtMs: 0,
      updatedAtMs: 0,
    };
    snapshot.apply({ kind: 'trust', id: 'a-b-1', version: 3, epoch: 9, body });
    expect(snapshot.state('a-b-1')).to.include({ version: 3, condition: undefined });
    expect(snapshot.state('a-b-1')?.sources.allows('192.0.2.1')).to.equal(false);
    const later = { ...body, mode: 'observe' };
    expect(() => snapshot.apply({ kind: 'trust', id: 'b', version: 1, epoch: 9, body: later })).to.throw();
  });

  it('tell where a condition is wrong', async () => {
    const refused = await refusal(() => create({ conditionExpression: 'claims.sub == "x" && claims.foo(' }));
    expect(refused.code).to.equal('invalid_argument');
    expect(refused.violations[0]?.field).to.equal('conditionExpression');
    expect(refused.violations[0]?.description).to.match(/^E_PARSE at \d+/);
  });

  const malformed: readonly (readonly [string, object, string])[] = [
    ['no name', { displayName: '' }, 'displayName'],
    ['long description', { description: 'x'.repeat(2_049) }, 'description'],
    ['no condition', { conditionExpression: '' }, 'conditionExpression'],
    ['a condition that is no bool', { conditionExpression: '1 + 1' }, 'conditionExpression'],
    [
      'a condition of 1,025 bytes',
      { conditionExpression: `claims.a == "${'é'.repeat(506)}"` },
      'conditionExpression',
    ],
    ['a role the principal lacks', { scopedRoleIds: ['super-admin'] }, 'scopedRoleIds'],
    ['a bad address', { allowSourceCidrs: ['1.2.3'] }, 'allowSourceCidrs'],
    ['an empty claim name', { passthroughClaims: [''] }, 'passthroughClaims'],
    ['a long claim name', { passthroughClaims: ['x'.repeat(129)] }, 'passthroughClaims'],
    [
      '33 claims',
      { passthroughClaims: Array.from({ length: 33 }, (_, at) => `c${at}`) },
      'passthroughClaims',
    ],
  ];
  for (const [title, members, field] of malformed) {
    it(`refuse: ${title}`, async () => {
      await expectRefused('invalid_argument', () => create(members), field);
      const made = await create();
      await expectRefused('invalid_argument', () => update(made.id, members), field);
    });
  }

  it('need a provider that exists; a disabled one will do', async () => {
    await expectRefused('invalid_argument', () => create({ providerId: 'nobody' }), 'providerId');
    await world.providers.update(cast.admin, providerId, { changes: { disabled: true } });
    await create();
  });

  it('are found by short name and by full id on any of our hosts', async () => {
    const made = await create();
    const find = (reference: string) => world.trusts.get(cast.owner, cast.principalId, reference);
    for (const reference of [made.id, `${made.id}@postern.example/wfe`, `${made.id}@OLD.example/wfe`]) {
      expect(find(reference)).to.deep.equal(made);
    }
    for (const reference of [
      '',
      'nobody',
      `${made.id}@evil.example/wfe`,
      `${made.id}@postern.example/spc`,
      `${made.id}@postern.example`,
      `${made.id}/wfe`,
      made.id.toUpperCase(),
    ]) {
      await expectRefused('not_found', () => find(reference));
    }
  });

  it('of another principal are not found', async () => {
    const made = await create();
    const foreign = await world.principals.create(cast.admin, { displayName: 'other' });
    await expectRefused('not_found', () => world.trusts.get(cast.admin, foreign.id, made.id));
    await expectRefused('not_found', () =>
      world.trusts.update(cast.admin, foreign.id, made.id, { changes: {} }),
    );
    await expectRefused('not_found', () => world.trusts.remove(cast.admin, foreign.id, made.id));
    await expectRefused('not_found', () => world.trusts.list(cast.admin, 'nobody', { limit: 10 }));
  });

  it('are listed by cutename, page by page', async () => {
    const made = [await create(), await create(), await create()];
    const first = world.trusts.list(cast.auditor, cast.principalId, { limit: 2 });
    const second = world.trusts.list(cast.auditor, cast.principalId, { limit: 2, after: first.next ?? '' });
    const ids = [...first.items, ...second.items].map(({ id }) => id);
    expect(ids).to.deep.equal(made.map(({ id }) => id).sort());
  });

  it('are limited in number, exactly, even in parallel', async () => {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => create()));
    expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(3);
    const failed = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(failed?.reason))).code).to.equal('limit_reached');
  });

  it('change every member but those that are fixed', async () => {
    const made = await create();
    const changes = {
      displayName: 'b',
      description: 'c',
      conditionExpression: 'claims.sub == "z"',
      disabled: true,
      scopedRoleIds: ['reader'],
      allowSourceCidrs: ['10.0.0.0/8'],
      passthroughClaims: ['ref'],
    };
    world.clock.advance(1);
    const after = await update(made.id, { ...changes, providerId: 'x', createdBy: 'y' });
    expect(after.value).to.deep.equal({ ...made.value, ...changes, updatedAtMs: world.clock.nowMs() });
    for (const path of [
      'providerId',
      'clientId',
      'servicePrincipalId',
      'createdBy',
      'engine',
      'version',
      'mode',
    ]) {
      await expectRefused('invalid_argument', () => update(made.id, {}, [path]), 'updateMask');
    }
    await expectRefused(
      'invalid_argument',
      () => update(made.id, {}, ['condition_expression']),
      'conditionExpression',
    );
    expect(await update(made.id, changes)).to.deep.equal(after);
  });

  it('keep a scope the principal has lost', async () => {
    const made = await create({ scopedRoleIds: ['deployer'] });
    await world.principals.update(cast.admin, cast.principalId, { changes: { roleIds: [] } });
    expect((await update(made.id, { displayName: 'b' })).value.scopedRoleIds).to.deep.equal(['deployer']);
    await expectRefused(
      'invalid_argument',
      () => update(made.id, { scopedRoleIds: ['reader'] }),
      'scopedRoleIds',
    );
  });

  it('of two updates at once one is told it lost', async () => {
    const made = await create();
    const results = await Promise.allSettled([
      update(made.id, { displayName: 'a' }),
      update(made.id, { disabled: true }),
    ]);
    const lost = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(lost?.reason))).code).to.equal('aborted');
  });

  it('are removed once', async () => {
    const made = await create();
    await world.trusts.remove(cast.owner, cast.principalId, `${made.id}@postern.example/wfe`);
    expect(lastEvent(world)).to.include({
      operation: 'WorkloadFederationService/DeleteTrust',
      activity: 'delete',
    });
    expect(world.snapshots.trusts.state(made.id)).to.equal(undefined);
    await expectRefused('not_found', () => world.trusts.remove(cast.owner, cast.principalId, made.id));
  });

  describe('are never changed', () => {
    const calls = (who: typeof cast.owner, id: string) => [
      () => create({}, who),
      () => world.trusts.update(who, cast.principalId, id, { changes: { displayName: 'x' } }),
      () => world.trusts.update(who, cast.principalId, id, { changes: {} }),
      () => world.trusts.remove(who, cast.principalId, id),
    ];

    it('by strangers, who may not read them either, nor by a read-only admin, who may', async () => {
      const made = await create();
      for (const call of [...calls(cast.stranger, made.id), ...calls(cast.auditor, made.id)]) {
        await expectRefused('permission_denied', call);
      }
      await expectRefused('permission_denied', () =>
        world.trusts.get(cast.stranger, cast.principalId, made.id),
      );
      expect(world.trusts.get(cast.auditor, cast.principalId, made.id)).to.deep.equal(made);
    });

    it('by the principal they let in, whatever its roles; another super-admin principal may', async () => {
      const made = await create();
      const itself = actor(cast.principalId, ['super-admin'], 'principal');
      for (const call of calls(itself, made.id)) await expectRefused('permission_denied', call);
      expect(world.trusts.get(itself, cast.principalId, made.id)).to.deep.equal(made);
      const other = actor('another-principal', ['super-admin'], 'principal');
      await world.trusts.remove(other, cast.principalId, made.id);
    });
  });
});
