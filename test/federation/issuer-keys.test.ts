import { expect } from 'chai';
import fc from 'fast-check';
import { createBoundedCache, createTtlCache } from '../../src/cache/ttl-cache.ts';
import { createIssuerKeys, type IssuerKeys } from '../../src/federation/issuer-keys.ts';
import type { KeySet } from '../../src/federation/key-set.ts';
import type { Provider } from '../../src/federation/model.ts';
import { EgressFailed } from '../../src/kernel/errors.ts';
import type { ProviderId } from '../../src/kernel/ids.ts';
import type { Fetched, Logger } from '../../src/kernel/ports.ts';
import { freshKey, keySetAttacks } from '../attacks/jwks.ts';
import {
  countingMetrics,
  createFakeClock,
  createFakeScheduler,
  seededRandom,
  settle,
  silentLogger,
} from '../fakes.ts';

type Source = Pick<Provider, 'id' | 'issuerUrl' | 'jwks'>;

const sourceOf = (name: string): Source => ({ id: name as ProviderId, issuerUrl: `https://${name}.example` });
const minutes = 60_000;
const hours = 60 * minutes;

/** A laboratory: issuers that publish what the test says, through a fetch that counts. */
function createLab(seed = 1) {
  const clock = createFakeClock();
  const scheduler = createFakeScheduler(clock);
  const metrics = countingMetrics();
  const warnings: string[] = [];
  const note = (_: unknown, message: string): void => {
    warnings.push(message);
  };
  const logger: Logger = { ...silentLogger, warn: note, error: note };
  const published = new Map<string, unknown>();
  const fetchedAtMs: number[] = [];
  const lab = {
    clock,
    scheduler,
    metrics,
    warnings,
    published,
    fetchedAtMs,
    isDown: false,
    /** While set, answers wait for it. */
    gate: undefined as Promise<void> | undefined,
    fetch: async (url: string): Promise<Fetched> => {
      fetchedAtMs.push(clock.monotonicMs());
      await lab.gate;
      if (lab.isDown) throw new EgressFailed('the request failed (ECONNREFUSED)');
      const { origin, pathname } = new URL(url);
      const document =
        pathname === '/keys' ? published.get(origin) : { issuer: origin, jwks_uri: `${origin}/keys` };
      const body = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document ?? {}));
      return { status: 200, contentType: 'application/json', body };
    },
  };
  const keys: IssuerKeys = createIssuerKeys({
    fetch: lab.fetch,
    clock,
    scheduler,
    random: seededRandom(seed),
    metrics,
    logger,
    keySets: createTtlCache<KeySet>({ ttlSeconds: 86_400 }),
    unknownKids: createBoundedCache<number>({ maxEntries: 1_000 }),
    allowInsecure: false,
  });
  const find = async (source: Source, kid: string | undefined): Promise<string> => {
    const lookup = await keys.find(source, 'EdDSA', kid);
    return lookup.state === 'found' ? `found ${lookup.key.kid}` : lookup.state;
  };
  return { ...lab, lab, keys, find };
}

const one = sourceOf('one');
const setOf = (...kids: readonly string[]): { keys: unknown[] } => ({
  keys: kids.map((kid) => keyNamed(kid)),
});
const keysByKid = new Map<string, unknown>();
function keyNamed(kid: string): unknown {
  const key = keysByKid.get(kid) ?? freshKey(kid);
  keysByKid.set(kid, key);
  return key;
}

describe('federation/issuer-keys', () => {
  it('fetches at first use, then answers at once and without a promise', async () => {
    const { find, keys, published, fetchedAtMs } = createLab();
    published.set(one.issuerUrl, setOf('a', 'b'));
    expect(await find(one, 'a')).to.equal('found a');
    expect(keys.find(one, 'EdDSA', 'b')).to.have.property('state', 'found');
    expect(keys.find(one, 'Ed25519', 'b')).to.have.property('state', 'found');
    expect(keys.find(one, 'RS256', 'b')).to.have.property('state', 'unknown');
    expect(fetchedAtMs).to.have.length(2);
    expect(keys.status(one.id)).to.deep.equal({
      keys: 2,
      ageSeconds: 0,
      consecutiveFailures: 0,
      lastFailure: undefined,
    });
  });

  it('takes over what discovery fetched', async () => {
    const { find, keys, published, fetchedAtMs } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    const other = createLab();
    other.published.set(one.issuerUrl, setOf('a'));
    const found = await other.keys.find(one, 'EdDSA', 'a');
    if (found.state !== 'found') throw new Error(found.state);
    keys.prime(one, { jwksUri: `${one.issuerUrl}/keys`, keys: [found.key] });
    expect(await find(one, 'a')).to.equal('found a');
    expect(fetchedAtMs).to.have.length(0);
  });

  it('uses an uploaded set and fetches nothing', async () => {
    const { find, fetchedAtMs } = createLab();
    const jwks = setOf('a') as NonNullable<Source['jwks']>;
    expect(await find({ ...one, jwks }, 'a')).to.equal('found a');
    expect(await find({ ...one, jwks }, 'b')).to.equal('unknown');
    expect(await find({ ...one, jwks: { keys: [] } }, 'a')).to.equal('unknown');
    expect(fetchedAtMs).to.have.length(0);
  });

  it('without kid, answers only where one key fits', async () => {
    const { find, published } = createLab();
    const two = sourceOf('two');
    published.set(one.issuerUrl, setOf('a')).set(two.issuerUrl, setOf('a', 'b'));
    expect(await find(one, undefined)).to.equal('found a');
    expect(await find(two, undefined)).to.equal('unknown');
  });

  it('keeps providers apart that share a kid, and providers whose issuer changed (J9)', async () => {
    const { keys, published } = createLab();
    const two = sourceOf('two');
    published
      .set(one.issuerUrl, { keys: [freshKey('same')] })
      .set(two.issuerUrl, { keys: [freshKey('same')] });
    const first = await keys.find(one, 'EdDSA', 'same');
    const second = await keys.find(two, 'EdDSA', 'same');
    const moved = await keys.find({ ...one, issuerUrl: two.issuerUrl }, 'EdDSA', 'same');
    const thumbprint = (lookup: typeof first): unknown => lookup.state === 'found' && lookup.key.thumbprint;
    expect(thumbprint(first)).to.not.equal(thumbprint(second));
    expect(thumbprint(moved)).to.equal(thumbprint(second));
  });

  it('fetches once for many who wait (J6)', async () => {
    const { find, lab, published, fetchedAtMs } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    let open = (): void => undefined;
    lab.gate = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = Array.from({ length: 50 }, () => find(one, 'a'));
    await settle();
    open();
    expect(new Set(await Promise.all(waiting))).to.deep.equal(new Set(['found a']));
    expect(fetchedAtMs).to.have.length(2);
  });

  it('J6: 10,000 random kids in 10 s at 4 providers cost 4 fetches', async () => {
    const { find, published, fetchedAtMs, scheduler } = createLab();
    const sources = ['p', 'q', 'r', 's'].map(sourceOf);
    for (const source of sources) {
      published.set(source.issuerUrl, setOf('a'));
      await find(source, 'a');
    }
    await scheduler.advance(1 * minutes);
    fetchedAtMs.length = 0;
    for (let slice = 0; slice < 100; slice += 1) {
      const flood = Array.from({ length: 100 }, (_, index) => {
        const source = sources[index % sources.length] ?? one;
        return find(source, `kid-${slice}-${index}`);
      });
      expect(new Set(await Promise.all(flood))).to.deep.equal(new Set(['unknown']));
      await scheduler.advance(100);
    }
    expect(fetchedAtMs).to.have.length(4);
  });

  it('waits at least 30 s between refreshes, after failures as well, ever longer up to 90 s', async () => {
    const { find, lab, fetchedAtMs, scheduler } = createLab();
    lab.isDown = true;
    for (let second = 0; second < 900; second += 1) {
      expect(await find(one, 'a')).to.equal('unavailable');
      await scheduler.advance(1_000);
    }
    const gaps = fetchedAtMs.slice(1).map((at, index) => at - (fetchedAtMs[index] ?? 0));
    expect(Math.min(...gaps)).to.be.at.least(30_000);
    expect(Math.max(...gaps)).to.be.within(60_000, 91_000);
    expect(fetchedAtMs.length).to.be.within(11, 20);
  });

  it('remembers an unknown kid for a minute, and looks again for another', async () => {
    const { find, published, fetchedAtMs, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    await scheduler.advance(31_000);
    expect(await find(one, 'new')).to.equal('unknown');
    const before = fetchedAtMs.length;
    await scheduler.advance(31_000);
    published.set(one.issuerUrl, setOf('a', 'new'));
    expect(await find(one, 'new')).to.equal('unknown');
    expect(fetchedAtMs).to.have.length(before);
    expect(await find(one, 'other')).to.equal('unknown');
    expect(fetchedAtMs).to.have.length(before + 1);
    expect(await find(one, 'new')).to.equal('found new');
  });

  it('starts at most 20 fetches a second over all providers, and keeps room for planned ones', async () => {
    const { find, keys, published, fetchedAtMs, scheduler } = createLab();
    const planned = sourceOf('planned');
    published.set(planned.issuerUrl, setOf('a'));
    expect(await find(planned, 'a')).to.equal('found a');
    const others = Array.from({ length: 200 }, (_, index) => sourceOf(`flood-${index}`));
    for (const other of others) published.set(other.issuerUrl, setOf('a'));
    await scheduler.advance(8 * minutes);
    fetchedAtMs.length = 0;
    for (let tick = 0; tick < 400; tick += 1) {
      await Promise.all(others.map((other) => find(other, `kid-${tick}`)));
      await scheduler.advance(250);
    }
    for (const at of fetchedAtMs) {
      expect(fetchedAtMs.filter((other) => other > at - 1_000 && other <= at).length).to.be.at.most(20);
    }
    expect(keys.status(planned.id)?.ageSeconds).to.be.lessThan(9 * 60);
  });

  it('J7: an outage of 2 h fails no known kid, and none waits; unknown ones are answered at once', async () => {
    const { find, keys, lab, metrics, published, scheduler, warnings } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    await scheduler.advance(1 * minutes);
    lab.isDown = true;
    for (let minute = 0; minute < 120; minute += 1) {
      await scheduler.advance(1 * minutes);
      expect(keys.find(one, 'EdDSA', 'a'), `minute ${minute}`).to.have.property('state', 'found');
      if (minute > 10) expect(keys.find(one, 'EdDSA', 'b')).to.have.property('state', 'unknown');
    }
    expect(metrics.gauged('postern_jwks_age_seconds')).to.be.within(7_000, 7_300);
    expect(warnings).to.deep.equal(['issuer keys are stale']);
    lab.isDown = false;
    published.set(one.issuerUrl, setOf('b'));
    await scheduler.advance(2 * minutes);
    expect(await find(one, 'b')).to.equal('found b');
    expect(await find(one, 'a')).to.equal('unknown');
  });

  it('J7: an outage of 25 h ends in a refusal, not before 24 h', async () => {
    const { find, lab, published, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    lab.isDown = true;
    await scheduler.advance(24 * hours - 1 * minutes);
    expect(await find(one, 'a')).to.equal('found a');
    await scheduler.advance(61 * minutes);
    expect(await find(one, 'a')).to.equal('unavailable');
    lab.isDown = false;
    await scheduler.advance(2 * minutes);
    expect(await find(one, 'a')).to.equal('found a');
  });

  describe('an answer that is no valid set never replaces a good one', () => {
    const bad: [string, unknown][] = [
      ...keySetAttacks
        .filter(({ why }) => !why.startsWith('private'))
        .map(({ id, title, set }): [string, unknown] => [`${id} ${title}`, set()]),
      ['HTML', '<html>'],
      ['a repeated key', '{"keys":[],"keys":[]}'],
    ];
    for (const [title, document] of bad) {
      it(title, async () => {
        const { find, keys, published, scheduler } = createLab();
        published.set(one.issuerUrl, setOf('a'));
        await find(one, 'a');
        published.set(one.issuerUrl, document);
        await scheduler.advance(30 * minutes);
        expect(await find(one, 'a')).to.equal('found a');
        expect(keys.status(one.id)?.consecutiveFailures).to.be.greaterThan(5);
      });
    }
  });

  it('a published private key ends the trust in the issuer at once, with an alarm', async () => {
    const { find, metrics, published, scheduler, warnings } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    published.set(one.issuerUrl, { keys: [keyNamed('a'), { ...freshKey('b'), d: 'AAAA' }] });
    await scheduler.advance(10 * minutes);
    expect(await find(one, 'a')).to.equal('unavailable');
    expect(metrics.counted('postern_jwks_private_key_leaks_total')).to.be.at.least(1);
    expect(warnings[0]).to.match(/private key/);
  });

  it('J8: a withdrawn key dies within 10 minutes, used or idle', async () => {
    const { find, published, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a', 'b'));
    await find(one, 'a');
    published.set(one.issuerUrl, setOf('b'));
    await scheduler.advance(10 * minutes);
    expect(await find(one, 'a')).to.equal('unknown');
    expect(await find(one, 'b')).to.equal('found b');
  });

  it('does not use a set older than the soft TTL before asking the issuer, should the timers be late', async () => {
    const { clock, find, published } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    published.set(one.issuerUrl, setOf('b'));
    clock.advance(11 * minutes);
    expect(await find(one, 'a')).to.equal('unknown');
  });

  it('property: whatever the rotations, no key outlives its withdrawal by more than 10 minutes', async function () {
    this.timeout(30_000);
    const kids = ['a', 'b', 'c', 'd'];
    const step = fc.record({
      kids: fc.subarray(kids, { minLength: 1 }),
      waitMs: fc.integer({ min: 1_000, max: 15 * minutes }),
      asked: fc.constantFrom(...kids),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), async (steps, seed) => {
        const { find, keys, published, scheduler, clock } = createLab(seed);
        const withdrawnAtMs = new Map<string, number>();
        for (const { asked, kids: now, waitMs } of steps) {
          for (const kid of kids) {
            if (now.includes(kid)) withdrawnAtMs.delete(kid);
            else if (!withdrawnAtMs.has(kid)) withdrawnAtMs.set(kid, clock.monotonicMs());
          }
          published.set(one.issuerUrl, setOf(...now));
          await find(one, asked);
          await scheduler.advance(waitMs);
          for (const [kid, at] of withdrawnAtMs) {
            if (clock.monotonicMs() - at > 10 * minutes) expect(await find(one, kid)).to.equal('unknown');
          }
        }
        keys.close();
        expect(scheduler.pending).to.equal(0);
      }),
      { numRuns: 40 },
    );
  });

  it('refreshes on request within the limits, and says why not', async () => {
    const { keys, lab, published, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    expect(await keys.refresh(one)).to.deep.equal({ ok: true, keys: 1 });
    expect(await keys.refresh(one))
      .to.have.property('detail')
      .that.matches(/try again in 30 s/);
    await scheduler.advance(30_000);
    lab.isDown = true;
    expect(await keys.refresh(one)).to.deep.equal({ ok: false, detail: 'the request failed (ECONNREFUSED)' });
    expect(keys.status(one.id)).to.include({ keys: 1, consecutiveFailures: 1 });
  });

  it('forgets a provider, also while its keys are being fetched', async () => {
    const { find, keys, lab, published, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    await scheduler.advance(31_000);
    let open = (): void => undefined;
    lab.gate = new Promise((resolve) => {
      open = resolve;
    });
    const late = find(one, 'b');
    keys.forget(one.id);
    open();
    await late;
    expect(keys.status(one.id)).to.equal(undefined);
    expect(scheduler.pending).to.equal(0);
  });

  it('asks discovery again each hour and after a failure, not each time', async () => {
    const { find, fetchedAtMs, published, scheduler } = createLab();
    published.set(one.issuerUrl, setOf('a'));
    await find(one, 'a');
    await scheduler.advance(50 * minutes);
    expect(fetchedAtMs).to.have.length(2 + 5);
    await scheduler.advance(30 * minutes);
    expect(fetchedAtMs.length).to.be.within(2 + 8 + 1, 2 + 9 + 1);
  });
});
