/** What the attack tables of the token endpoint aim at, and what every refusal must look like. */

import { sign } from 'node:crypto';
import { expect } from 'chai';
import type { ErrorCode } from '../../src/kernel/error-catalogue.ts';
import { type Answer, type Form, formRequest, type RawRequest, type TestGateway } from '../gateway.ts';
import { type Client, exchangeForm, openScene, type Scene, secretForm } from '../scene.ts';
import { createForge, type Forge } from './forge.ts';

export interface Target {
  readonly gateway: TestGateway;
  readonly scene: Scene;
  readonly lab: Forge;
  readonly principalId: string;
  readonly providerId: string;
  /** Its job gets a token. */
  readonly trust: string;
  /** A credential of the principal, and one of another. */
  readonly client: Client;
  readonly other: Client;
  readonly person: Client;
}

export interface Verdict {
  readonly status: number;
  readonly error: string;
  /** `status_detail` of the audit record. */
  readonly reason: ErrorCode;
  /** What the caller learns: nothing, which parameter is malformed, or the reason. */
  readonly tells: 'nothing' | 'fault' | 'reason';
}

export interface HttpAttack {
  readonly id: string;
  readonly threat: string;
  readonly title: string;
  readonly request: (target: Target) => RawRequest | Promise<RawRequest>;
  readonly verdict: Verdict;
}

export const malformed: Verdict = {
  status: 400,
  error: 'invalid_request',
  reason: 'invalid_request',
  tells: 'fault',
};
export const noSuchGrant: Verdict = {
  ...malformed,
  error: 'unsupported_grant_type',
  reason: 'unsupported_grant_type',
};
export const tooLarge: Verdict = { ...malformed, status: 413, reason: 'body_too_large' };
export const exchangeRefused = (reason: ErrorCode, isProven = false): Verdict => ({
  status: 400,
  error: 'invalid_request',
  reason,
  tells: isProven ? 'reason' : 'nothing',
});
export const clientRefused = (reason: ErrorCode, isProven = false): Verdict => ({
  status: 401,
  error: 'invalid_client',
  reason,
  tells: isProven ? 'reason' : 'nothing',
});

type Row = readonly [title: string, verdict: Verdict, request: HttpAttack['request']];

export const table = (prefix: string, threat: string, rows: readonly Row[]): HttpAttack[] =>
  rows.map(([title, verdict, request], index) => ({
    id: `${prefix}-${String(index + 1).padStart(2, '0')}`,
    threat,
    title,
    request,
    verdict,
  }));

export const forgeFor = ({ settings, clock }: TestGateway, issuer = 'https://issuer.example'): Forge =>
  createForge({
    issuer,
    audience: settings.audiences[0] ?? '',
    ownIssuer: settings.publicUrl,
    nowMs: clock.nowMs,
  });

export async function openTarget(gateway: TestGateway): Promise<Target> {
  const scene = await openScene(gateway);
  const lab = forgeFor(gateway);
  const principalId = await scene.principal(['basic-user']);
  const otherId = await scene.principal();
  const providerId = await scene.provider(lab);
  const { client: person } = await scene.person();
  return {
    gateway,
    scene,
    lab,
    principalId,
    providerId,
    trust: await scene.trust(principalId, providerId),
    client: await scene.credential(principalId),
    other: await scene.credential(otherId),
    person,
  };
}

export const honestToken = (lab: Forge, patch: Readonly<Record<string, unknown>> = {}): string =>
  lab.sign({ alg: 'RS256', kid: 'rsa', typ: 'JWT' }, lab.claims(patch));

export const exchangeOf = ({ trust, lab }: Target, changes: Form = {}): Form => ({
  ...exchangeForm(trust, honestToken(lab)),
  ...changes,
});
export const credentialsOf = ({ client }: Target, changes: Form = {}): Form => ({
  ...secretForm(client),
  ...changes,
});

export const without = (form: Form, ...names: readonly string[]): Form =>
  Object.fromEntries(Object.entries(form).filter(([name]) => !names.includes(name)));

/** Sends a form in whose body something is added as raw text. */
export const withText = (form: Form, text: string): RawRequest => {
  const request = formRequest(form);
  return { ...request, body: `${String(request.body)}${text}` };
};

export const basic = (clientId: string, secret: string): readonly ['Authorization', string] => [
  'Authorization',
  `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
];

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
let nonces = 0;

/** An assertion in the dialect of the public clients; `undefined` removes a member. */
export function assertionOf(
  { gateway }: Pick<Target, 'gateway'>,
  client: Pick<Client, 'clientId' | 'privateKey'>,
  changes: {
    readonly header?: Readonly<Record<string, unknown>>;
    readonly payload?: Readonly<Record<string, unknown>>;
  } = {},
): string {
  const now = Math.floor(gateway.clock.nowMs() / 1000);
  nonces += 1;
  const header = { alg: 'EdDSA', nonce: nonces.toString(16).padStart(32, '0'), ...changes.header };
  const payload = {
    iss: client.clientId,
    sub: client.clientId,
    aud: [gateway.settings.audiences[0]],
    exp: now + 120,
    nbf: now - 120,
    iat: now,
    ...changes.payload,
  };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${sign(null, Buffer.from(input), client.privateKey).toString('base64url')}`;
}

export const assertionForm = (clientId: string, assertion: string): Form => ({
  grant_type: 'client_credentials',
  client_id: clientId,
  client_assertion_type: assertionType,
  client_assertion: assertion,
});

const generic: Readonly<Record<string, string>> = {
  invalid_request: 'The token exchange was refused.',
  invalid_client: 'Client authentication failed.',
};

/**
 * A refusal by the book: status, headers, a body with nothing but what the caller may learn, no token anywhere, and the
 * reason in the audit.
 */
export async function expectRefusal(gateway: TestGateway, answer: Answer, verdict: Verdict): Promise<void> {
  const { status, headers, body, text } = answer;
  const requestId = String(headers['x-request-id']);
  expect(status, text).to.equal(verdict.status);
  expect(headers['content-type']).to.match(/^application\/json/);
  expect(headers['cache-control']).to.equal('no-store');
  expect(text).not.to.match(/eyJ[\w-]+\.[\w-]*\.|secret-token/);
  expect(body['error'], text).to.equal(verdict.error);
  expect(body['request_id']).to.equal(requestId);

  const records = await gateway.auditOf(answer);
  expect(records.map((record) => record['status_detail'])).to.deep.equal([verdict.reason]);
  const [record] = records;
  expect(record?.['status_id']).to.equal(2);

  const base = ['error', 'error_description', 'request_id'];
  if (verdict.tells === 'nothing') {
    expect(text).to.equal(
      JSON.stringify({
        error: verdict.error,
        error_description: generic[verdict.error],
        request_id: requestId,
      }),
    );
  } else if (verdict.tells === 'fault') {
    expect(Object.keys(body)).to.have.members(base);
  } else {
    expect(Object.keys(body).filter((name) => name !== 'failed')).to.have.members([
      ...base,
      'reason',
      'denial_id',
    ]);
    expect(body['reason']).to.equal(verdict.reason);
    expect(body['denial_id']).to.equal((record?.['metadata'] as { uid?: string } | undefined)?.uid);
  }
}
