import { expect } from 'chai';
import fc from 'fast-check';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { readPresetFolder } from '../../src/config/preset-folder.ts';
import { loadPresets } from '../../src/federation/presets.ts';
import { parseSubject } from '../../src/federation/subject.ts';
import { badTokens, createMint, type Mint, type MintRequest } from '../../src/lab/minting.ts';
import { createSigningKeys, type SigningKeys } from '../../src/lab/signing-keys.ts';
import { createFakeClock, seededRandom } from '../fakes.ts';

const presets = loadPresets(readPresetFolder('config/presets'));
const preset = (id: string) => presets.get(id) ?? expect.fail(`no preset ${id}`);
const clock = createFakeClock();
const now = Math.floor(clock.nowMs() / 1_000);
const issuer = 'http://127.0.0.1:1';
const audience = 'postern.example';
const random = seededRandom(7);

describe('minting', () => {
  const keys = new Map<string, SigningKeys>();
  before(async () => {
    for (const one of presets.all()) keys.set(one.id, await createSigningKeys({ preset: one, random }));
  });
  const mintOf = (id: string): Mint =>
    createMint({ preset: preset(id), issuer, keys: keys.get(id) ?? expect.fail(), clock, random });
  const claimsOf = async (id: string, request: MintRequest = {}): Promise<JWTPayload> =>
    decodeJwt(await mintOf(id).token({ audience, ...request }));
  const verify = (mint: Mint, token: string, at = clock.nowMs()) =>
    jwtVerify(token, createLocalJWKSet(mint.keySet() as never), {
      issuer,
      audience,
      currentDate: new Date(at),
    });

  for (const { id, claims, time, subject, header } of presets.all()) {
    describe(`as ${id}`, () => {
      it('verifies against the published keys, with the header and times of the preset', async () => {
        const mint = mintOf(id);
        const { payload, protectedHeader } = await verify(mint, await mint.token({ audience }));
        const { iat = 0, exp = 0, nbf } = payload;
        expect([iat, exp - iat]).to.deep.equal([now, time.lifetimeSeconds]);
        expect(nbf).to.equal(time.nbfOffsetSeconds === null ? undefined : iat + time.nbfOffsetSeconds);
        expect(Object.keys(protectedHeader)).to.have.members(['alg', 'kid', ...header.extra, 'typ']);
        expect(parseSubject(subject, String(payload.sub))).to.not.equal(undefined);
      });

      it('carries every claim that is not optional, and nothing that is not declared', async () => {
        const names = Object.keys(await claimsOf(id));
        const wanted = Object.keys(claims).filter((path) => claims[path]?.optional !== true);
        expect(names).to.include.members(wanted);
        expect(names.filter((name) => claims[name] === undefined)).to.deep.equal([]);
      });

      it('publishes no private member', () => {
        for (const key of mintOf(id).keySet().keys)
          expect(key).to.not.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi', 'k');
      });
    });
  }

  it('leaves claims of an environment out when there is none, and makes them when there is one', async () => {
    const without = await claimsOf('github-actions');
    expect(without).to.not.have.any.keys('environment', 'environment_node_id', 'enterprise', 'enterprise_id');
    const withOne = await claimsOf('github-actions', { claims: { environment: 'production' } });
    expect(withOne).to.include({ sub: 'repo:acme@1234567/infra@74000001:environment:production' });
    expect(withOne['environment_node_id']).to.match(/^EN_kwDO\w{12}$/);
    expect(await claimsOf('gitlab-ci')).to.not.have.any.keys(
      'environment',
      'environment_protected',
      'deployment_tier',
    );
    expect(await claimsOf('gitlab-ci', { claims: { environment: 'production' } })).to.include({
      environment_protected: 'true',
      deployment_tier: 'production',
    });
  });

  const shapes: [title: string, id: string, request: MintRequest, expected: Record<string, unknown>][] = [
    [
      'the legacy subject',
      'github-actions',
      { subjectForm: 'legacy' },
      { sub: 'repo:acme/infra:ref:refs/heads/main' },
    ],
    [
      'the immutable subject',
      'github-actions',
      { subjectForm: 'immutable' },
      { sub: 'repo:acme@1234567/infra@74000001:ref:refs/heads/main' },
    ],
    [
      'chosen subject claims',
      'github-actions',
      { subjectForm: 'custom', subjectKeys: ['repository_id', 'event_name'] },
      { sub: 'repository_id:74000001:event_name:push' },
    ],
    [
      'an escaped environment',
      'github-actions',
      { subjectForm: 'legacy', claims: { environment: 'a:b' } },
      { environment: 'a:b', sub: 'repo:acme/infra:environment:a%3Ab' },
    ],
    [
      'a pull request',
      'github-actions',
      { subjectForm: 'legacy', claims: { event_name: 'pull_request' } },
      {
        sub: 'repo:acme/infra:pull_request',
        ref: 'refs/pull/7/merge',
        head_ref: 'feature',
        base_ref: 'main',
        ref_protected: 'false',
      },
    ],
    [
      'another repository',
      'github-actions',
      { claims: { repository: 'evil/infra', repository_id: '9', repository_owner_id: '8' } },
      {
        repository_owner: 'evil',
        workflow_ref: 'evil/infra/.github/workflows/deploy.yml@refs/heads/main',
        sub: 'repo:evil@8/infra@9:ref:refs/heads/main',
      },
    ],
    [
      'a tag',
      'github-actions',
      { claims: { ref: 'refs/tags/v1' } },
      { ref_type: 'tag', ref_protected: 'false' },
    ],
    [
      'a called workflow',
      'github-actions',
      { claims: { job_workflow_ref: 'acme/ci/.github/workflows/r.yml@refs/tags/v3' } },
      { workflow_ref: 'acme/infra/.github/workflows/deploy.yml@refs/heads/main' },
    ],
    [
      'a custom property',
      'github-actions',
      { claims: { repo_property_tier: 'prod' } },
      { repo_property_tier: 'prod' },
    ],
    ['a claim left out', 'github-actions', { omit: ['actor'] }, { actor: undefined }],
    ['a subject of the caller', 'github-actions', { claims: { sub: 'anything' } }, { sub: 'anything' }],
    [
      'a GitLab tag',
      'gitlab-ci',
      { claims: { ref: 'v1', ref_type: 'tag' } },
      { sub: 'project_path:acme/infra:ref_type:tag:ref:v1', ref_path: 'refs/tags/v1', runner_id: 1201 },
    ],
    [
      'a nested group',
      'gitlab-ci',
      { claims: { project_path: 'acme/team/infra' } },
      { namespace_path: 'acme/team' },
    ],
    [
      'a fork merge request',
      'gitlab-ci',
      {
        claims: {
          pipeline_source: 'merge_request_event',
          project_path: 'fork/infra',
          project_id: '99',
          job_project_id: '4711',
          job_project_path: 'acme/infra',
        },
      },
      {
        project_id: '99',
        job_project_id: '4711',
        namespace_path: 'fork',
        job_namespace_path: 'acme',
        ref: 'feature',
        ref_protected: 'false',
      },
    ],
    [
      'several audiences',
      'gitlab-ci',
      { audience: [audience, 'vault.example'] },
      { aud: [audience, 'vault.example'] },
    ],
  ];
  for (const [title, id, request, expected] of shapes) {
    it(`makes ${title}`, async () => {
      const claims = await claimsOf(id, request);
      for (const [name, value] of Object.entries(expected)) expect(claims[name], name).to.deep.equal(value);
    });
  }

  it('uses the default audience of the platform, and demands one where there is none', async () => {
    const claims = decodeJwt(await mintOf('github-actions').token({ claims: { repository: 'evil/x' } }));
    expect(claims.aud).to.equal('https://github.com/evil');
    expect(await refusal(mintOf('gitlab-ci').token())).to.include('needs an audience');
  });

  it('refuses a subject form that does not exist or that the claims cannot make', async () => {
    const mint = mintOf('github-actions');
    expect(await refusal(mint.token({ subjectForm: 'nobody' }))).to.include('no subject form');
    expect(await refusal(mint.token({ claims: { repository: 'a@b/c' } }))).to.include('make no subject');
    expect(await refusal(mint.token({ claims: { repository_id: 'seven' } }))).to.include('make no subject');
  });

  it('gives each token its own jti and each job its own run', async () => {
    const [one, other] = [await claimsOf('github-actions'), await claimsOf('github-actions')];
    expect(one.jti).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    for (const name of ['jti', 'run_id', 'sha', 'check_run_id']) expect(one[name]).to.not.equal(other[name]);
  });

  it('keeps the old key published after a rotation until it is withdrawn', async () => {
    const mint = createMint({
      preset: preset('custom'),
      issuer,
      keys: await createSigningKeys({ preset: preset('custom'), random, algorithm: 'ES256' }),
      clock,
      random,
    });
    const token = await mint.token({ audience });
    const { kid: oldKid = '', alg } = decodeProtectedHeader(token);
    expect(alg).to.equal('ES256');
    const newKid = await mint.rotate();
    expect(decodeProtectedHeader(await mint.token({ audience })).kid)
      .to.equal(newKid)
      .and.not.equal(oldKid);
    await verify(mint, token);
    mint.withdraw(oldKid);
    expect(await failure(verify(mint, token))).to.equal('ERR_JWKS_NO_MATCHING_KEY');
    await verify(mint, await mint.token({ audience }));
  });

  it('refuses an algorithm that the platform does not use', async () => {
    const made = createSigningKeys({ preset: preset('github-actions'), random, algorithm: 'ES256' });
    expect(await refusal(made)).to.include('does not sign with ES256');
  });

  const faults: Record<(typeof badTokens)[number], string | undefined> = {
    expired: 'ERR_JWT_EXPIRED',
    stale: undefined,
    'not-yet-valid': 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    'wrong-aud': 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    'alg-none': 'ERR_JOSE_NOT_SUPPORTED',
    'unknown-kid': 'ERR_JWKS_NO_MATCHING_KEY',
    'foreign-key': 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    tampered: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  };
  for (const id of ['github-actions', 'gitlab-ci']) {
    for (const bad of badTokens) {
      it(`mints a token of ${id} that is ${bad}`, async () => {
        const mint = mintOf(id);
        const token = await mint.token({ audience, bad });
        expect(await failure(verify(mint, token))).to.equal(faults[bad]);
        const { iat = 0, exp = 0 } = decodeJwt(token);
        if (bad === 'stale') expect(now - iat).to.equal(preset(id).time.maxAgeSeconds + 60);
        if (bad !== 'expired') expect(exp).to.be.greaterThan(now);
      });
    }
  }

  it('property: whatever claims the caller gives arrive unchanged, prototypes untouched', async () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', 'toString', ...Object.keys(preset('custom').claims)),
    );
    const keys = await createSigningKeys({ preset: preset('custom'), random, algorithm: 'EdDSA' });
    const mint = createMint({ preset: preset('custom'), issuer, keys, clock, random });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(names, fc.jsonValue()), { maxLength: 6 }), async (entries) => {
        const claims = Object.fromEntries(entries);
        const [, payload = ''] = (await mint.token({ audience, claims })).split('.');
        const minted = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
        for (const [name, value] of Object.entries(claims)) {
          expect(Object.hasOwn(minted, name)).to.equal(true);
          expect(JSON.stringify(minted[name])).to.equal(JSON.stringify(value));
        }
        expect(Object.keys(Object.prototype)).to.deep.equal([]);
      }),
    );
  });
});

/** The code of jose's error; `undefined` if the token verified. */
const failure = (verified: Promise<unknown>): Promise<string | undefined> =>
  verified.then(
    () => undefined,
    (error: { code: string }) => error.code,
  );

const refusal = (outcome: Promise<unknown>): Promise<string> => outcome.then(() => 'not refused', String);
