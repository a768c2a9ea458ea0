import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** Subject tokens as CI platforms send them: three issuers, about 30 claims, 2 KB, each one distinct and fresh. */

export type BenchAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

export interface BenchIssuer {
  readonly issuer: string;
  readonly algorithm: BenchAlgorithm;
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly jwks: { readonly keys: readonly object[] };
  readonly tokens: readonly string[];
}

const lifetimeSeconds = 3_600;

const makeKeys = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export function makeIssuers(tokensEach: number, audience: string): readonly BenchIssuer[] {
  return (['RS256', 'ES256', 'EdDSA'] as const).map((algorithm) => {
    const issuer = `https://${algorithm.toLowerCase()}.issuer.test`;
    const kid = randomBytes(20).toString('hex');
    const { publicKey, privateKey } = makeKeys[algorithm]();
    const header = encode({ alg: algorithm, typ: 'JWT', kid });
    const tokens = Array.from({ length: tokensEach }, (_, index) => {
      const input = `${header}.${encode(claimsOf(issuer, audience, index))}`;
      return `${input}.${signatureOf(algorithm, input, privateKey)}`;
    });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: algorithm };
    return { issuer, algorithm, kid, publicKey, jwks: { keys: [jwk] }, tokens };
  });
}

/** What the trusts of the benchmark ask for: four clauses, as on a careful page of a manual. */
export const condition = [
  'claims.repository_id == "74000001"',
  'claims.environment == "production"',
  'claims.ref == "refs/heads/main"',
  'claims.event_name in ["push", "workflow_dispatch"]',
].join(' && ');

function claimsOf(issuer: string, audience: string, index: number): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1_000);
  const sha = randomBytes(20).toString('hex');
  const workflow = 'acme/infra/.github/workflows/deploy-to-production.yml@refs/heads/main';
  return {
    iss: issuer,
    sub: 'repo:acme/infra:environment:production',
    aud: audience,
    iat,
    nbf: iat,
    exp: iat + lifetimeSeconds,
    jti: randomBytes(16).toString('hex'),
    ref: 'refs/heads/main',
    ref_type: 'branch',
    ref_protected: 'true',
    sha,
    repository: 'acme/infra',
    repository_id: '74000001',
    repository_owner: 'acme',
    repository_owner_id: '65000001',
    repository_visibility: 'private',
    environment: 'production',
    environment_node_id: randomBytes(12).toString('base64url'),
    event_name: 'push',
    actor: `developer-${index}`,
    actor_id: String(90_000_000 + index),
    head_ref: '',
    base_ref: '',
    run_id: String(7_000_000_000 + index),
    run_number: String(index),
    run_attempt: '1',
    runner_environment: 'github-hosted',
    workflow: 'Deploy to production',
    workflow_ref: workflow,
    workflow_sha: sha,
    job_workflow_ref: workflow,
    job_workflow_sha: sha,
    enterprise: 'acme-holding',
    enterprise_id: '1200',
  };
}

function signatureOf(algorithm: BenchAlgorithm, input: string, key: KeyObject): string {
  const bytes = Buffer.from(input);
  if (algorithm === 'EdDSA') return sign(null, bytes, key).toString('base64url');
  const signature = sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
  return signature.toString('base64url');
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
