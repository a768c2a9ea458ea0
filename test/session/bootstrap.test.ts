import { expect } from 'chai';
import { publicKeyOfSecret } from '../../src/principals/client-secret.ts';
import {
  bootstrapSecret,
  dump,
  expectRefused,
  lastEvent,
  openWorld,
  refusal,
  type World,
} from '../principals/world.ts';

const request = { requestId: 'r-0', sourceIp: '192.0.2.9' };

describe('bootstrap', () => {
  let world: World;
  beforeEach(async () => {
    world = await openWorld();
  });
  const perform = (secret = bootstrapSecret, displayName = 'Ada') =>
    world.bootstrap.perform({ secret, displayName }, request);

  it('makes the first super admin and a client for him, in one unit', async () => {
    expect(world.bootstrap.isOpen()).to.equal(true);
    const { person, client, clientSecret } = await perform();
    expect(person.value).to.deep.include({ displayName: 'Ada', roleIds: ['super-admin'], status: 'ENABLED' });
    expect(client.value).to.deep.include({ personId: person.id, scopedRoleIds: [] });
    expect(publicKeyOfSecret(clientSecret.reveal())).to.equal(client.value.publicKey);
    expect(world.snapshots.people.get(person.id)?.value).to.deep.equal(person.value);
    expect(world.snapshots.personalClients.state(client.id)?.record).to.deep.equal(client.value);
    expect(world.committed).to.have.length(1);
    expect(lastEvent(world)).to.deep.include({
      operation: 'BootstrapService/Bootstrap',
      requestId: 'r-0',
      sourceIp: '192.0.2.9',
      user: { uid: person.id, name: 'Ada', type: 'User' },
    });
    expect(world.bootstrap.isOpen()).to.equal(false);
    const everything = await dump(world);
    expect(everything).not.to.contain(bootstrapSecret);
    expect(everything).not.to.contain(clientSecret.reveal().split(':')[3]);
  });

  it('refuses every wrong secret, and changes nothing', async () => {
    for (const secret of [
      '',
      'x',
      bootstrapSecret.slice(1),
      `${bootstrapSecret} `,
      bootstrapSecret.toUpperCase(),
    ]) {
      await expectRefused('bootstrap_refused', () => perform(secret));
    }
    expect(world.committed).to.have.length(0);
    expect(world.bootstrap.isOpen()).to.equal(true);
  });

  it('refuses a bad name without being used up', async () => {
    await expectRefused('invalid_argument', () => perform(bootstrapSecret, ''), 'displayName');
    await perform();
  });

  it('happens once for ever', async () => {
    await perform();
    await expectRefused('bootstrap_refused', () => perform());
    await expectRefused('bootstrap_refused', () => perform('wrong'));
  });

  it('by 50 at once has one winner, who alone exists', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, at) => perform(bootstrapSecret, `Ada ${at}`)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).to.have.length(49);
    for (const { reason } of refused) {
      expect((await refusal(() => Promise.reject(reason))).code).to.equal('bootstrap_refused');
    }
    expect([world.snapshots.people.size, world.snapshots.personalClients.size]).to.deep.equal([1, 1]);
  });
});
