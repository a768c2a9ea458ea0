import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Store } from '../../src/store/model.ts';
import { openStore } from '../../src/store/open-store.ts';
import {
  assertionForm,
  assertionOf,
  basic,
  credentialsOf,
  exchangeOf,
  honestToken,
  openTarget,
  type Target,
  without,
} from '../attacks/target.ts';
import { bootstrapSecret, type Form, formRequest, startTestGateway } from '../gateway.ts';
import { createFaultyStore, type FaultyStore } from '../journal/harness.ts';
import { exchangeForm } from '../scene.ts';

/** Strings in a JSON value, at any depth. */
function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

/** After a flow that holds every kind of secret, in the right and in the wrong places: where did they stay? */
describe('canary scan', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-canary-'));
  const canaries = new Set<string>();
  let file: Store;
  let store: FaultyStore;
  let target: Target;

  /** The parts of a token or secret that give power; its public claims may be told. */
  const watch = (secret: string): string => {
    const parts = secret.startsWith('secret-token:')
      ? [secret.split(':')[3] ?? '']
      : secret.split('.').slice(1);
    for (const part of parts) if (part.length > 16) canaries.add(part);
    return secret;
  };

  const formsOf = (): readonly Form[] => {
    const token = watch(honestToken(target.lab, { jti: 'canary' }));
    const refused = watch(honestToken(target.lab, { repository: 'acme/web' }));
    const assertion = watch(assertionOf(target, target.client));
    const { clientId, secret } = target.client;
    return [
      exchangeForm(target.trust, token),
      exchangeForm(target.trust, refused),
      exchangeForm('calm-fox-00000@gateway.example/wfe', token),
      credentialsOf(target),
      credentialsOf(target, { client_secret: watch(target.other.secret) }),
      credentialsOf(target, { client_id: secret }),
      credentialsOf(target, { grant_type: secret }),
      credentialsOf(target, { client_secret: token }),
      assertionForm(clientId, assertion),
      assertionForm(clientId, assertion),
      assertionForm(target.other.clientId, assertion),
      exchangeForm(token, token),
      exchangeOf(target, { subject_token: secret }),
      exchangeOf(target, { subject_token_type: token }),
      without(credentialsOf(target), 'client_id'),
    ];
  };

  const perform = async (): Promise<void> => {
    const { gateway, client, other } = target;
    for (const form of formsOf()) {
      const answer = await gateway.token(form);
      const { access_token: accessToken } = answer.body;
      if (typeof accessToken === 'string') {
        await gateway.call('GET', '/api/v1/auth/introspect', undefined, watch(accessToken));
        await gateway.call('GET', `/api/v1/denials/${accessToken}`, undefined, accessToken);
        await gateway.call('GET', '/api/v1/auth/introspect', undefined, `${accessToken}x`);
      }
    }
    const grant = { grant_type: 'client_credentials' };
    for (const { clientId, secret } of [client, { ...client, secret: other.secret }]) {
      const authorization = basic(clientId, secret);
      canaries.add(authorization[1].slice(-40));
      await gateway.send(formRequest(grant, [authorization]));
      await gateway.send({
        ...formRequest(grant, [authorization]),
        path: `/auth/v1/token?client_secret=${secret}`,
      });
    }
    await gateway.call('POST', '/auth/v1/bootstrap', { secret: client.secret, displayName: 'x' });
    await gateway.call('POST', '/auth/v1/bootstrap', { secret: bootstrapSecret, displayName: 'x' });
  };

  before(async () => {
    file = await openStore({ kind: 'sqlite', path: join(folder, 'canary.db') });
    store = createFaultyStore(file);
    target = await openTarget(await startTestGateway({ store }));
    for (const { secret } of [target.client, target.other, target.person]) watch(secret);
    canaries.add(bootstrapSecret);
    await perform();
    store.fault = 'fail';
    await perform();
    store.fault = 'none';
    await target.gateway.scheduler.advance(5_000);
  });
  after(() => rmSync(folder, { recursive: true }));

  const hitsIn = (text: string): readonly string[] => [...canaries].filter((canary) => text.includes(canary));

  it('has many canaries, and the flow left many traces', async () => {
    expect(canaries.size).to.be.greaterThan(15);
    expect(target.gateway.log.length).to.be.greaterThan(5);
    expect((await target.gateway.audit()).length).to.be.greaterThan(20);
    expect(hitsIn(`x${[...canaries][0]}x`)).to.have.length(1);
  });

  it('no log line holds one', () => {
    expect(hitsIn(target.gateway.log.join('\n'))).to.deep.equal([]);
  });

  it('no audit record holds one', async () => {
    expect(hitsIn(JSON.stringify(await target.gateway.audit()))).to.deep.equal([]);
  });

  it('no stored string authenticates anybody (T15)', async () => {
    const { records } = await file.records.changedSince(0);
    const stored = new Set(records.flatMap(({ body }) => stringsIn(body)).filter((text) => text !== ''));
    expect([...stored].some((text) => text === target.client.publicKey)).to.equal(true);
    for (const text of stored) {
      const asJwk = `secret-token:conductorone.com:v1:${Buffer.from(text).toString('base64url')}`;
      for (const secret of [text, asJwk]) {
        const answer = await target.gateway.token(credentialsOf(target, { client_secret: secret }));
        expect(answer.status, 'a stored string opened the door').to.equal(401);
      }
    }
  });

  it('no byte of the database file is one, nor any private key in the clear', async () => {
    await target.gateway.close();
    const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString('latin1'));
    const text = bytes.join('\n');
    expect(text).to.contain(target.client.publicKey);
    expect(hitsIn(text)).to.deep.equal([]);
    for (const { privateKey } of [target.client, target.other, target.person]) {
      expect(text).not.to.contain(String(privateKey.export({ format: 'jwk' })['d']));
    }
    expect(text).not.to.match(/"d":"|PRIVATE KEY/);
  });
});
