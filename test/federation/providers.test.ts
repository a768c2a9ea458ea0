import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import type { NewProvider } from '../../src/federation/providers.ts';
import { invalidArgument } from '../../src/kernel/errors.ts';
import {
  type Cast,
  expectRefused,
  lastEvent,
  openCast,
  openWorld,
  refusal,
  type World,
} from '../principals/world.ts';

const github: NewProvider = {
  displayName: 'GitHub',
  issuerUrl: 'https://token.actions.githubusercontent.com',
  wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_GITHUB_ACTIONS',
};
const custom: NewProvider = {
  displayName: 'Cluster',
  issuerUrl: 'https://issuer.example',
  wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
};

const newKeys = () => ({
  keys: [{ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'k1' }],
});

describe('providers', () => {
  let world: World;
  let cast: Cast;
  beforeEach(async () => {
    world = await openWorld();
    cast = await openCast(world);
  });
  const create = (input: NewProvider = custom, who = cast.admin) => world.providers.create(who, input);
  const update = (id: string, changes: object, mask?: readonly string[]) =>
    world.providers.update(cast.admin, id, { changes, mask });
  const use = (providerId: string) =>
    world.trusts.create(cast.owner, cast.principalId, {
      displayName: 'job',
      providerId,
      conditionExpression: 'claims.sub == "x"',
    });

  it('take their settings from the preset of their kind', async () => {
    const { value } = await create(github);
    expect(value).to.deep.include({
      preset: 'github-actions',
      disabled: false,
      description: '',
      maxAgeSeconds: 600,
      iatRequired: true,
      replay: 'reuse',
      audienceMode: 'single',
      audiences: [],
      algorithms: ['RS256'],
      sharedIssuer: true,
    });
    const gitlab = await create({
      ...custom,
      issuerUrl: 'https://gitlab.example',
      wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_GITLAB_CI',
    });
    expect(gitlab.value).to.include({ preset: 'gitlab-ci', maxAgeSeconds: 3_600 });
    const enterprise = await create({ ...custom, preset: 'github-actions' });
    expect(enterprise.value).to.include({ preset: 'github-actions', maxAgeSeconds: 600 });
  });

  it('take settings from the caller, and nothing that is no setting', async () => {
    const settings = {
      maxAgeSeconds: 60,
      maxLifetimeSeconds: 120,
      iatRequired: false,
      replay: 'once' as const,
      audienceMode: 'contains' as const,
      audiences: ['acme'],
      algorithms: ['ES256' as const],
      sharedIssuer: false,
      tenantClaims: ['org_id'],
    };
    const smuggled = { id: 'mine', disabled: true, createdAtMs: 0, extra: 1 };
    const { value } = await create({ ...custom, ...settings, ...smuggled });
    expect(value).to.deep.include({ ...settings, disabled: false, createdAtMs: world.clock.nowMs() });
    expect(value.id).to.have.length(27);
    expect(value).not.to.have.property('extra');
  });

  it('are stored as discovery spells them, and their keys are at hand at once', async () => {
    world.discovery.answer = async (issuerUrl) => ({
      issuer: `${issuerUrl}/`,
      jwksUri: `${issuerUrl}/jwks`,
      keys: [],
    });
    const made = await create();
    expect(made.value.issuerUrl).to.equal('https://issuer.example/');
    expect(world.issuerKeys.primed).to.deep.equal([made.id]);
    expect(lastEvent(world)).to.include({
      operation: 'WorkloadFederationService/CreateProvider',
      activity: 'create',
    });
    expect(lastEvent(world).data).to.include({ provider_id: made.id, issuer: 'https://issuer.example/' });
    world.discovery.answer = async (issuerUrl) => ({
      issuer: issuerUrl,
      jwksUri: `${issuerUrl}/jwks`,
      keys: [],
    });
    await expectRefused('already_exists', () => create());
    await expectRefused('already_exists', () => create({ ...custom, issuerUrl: 'https://issuer.example/' }));
  });

  it('are not stored when discovery fails', async () => {
    world.discovery.answer = () => Promise.reject(invalidArgument('issuerUrl', 'the server answered 404'));
    await expectRefused('invalid_argument', () => create(), 'issuerUrl');
    expect(world.snapshots.providers.size).to.equal(0);
  });

  it('registered by two at once are registered once', async () => {
    const results = await Promise.allSettled([create(), create()]);
    const lost = results.find((result) => result.status === 'rejected');
    expect((await refusal(() => Promise.reject(lost?.reason))).code).to.equal('already_exists');
    expect(world.snapshots.providers.size).to.equal(1);
  });

  it('with uploaded keys need no discovery and may share an issuer name, but not keys', async () => {
    world.discovery.answer = () => Promise.reject(new Error('must not be asked'));
    const jwks = newKeys();
    const made = await create({ ...custom, jwks });
    expect(made.value.jwks).to.deep.equal(jwks);
    await create({ ...custom, jwks: newKeys() });
    await expectRefused('already_exists', () =>
      create({ ...custom, issuerUrl: `${custom.issuerUrl}/`, jwks }),
    );
  });

  const malformed: readonly (readonly [string, object, string])[] = [
    ['no name', { displayName: '' }, 'displayName'],
    ['long description', { description: 'x'.repeat(2_049) }, 'description'],
    ['http', { issuerUrl: 'http://issuer.example' }, 'issuerUrl'],
    ['userinfo', { issuerUrl: 'https://a@issuer.example' }, 'issuerUrl'],
    ['query', { issuerUrl: 'https://issuer.example?x' }, 'issuerUrl'],
    ['upper-case host', { issuerUrl: 'https://Issuer.example' }, 'issuerUrl'],
    ['our own issuer', { issuerUrl: 'https://postern.example' }, 'issuerUrl'],
    ['our own issuer with a slash', { issuerUrl: 'https://postern.example/' }, 'issuerUrl'],
    ['another issuer as GitHub', { ...github, issuerUrl: 'https://issuer.example' }, 'issuerUrl'],
    ['GitHub with a slash', { ...github, issuerUrl: `${github.issuerUrl}/` }, 'issuerUrl'],
    ['a preset nobody knows', { preset: 'nobody' }, 'preset'],
    ['a preset of another kind', { ...github, preset: 'gitlab-ci' }, 'preset'],
    ['no algorithm', { algorithms: [] }, 'algorithms'],
    ['no age', { maxAgeSeconds: 0 }, 'maxAgeSeconds'],
    ['more than a day of age', { maxAgeSeconds: 86_401 }, 'maxAgeSeconds'],
    ['more than a day of life', { maxLifetimeSeconds: 86_401 }, 'maxLifetimeSeconds'],
    ['an empty audience', { audiences: [''] }, 'audiences'],
    ['tenant claims of a named source', { ...github, tenantClaims: ['a'] }, 'tenantClaims'],
    ['an empty key set', { jwks: { keys: [] } }, 'jwks'],
    ['a symmetric key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'jwks'],
    ['a private key', { jwks: { keys: [{ ...newKeys().keys[0], d: 'AAAA' }] } }, 'jwks'],
  ];
  for (const [title, members, field] of malformed) {
    it(`refuse: ${title}`, async () => {
      await expectRefused('invalid_argument', () => create({ ...custom, ...members }), field);
      expect(world.snapshots.providers.size).to.equal(0);
    });
  }

  it('of kinds that have no preset yet are not supported yet', async () => {
    const spiffe = { ...custom, wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_SPIFFE' } as const;
    await expectRefused('not_supported_yet', () => create(spiffe));
    await expectRefused('not_supported_yet', () => create({ ...custom, preset: 'spiffe' }));
  });

  it('are limited in number', async () => {
    for (let count = 0; count < 4; count += 1)
      await create({ ...custom, issuerUrl: `https://i${count}.example` });
    await expectRefused('limit_reached', () => create());
  });

  it('are read by everybody signed in, and managed by super admins alone', async () => {
    const made = await create();
    for (const who of [cast.owner, cast.stranger, cast.auditor]) {
      expect(world.providers.get(who, made.id)).to.deep.equal(made);
      expect(world.providers.list(who, { limit: 10 }).items).to.deep.equal([made]);
      await expectRefused('permission_denied', () => create(github, who));
      await expectRefused('permission_denied', () => world.providers.update(who, made.id, { changes: {} }));
      await expectRefused('permission_denied', () => world.providers.remove(who, made.id));
    }
    await expectRefused('not_found', () => world.providers.get(cast.admin, 'nobody'));
    await expectRefused('not_found', () => update('nobody', {}));
    await expectRefused('not_found', () => world.providers.remove(cast.admin, 'nobody'));
  });

  it('change their settings; a cleared one returns to the preset', async () => {
    const made = await create({ ...custom, maxAgeSeconds: 60, description: 'x' });
    world.clock.advance(1_000);
    const changed = await update(made.id, {
      disabled: true,
      replay: 'once',
      algorithms: ['ES256'],
      oidc: {},
    });
    expect(changed.value).to.deep.equal({
      ...made.value,
      disabled: true,
      replay: 'once',
      algorithms: ['ES256'],
      updatedAtMs: world.clock.nowMs(),
    });
    expect(lastEvent(world).data).to.have.nested.property('changes.disabled.to', true);
    const cleared = await update(made.id, {}, ['max_age_seconds', 'description', 'disabled', 'oidc']);
    expect(cleared.value).to.include({ maxAgeSeconds: 600, description: '', disabled: false });
    expect(world.providers.get(cast.admin, made.id)).to.deep.equal(cleared);
    await expectRefused('invalid_argument', () => update(made.id, { maxAgeSeconds: 0 }), 'maxAgeSeconds');
    await expectRefused('invalid_argument', () => update(made.id, {}, ['displayName']), 'displayName');
  });

  for (const path of ['issuerUrl', 'wellKnownProvider', 'preset', 'id', 'spiffe', 'createdAt']) {
    it(`refuse the mask path ${path}`, async () => {
      const made = await create();
      await expectRefused('invalid_argument', () => update(made.id, {}, [path]), 'updateMask');
    });
  }

  it('move between discovery and uploaded keys, and their unique key with them', async () => {
    const made = await create();
    const jwks = newKeys();
    expect((await update(made.id, { jwks })).value.jwks).to.deep.equal(jwks);
    const second = await create();
    await expectRefused('already_exists', () => update(made.id, {}, ['jwks']));
    await world.providers.remove(cast.admin, second.id);
    const back = await update(made.id, {}, ['jwks']);
    expect(back.value).not.to.have.property('jwks');
    await update(made.id, { jwks });
    world.discovery.answer = async (issuerUrl) => ({ issuer: `${issuerUrl}/`, jwksUri: 'x', keys: [] });
    await expectRefused('invalid_argument', () => update(made.id, {}, ['jwks']), 'jwks');
  });

  it('stay while trusts use them, disabled ones included', async () => {
    const made = await create();
    const trust = await use(made.id);
    await world.trusts.update(cast.owner, cast.principalId, trust.id, { changes: { disabled: true } });
    const refused = await refusal(() => world.providers.remove(cast.admin, made.id));
    expect(refused.code).to.equal('provider_in_use');
    expect(refused.sentence).to.equal('the provider is used by 1 trust');
    await world.trusts.remove(cast.owner, cast.principalId, trust.id);
    await world.providers.remove(cast.admin, made.id);
    expect(world.issuerKeys.forgotten).to.deep.equal([made.id]);
    expect(lastEvent(world)).to.include({
      operation: 'WorkloadFederationService/DeleteProvider',
      activity: 'delete',
    });
    await create();
  });

  it('and trusts on them never pass each other, whoever is first', async () => {
    for (let round = 0; round < 40; round += 1) {
      const made = await create();
      const acts = [() => use(made.id), () => world.providers.remove(cast.admin, made.id)];
      const [first, second] = await Promise.allSettled(
        (round % 2 === 0 ? acts : acts.reverse()).map((act) => act()),
      );
      expect([first?.status, second?.status]).to.deep.equal(['fulfilled', 'rejected']);
      const isProviderGone = world.snapshots.providers.get(made.id) === undefined;
      expect(world.snapshots.trusts.countOfProvider(made.id)).to.equal(isProviderGone ? 0 : 1);
      for (const trust of world.snapshots.trusts.ofPrincipal(cast.principalId)) {
        await world.trusts.remove(cast.owner, cast.principalId, trust.id);
      }
      if (!isProviderGone) await world.providers.remove(cast.admin, made.id);
    }
  });
});
