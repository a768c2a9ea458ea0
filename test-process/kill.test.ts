import { randomInt } from 'node:crypto';
import { expect } from 'chai';
import { summary } from '../bench/statistics.ts';
import { makeIssuers } from '../bench/tokens.ts';
import { readAuditFile, verifyByCommand } from './audit-file.ts';
import { startLoad } from './load.ts';
import { makePlace, type Place, publicHost, type RunningPostern, startPostern } from './postern.ts';
import { type Admin, becomeAdmin, exchangeForm, makeTrust, signIn } from './seed.ts';

/** Threat A1, fault F1: no token ever reaches a client before its audit record is on disk. */

const kills = 20;
const leastTokens = 500;
const connections = 16;
const readyWithinMs = 1_000;

describe('SIGKILL under load', () => {
  let place: Place;
  let admin: Admin;
  let forms: readonly Record<string, string>[];
  const readyAfterMs: number[] = [];
  const totals = { tokens: 0, principals: 0 };

  before(async () => {
    place = await makePlace({ limits: { principals: 100_000 } });
    const gateway = await startPostern(place);
    admin = await becomeAdmin(gateway.origin);
    forms = [];
    for (const { algorithm, ...issuer } of makeIssuers(32, publicHost)) {
      const clientId = await makeTrust(
        admin,
        { ...issuer, algorithms: [algorithm] },
        'claims.ref == "refs/heads/main"',
      );
      forms = [...forms, ...issuer.tokens.map((token) => exchangeForm(clientId, token))];
    }
    expect(await gateway.stop()).to.equal(0);
  });

  after(async () => {
    await place.remove();
    const { median, p95 } = summary(readyAfterMs);
    const restarts = `restart to ready: median ${median.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms`;
    process.stdout.write(
      `      ${totals.tokens} tokens received, ${totals.principals} writes acknowledged; ${restarts}\n`,
    );
  });

  const start = async (): Promise<RunningPostern> => {
    const gateway = await startPostern(place);
    admin = await signIn(gateway.origin, admin);
    return gateway;
  };

  for (let kill = 1; kill <= kills; kill += 1) {
    it(`loses nothing that was promised (${kill} of ${kills})`, async () => {
      const doomed = await start();
      const { api } = admin;
      const load = startLoad({ origin: doomed.origin, admin: api, forms, connections });
      await load.received(leastTokens + randomInt(300));
      expect(await doomed.stop('SIGKILL')).to.equal('SIGKILL');
      await load.ended;

      const restarted = await start();
      readyAfterMs.push(restarted.readyAfterMs);
      for (const id of load.ledger.principals) {
        const read = await admin.api.call('GET', `/api/v1/service_principals/${id}`);
        expect(read.status, `principal ${id}`).to.equal(200);
      }
      expect(await restarted.stop()).to.equal(0);

      const { tokens, principals } = load.ledger;
      expect(tokens.length).to.be.at.least(leastTokens);
      expect(principals.length).to.be.at.least(1);
      const { issued } = await readAuditFile(place.storeFile);
      expect(tokens.filter((jti) => !issued.has(jti))).to.deep.equal([]);
      const verified = await verifyByCommand(place.storeFile);
      expect(verified.status, verified.text).to.equal(0);
      totals.tokens += tokens.length;
      totals.principals += principals.length;
    });
  }

  it(`is ready again within ${readyWithinMs} ms (p95)`, () => {
    expect(readyAfterMs).to.have.length(kills);
    expect(summary(readyAfterMs).p95).to.be.at.most(readyWithinMs);
  });
});
