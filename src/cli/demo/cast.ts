import type { ApiAnswer, ApiClient } from '../../client/api-client.ts';

/** Whom and what the demonstration sets up, through the real management endpoints and as the people themselves. */

export interface Stage {
  readonly admin: ApiClient;
  readonly owner: ApiClient;
  readonly principalId: string;
  readonly credential: { readonly clientId: string; readonly secret: string };
  readonly githubTrust: string;
  readonly gitlabTrust: string;
}

interface Props {
  readonly api: ApiClient;
  readonly bootstrapSecret: string;
  readonly githubIssuer: string;
  readonly gitlabIssuer: string;
  /** Told of each thing once it stands. */
  readonly onDone: (what: string, result: string) => void;
}

/** Ids that the imitation issuers give `acme/infra`; a condition pins these, never names alone. */
const githubCondition =
  'claims.repository_id == "74000001" && claims.environment == "production" && claims.ref == "refs/heads/main"';
const gitlabCondition = 'claims.project_id == "4711" && claims.ref_protected == "true"';

/** The member of an answer that must be there. Throws with the answer's own words otherwise. */
function member(answer: ApiAnswer, ...path: readonly string[]): string {
  let value: unknown = answer.body;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  if (answer.status === 200 && typeof value === 'string') return value;
  throw new Error(`expected ${path.join('.')}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
}

async function signIn(api: ApiClient, clientId: string, secret: string): Promise<ApiClient> {
  const answer = await api.token({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
  });
  return api.withToken(member(answer, 'access_token'));
}

async function registerProvider(
  admin: ApiClient,
  displayName: string,
  issuerUrl: string,
  preset: string,
): Promise<string> {
  const answer = await admin.call('POST', '/api/v1/workload_federation/providers', {
    displayName,
    issuerUrl,
    wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
    preset,
    oidc: {},
  });
  return member(answer, 'provider', 'id');
}

export async function setTheStage({ api, onDone, ...props }: Props): Promise<Stage> {
  const first = await api.call('POST', '/auth/v1/bootstrap', {
    secret: props.bootstrapSecret,
    displayName: 'Ada',
  });
  const admin = await signIn(api, member(first, 'client', 'clientId'), member(first, 'clientSecret'));
  onDone('Ada becomes the first super admin', 'POST /auth/v1/bootstrap');

  const olga = await admin.call('POST', '/api/v1/users', { displayName: 'Olga', email: 'olga@acme.example' });
  const olgaId = member(olga, 'userView', 'userId');
  const hers = await admin.call('POST', '/api/v1/iam/personal_clients', {
    displayName: 'Olga’s laptop',
    userId: olgaId,
  });
  const owner = await signIn(api, member(hers, 'client', 'clientId'), member(hers, 'clientSecret'));
  onDone('Ada makes Olga a user with a key of her own', 'POST /api/v1/users');

  const github = await registerProvider(admin, 'GitHub Actions', props.githubIssuer, 'github-actions');
  const gitlab = await registerProvider(admin, 'GitLab CI', props.gitlabIssuer, 'gitlab-ci');
  onDone('Ada registers two issuers, found by discovery', 'POST /api/v1/workload_federation/providers');

  const principal = await admin.call('POST', '/api/v1/service_principals', { displayName: 'Deploy prod' });
  const principalId = member(principal, 'servicePrincipal', 'id');
  const path = `/api/v1/service_principals/${principalId}`;
  const roles = { servicePrincipal: { user: { roleIds: ['basic-user'] } }, updateMask: 'user.roleIds' };
  member(await admin.call('PATCH', path, roles), 'servicePrincipal', 'id');
  member(
    await admin.call('POST', `/api/v2/users/${principalId}/owners/users/owner/${olgaId}`),
    'userOwnerUser',
    'userId',
  );
  onDone('Ada makes “Deploy prod” and Olga its owner', 'POST /api/v1/service_principals');

  const trust = async (displayName: string, providerId: string, conditionExpression: string) =>
    member(
      await owner.call('POST', `${path}/trusts`, {
        displayName,
        providerId,
        conditionExpression,
        passthroughClaims: ['repository', 'project_path'],
      }),
      'trust',
      'clientId',
    );
  const githubTrust = await trust('deploy.yml on main', github, githubCondition);
  const gitlabTrust = await trust('protected branches', gitlab, gitlabCondition);
  onDone('Olga lets one job of each platform in', `POST ${path.slice(0, 26)}/…/trusts`);

  const made = await owner.call('POST', `${path}/credentials`, {
    displayName: 'legacy box',
    expires: '2592000s',
  });
  onDone('Olga makes a credential for a legacy box', `POST ${path.slice(0, 26)}/…/credentials`);
  const credential = {
    clientId: member(made, 'credential', 'clientId'),
    secret: member(made, 'clientSecret'),
  };
  return { admin, owner, principalId, credential, githubTrust, gitlabTrust };
}
