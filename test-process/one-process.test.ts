import { expect } from 'chai';
import { makePlace, type Place, type RunningPostern, run, startPostern, statusOf } from './postern.ts';

describe('one file, one process', () => {
  let place: Place;
  let first: RunningPostern;

  before(async () => {
    place = await makePlace();
    first = await startPostern(place);
  });
  after(async () => {
    await first?.stop();
    await place?.remove();
  });

  it('refuses a second gateway and names the store for several', async () => {
    const second = run(['serve', '--config', place.configFile]);
    expect(await second.ended).to.equal(1);
    expect(second.output()).to.match(/in use by another process.*MongoDB/s);
    expect(await statusOf(`${first.origin}/readyz`)).to.equal(200);
  });

  it('refuses to verify the audit of a running gateway, and leaves it alone', async () => {
    const verify = run(['audit', 'verify', '--store', place.storeFile]);
    expect(await verify.ended).to.equal(1);
    expect(verify.output()).to.match(/in use by another process/);
    expect(await statusOf(`${first.origin}/readyz`)).to.equal(200);
  });
});
