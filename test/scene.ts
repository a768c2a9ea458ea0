/** People, principals, credentials and trusts for a test gateway, all made through its own endpoints. */

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import type { Forge } from './attacks/forge.ts';
import { type Answer, bootstrapSecret, type Form, type TestGateway } from './gateway.ts';

export interface Client {
  readonly clientId: string;
  readonly secret: string;
  readonly privateKey: KeyObject;
  /** The stored member `x`. */
  readonly publicKey: string;
}

export interface Scene {
  /** A management call as the first super admin, whose token is renewed as the clock moves. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** The id of a new person, and his own personal client. */
  person(): Promise<{ readonly id: string; readonly client: Client }>;
  principal(roleIds?: readonly string[]): Promise<string>;
  setRoles(principalId: string, roleIds: readonly string[]): Promise<void>;
  setStatus(principalId: string, status: 'ENABLED' | 'DISABLED'): Promise<void>;
  credential(principalId: string, members?: Readonly<Record<string, unknown>>): Promise<Client>;
  revoke(principalId: string, client: Client): Promise<void>;
  /** A provider with the forge's issuer, keys and algorithms. */
  provider(lab: Forge, members?: Readonly<Record<string, unknown>>): Promise<string>;
  /** The client id of a new trust; without a condition it wants the forge's repository. */
  trust(
    principalId: string,
    providerId: string,
    members?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
}

const renewAfterMs = 5 * 60_000;

/** The member at a path of an answer that must be a success. */
export function memberOf(answer: Answer, ...path: readonly string[]): string {
  expect(answer.status, answer.text).to.equal(200);
  let value: unknown = answer.body;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  expect(value, path.join('.')).to.be.a('string');
  return String(value);
}

export function clientOf(clientId: string, secret: string): Client {
  const jwk = JSON.parse(Buffer.from(secret.split(':')[3] ?? '', 'base64url').toString());
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const publicKey = String(createPublicKey(privateKey).export({ format: 'jwk' })['x']);
  return { clientId, secret, privateKey, publicKey };
}

export const secretForm = ({ clientId, secret }: Client): Form => ({
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: secret,
});

export const exchangeForm = (clientId: string, subjectToken: string): Form => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  client_id: clientId,
  subject_token: subjectToken,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
});

/** The name part of a client id, by which management addresses it. */
export const shortName = (clientId: string): string => clientId.split('@')[0] ?? '';

export async function openScene(gateway: TestGateway): Promise<Scene> {
  const first = await gateway.call('POST', '/auth/v1/bootstrap', {
    secret: bootstrapSecret,
    displayName: 'Ada',
  });
  const ada = clientOf(memberOf(first, 'client', 'clientId'), memberOf(first, 'clientSecret'));
  let renewed = { token: '', atMs: Number.NEGATIVE_INFINITY };

  const admin: Scene['admin'] = async (method, path, body) => {
    if (gateway.clock.monotonicMs() - renewed.atMs > renewAfterMs) {
      const token = memberOf(await gateway.token(secretForm(ada)), 'access_token');
      renewed = { token, atMs: gateway.clock.monotonicMs() };
    }
    return gateway.call(method, path, body, renewed.token);
  };
  const principalPath = (id: string): string => `/api/v1/service_principals/${id}`;
  const update = async (id: string, user: object, updateMask: string): Promise<void> => {
    memberOf(
      await admin('PATCH', principalPath(id), { servicePrincipal: { user }, updateMask }),
      'servicePrincipal',
      'id',
    );
  };

  return {
    admin,
    person: async () => {
      const made = await admin('POST', '/api/v1/users', { displayName: 'Olga', email: 'olga@acme.example' });
      const id = memberOf(made, 'userView', 'userId');
      const own = await admin('POST', '/api/v1/iam/personal_clients', { displayName: 'laptop', userId: id });
      return { id, client: clientOf(memberOf(own, 'client', 'clientId'), memberOf(own, 'clientSecret')) };
    },
    principal: async (roleIds = []) => {
      const made = await admin('POST', '/api/v1/service_principals', { displayName: 'Deploy prod' });
      const id = memberOf(made, 'servicePrincipal', 'id');
      if (roleIds.length > 0) await update(id, { roleIds }, 'user.roleIds');
      return id;
    },
    setRoles: (id, roleIds) => update(id, { roleIds }, 'user.roleIds'),
    setStatus: (id, status) => update(id, { status }, 'user.status'),
    credential: async (principalId, members = {}) => {
      const made = await admin('POST', `${principalPath(principalId)}/credentials`, {
        displayName: 'a box',
        ...members,
      });
      return clientOf(memberOf(made, 'credential', 'clientId'), memberOf(made, 'clientSecret'));
    },
    revoke: async (principalId, { clientId }) => {
      const gone = await admin('DELETE', `${principalPath(principalId)}/credentials/${shortName(clientId)}`);
      expect(gone.status, gone.text).to.equal(200);
    },
    provider: async (lab, members = {}) => {
      const made = await admin('POST', '/api/v1/workload_federation/providers', {
        displayName: 'an issuer',
        issuerUrl: lab.issuer,
        wellKnownProvider: 'WELL_KNOWN_WORKLOAD_PROVIDER_CUSTOM',
        preset: 'custom',
        oidc: {},
        jwks: lab.jwks,
        algorithms: lab.algorithms,
        ...members,
      });
      return memberOf(made, 'provider', 'id');
    },
    trust: async (principalId, providerId, members = {}) => {
      const made = await admin('POST', `${principalPath(principalId)}/trusts`, {
        displayName: 'a job',
        providerId,
        conditionExpression: 'claims.repository == "acme/infra"',
        ...members,
      });
      return memberOf(made, 'trust', 'clientId');
    },
  };
}
