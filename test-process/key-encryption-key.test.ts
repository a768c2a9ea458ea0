import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { makePlace, type Place, run, startPostern } from './postern.ts';

describe('key-encryption key', () => {
  let place: Place;

  before(async () => {
    place = await makePlace();
    await (await startPostern(place)).stop();
  });
  after(() => place.remove());

  it('starts again with the same one', async () => {
    const gateway = await startPostern(place);
    expect(await gateway.stop()).to.equal(0);
  });

  it('refuses to start with another one, says why and shows neither', async () => {
    const other = 'another-key-encryption-key-of-some-length';
    const started = run(['serve', '--config', place.configFile], { env: { TEST_KEK: other } });
    expect(await started.ended).to.equal(1);
    expect(started.output()).to.match(/^postern: .*(?:keys\.kek|key-encryption key)/m);
    expect(started.output()).not.to.include(other);
    expect(started.output()).not.to.include('"listening"');
  });

  it('refuses to start without one in production', async () => {
    const settings = JSON.parse(readFileSync(place.configFile, 'utf8')) as Record<string, unknown>;
    const bare = `${place.folder}/bare.json`;
    writeFileSync(bare, JSON.stringify({ ...settings, keys: {} }));
    const started = run(['serve', '--config', bare]);
    expect(await started.ended).to.equal(1);
    expect(started.output()).to.include('keys.kek: is required in the production profile');
  });

  it('refuses to start when the variable it lies in does not exist', async () => {
    const settings = JSON.parse(readFileSync(place.configFile, 'utf8')) as Record<string, unknown>;
    const dangling = `${place.folder}/dangling.json`;
    writeFileSync(dangling, JSON.stringify({ ...settings, keys: { kek: 'env:NO_SUCH_VARIABLE' } }));
    const started = run(['serve', '--config', dangling]);
    expect(await started.ended).to.equal(1);
    expect(started.output()).to.include('keys.kek: env:NO_SUCH_VARIABLE does not exist');
  });
});
