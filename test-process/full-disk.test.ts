import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { expect } from 'chai';
import { makeIssuers } from '../bench/tokens.ts';
import { readAuditFile, verifyByCommand } from './audit-file.ts';
import { jtiOf } from './load.ts';
import { makePlace, type Place, publicHost, type RunningPostern, startPostern } from './postern.ts';
import { becomeAdmin, exchangeForm, makeTrust } from './seed.ts';

/** Faults F5 and F7. The limit is the kernel's: `prlimit --fsize` makes writes beyond it fail with EFBIG. */

const roomBytes = 64 * 1_024;
const maxRequests = 2_000;
const recoversWithinMs = 2_000;

describe('a full disk', () => {
  let place: Place;
  let gateway: RunningPostern;
  let form: Record<string, string>;
  const received: string[] = [];

  before(async function () {
    if (!hasPrlimit()) this.skip();
    place = await makePlace();
    gateway = await startPostern(place);
    const [issuer] = makeIssuers(1, publicHost);
    if (issuer === undefined) throw new Error('no issuer');
    const { algorithm, ...rest } = issuer;
    const admin = await becomeAdmin(gateway.origin);
    const clientId = await makeTrust(
      admin,
      { ...rest, algorithms: [algorithm] },
      'claims.ref_type == "branch"',
    );
    form = exchangeForm(clientId, issuer.tokens[0] ?? '');
  });
  after(async () => {
    await gateway?.stop('SIGKILL');
    await place?.remove();
  });

  const exchange = async (): Promise<Response> =>
    fetch(`${gateway.origin}/auth/v1/token`, { method: 'POST', body: new URLSearchParams(form) });

  const keep = async (response: Response): Promise<void> => {
    const { access_token: token } = (await response.json()) as { access_token: string };
    received.push(jtiOf(token));
  };

  it('answers 503 with Retry-After and no token', async () => {
    limitFiles(gateway.pid, String(statSync(`${place.storeFile}-wal`).size + roomBytes));
    let refused: Response | undefined;
    for (let request = 0; request < maxRequests && refused === undefined; request += 1) {
      const response = await exchange();
      if (response.status === 200) await keep(response);
      else refused = response;
    }
    expect(refused?.status).to.equal(503);
    expect(Number(refused?.headers.get('retry-after'))).to.be.within(1, 60);
    const body = (await refused?.json()) as Record<string, unknown>;
    expect(body['error']).to.equal('temporarily_unavailable');
    expect(body).not.to.have.property('access_token');
    expect(received).not.to.have.length(0);
  });

  it('refuses as long as the disk is full, and stays alive', async () => {
    const statuses = await Promise.all(Array.from({ length: 32 }, async () => (await exchange()).status));
    expect(new Set(statuses)).to.deep.equal(new Set([503]));
    const live = await fetch(`${gateway.origin}/livez`);
    expect(live.status).to.equal(200);
  });

  it('recovers without a restart once there is room', async () => {
    limitFiles(gateway.pid, 'unlimited');
    const deadline = performance.now() + recoversWithinMs;
    let response = await exchange();
    while (response.status !== 200 && performance.now() < deadline) response = await exchange();
    expect(response.status).to.equal(200);
    await keep(response);
  });

  it('has every token that was received on record, in chains that verify', async () => {
    expect(await gateway.stop()).to.equal(0);
    const { issued } = await readAuditFile(place.storeFile);
    expect(received.filter((jti) => !issued.has(jti))).to.deep.equal([]);
    // Nothing was signed without an answer either: each record of an issue belongs to a token that was received.
    expect(issued.size).to.equal(received.length + 1);
    const { status, text } = await verifyByCommand(place.storeFile);
    expect(status, text).to.equal(0);
  });
});

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Changes the soft limit only, so that it can be lifted again. */
function limitFiles(pid: number, bytes: string): void {
  execFileSync('prlimit', [`--fsize=${bytes}:`, `--pid=${pid}`]);
}
