/** Conditions that platforms and other gateways publish must compile and decide as documented (policy.md §20). */

import { expect } from 'chai';
import { codesOf, decide } from './support.ts';

const github = {
  iss: 'https://token.actions.githubusercontent.com',
  sub: 'repo:acme/fake-infra:ref:refs/heads/main',
  repository: 'acme/infra',
  repository_id: '576289489',
  repository_owner: 'acme',
  repository_owner_id: '93787867',
  ref: 'refs/heads/main',
  environment: 'production',
  event_name: 'workflow_dispatch',
  workflow: 'Test',
  actor: 'octocat',
  workflow_ref: 'abcxyz/github-token-minter/.github/workflows/create-tag.yml@refs/heads/main',
  job_workflow_ref: 'abcxyz/pkg/.github/workflows/create-tag.yml@refs/heads/main',
};
const gitlab = { project_path: 'acme/infra', namespace_path: 'acme', ref: 'main', ref_protected: 'true' };
const hcp = {
  terraform_organization_name: 'acme',
  terraform_workspace_name: 'infra-prod',
  terraform_run_phase: 'apply',
};
const aws = {
  sub: 'arn:aws:iam::123456789012:role/DeployRole',
  'https://sts.amazonaws.com/': {
    aws_account: '123456789012',
    org_id: 'o-abc1234567',
    principal_tags: { environment: 'production' },
  },
};
const spiffe = { sub: 'spiffe://td/ns/prod/sa/deployer' };
const google = { iss: 'https://accounts.google.com', email: 'bot@x.iam.gserviceaccount.com' };

type Row = readonly [expression: string, claims: object];

const allowed: readonly Row[] = [
  ['claims.sub.startsWith("repo:acme/fake-infra:")', github],
  ['claims.repository == "acme/infra"', github],
  ['claims.repository == "acme/infra" && claims.ref == "refs/heads/main"', github],
  ['claims.repository == "acme/infra" && claims.environment == "production"', github],
  [
    'claims.job_workflow_ref == "acme/infra/.github/workflows/deploy.yml@refs/heads/main"',
    { job_workflow_ref: 'acme/infra/.github/workflows/deploy.yml@refs/heads/main' },
  ],
  ['claims.project_path == "acme/infra"', gitlab],
  ['claims.project_path == "acme/infra" && claims.ref_protected == "true"', gitlab],
  ['claims.project_path == "acme/infra" && claims.ref == "main" && claims.ref_protected == "true"', gitlab],
  ['claims.ref_protected == "true"', gitlab],
  ['claims.terraform_organization_name == "acme" && claims.terraform_workspace_name == "infra-prod"', hcp],
  [
    'claims.terraform_organization_name == "acme" && claims.terraform_workspace_name == "infra-prod" && claims.terraform_run_phase == "apply"',
    hcp,
  ],
  ['claims["https://sts.amazonaws.com/"]["aws_account"] == "123456789012"', aws],
  ['claims["https://sts.amazonaws.com/"].aws_account == "123456789012"', aws],
  ['claims.sub == "arn:aws:iam::123456789012:role/DeployRole"', aws],
  [
    'claims["https://sts.amazonaws.com/"]["aws_account"] == "123456789012" && claims["https://sts.amazonaws.com/"]["org_id"] == "o-abc1234567"',
    aws,
  ],
  ['claims["https://sts.amazonaws.com/"]["principal_tags"]["environment"] == "production"', aws],
  ['url(claims.sub).path == "/ns/prod/sa/deployer"', spiffe],
  ['url(claims.sub).path.startsWith("/ns/prod/")', spiffe],
  [
    'claims.sub == "expected-subject" && claims.custom_claim == "expected-value"',
    { sub: 'expected-subject', custom_claim: 'expected-value' },
  ],
  ['claims.repository.contains("infra")', github],
  ['claims.ref.startsWith("refs/heads/release/")', { ref: 'refs/heads/release/2' }],
  ['claims.ref.matches("^refs/heads/(main|release/.*)$")', github],
  // Other systems, with their prefixes written as `claims.` and their constants as issuers
  [
    "claims.iss == 'https://token.actions.githubusercontent.com' && claims.repository_owner_id == '93787867' && claims.repository_id == '576289489'",
    github,
  ],
  [
    `// who may tag
     claims.job_workflow_ref == "abcxyz/pkg/.github/workflows/create-tag.yml@refs/heads/main" &&
     claims.workflow_ref.startsWith("abcxyz/github-token-minter/.github/workflows/create-tag.yml") &&
     claims.ref == 'refs/heads/main' && claims.event_name == 'workflow_dispatch'`,
    github,
  ],
  [
    'claims.workflow_ref.startsWith("abcxyz/github-token-minter/.github/workflows/ci.yml") || (claims.iss == "https://accounts.google.com" && claims.email == "bot@x.iam.gserviceaccount.com")',
    google,
  ],
  ["claims.workflow == 'Test' && claims.actor == 'octocat'", github],
  ['claims.email == "a@b.c"', { email: 'a@b.c' }],
  [
    'claims.repository_id == "576289489" && claims.repository_owner_id == "93787867" && claims.workflow == "Test" && claims.ref == "refs/heads/main"',
    github,
  ],
  [
    'claims.workflow_ref.startsWith("abcxyz/pkg/.github/workflows/test.yml")',
    { workflow_ref: 'abcxyz/pkg/.github/workflows/test.yml@refs/heads/main' },
  ],
  [
    "claims.workflow_ref == 'abcxyz/github-token-minter/.github/workflows/create-tag.yml@refs/heads/main' && claims.job_workflow_ref == 'abcxyz/pkg/.github/workflows/create-tag.yml@refs/heads/main' && claims.event_name == 'workflow_dispatch'",
    github,
  ],
  ['true', {}],
  ["claims.repository_owner == 'acme'", github],
  ["claims.namespace_path == 'acme'", gitlab],
  ['claims.repository_owner=="acme"', github],
  ['claims.repository_owner_id == "93787867"', github],
];

const missing: readonly Row[] = [
  ['claims.terraform_organization == "acme" && claims.terraform_workspace_name == "infra-prod"', hcp],
  [
    'claims.terraform_organization == "acme" && claims.terraform_workspace_name == "infra-prod" && claims.terraform_run_phase == "apply"',
    hcp,
  ],
  ["claims.doesntexist == 'not valid'", github],
];

describe('published expressions', () => {
  for (const [expression, claims] of allowed) {
    it(`allows ${expression.slice(0, 90)}`, () => expect(decide(expression, claims).allow).to.equal(true));
    if (expression !== 'true') {
      it(`denies others ${expression.slice(0, 90)}`, () =>
        expect(decide(expression, {}).allow).to.equal(false));
    }
  }
  for (const [expression, claims] of missing) {
    it(`denies ${expression.slice(0, 90)}`, () => {
      expect(decide(expression, claims)).to.include({ code: 'CONDITION_ERROR', cause: 'no_such_key' });
    });
  }
  it('does not support the constant google', () => {
    expect(codesOf("'admins' in google.groups")).to.deep.equal(['E_TYPE']);
  });
});
