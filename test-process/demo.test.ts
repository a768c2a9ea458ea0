import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from './postern.ts';

const withinMs = 10_000;

describe('the demonstration', () => {
  let folder: string;
  let port: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-demo-test-'));
    port = await freePort();
  });
  afterEach(() => rm(folder, { recursive: true }));

  const demo = (env: Record<string, string> = {}) =>
    run(['demo', '--once', '--port', port], { cwd: folder, env: { TMPDIR: folder, ...env } });

  it('plays all scenes, ends with 0 in time, and leaves nothing behind', async () => {
    const startedAt = performance.now();
    const { ended, output } = demo();
    expect(await ended, output()).to.equal(0);
    expect(performance.now() - startedAt).to.be.below(withinMs);
    const scenes = [...output().matchAll(/^ {2}\(([a-f])\) /gm)].map(([, letter]) => letter);
    expect(scenes).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(output()).not.to.match(/^ {4}✗ /m);
    expect(output()).not.to.include('\u001b');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('ends with another status when a scene comes out wrong', async () => {
    // An operator who tells jobs nothing: scene (c) shows what the refused job is told.
    const { ended, output } = demo({ POSTERN_DENIALS__EXPLAIN: 'never' });
    expect(await ended).to.equal(1);
    expect(output()).to.match(/^ {4}✗ POST \/auth\/v1\/token/m);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('ends with another status when its port is taken', async () => {
    const squatter = createServer().listen(Number(port), '127.0.0.1');
    try {
      const { ended, output } = demo();
      expect(await ended).to.equal(1);
      expect(output()).to.match(/^postern: .*EADDRINUSE/m);
      expect(await readdir(folder)).to.deep.equal([]);
    } finally {
      squatter.close();
    }
  });
});

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
