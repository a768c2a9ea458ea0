import { expect } from 'chai';
import { checkpointHash, parseCheckpointBody } from '../../src/journal/checkpoint-body.ts';
import { type Checkpoints, createCheckpoints } from '../../src/journal/checkpoints.ts';
import type { Checkpoint } from '../../src/journal/model.ts';
import { verifyAudit } from '../../src/journal/verify.ts';
import { createMemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/model.ts';
import { settle, silentLogger } from '../fakes.ts';
import { anEvent, append } from '../store/samples.ts';
import { createTestSigner, type Harness, insertUnit, startJournal, tokenUnit } from './harness.ts';

const signer = createTestSigner();

async function startCheckpoints(h: Harness): Promise<Checkpoints> {
  const { store, clock, scheduler, journal } = h;
  const checkpoints = createCheckpoints({
    store: store.journal,
    events: store.events,
    heads: journal.heads,
    signer,
    clock,
    scheduler,
    logger: silentLogger,
  });
  await checkpoints.start();
  return checkpoints;
}

const commitTokens = (h: Harness, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => h.journal.commit(tokenUnit({ n }))));

async function written(store: Store): Promise<readonly Checkpoint[]> {
  return (await store.events.checkpoints({ direction: 'asc', limit: 100 })).items;
}

const headsOf = (checkpoint: Checkpoint | undefined) =>
  parseCheckpointBody(checkpoint?.body ?? '')?.heads ?? [];

describe('journal: checkpoints', () => {
  let h: Harness;
  let checkpoints: Checkpoints;
  beforeEach(async () => {
    h = await startJournal();
    checkpoints = await startCheckpoints(h);
  });
  const stop = async () => {
    await h.journal.close();
    await checkpoints.close();
  };
  const verified = async () =>
    (await verifyAudit({ events: h.store.events, publicKeyOf: signer.publicKeyOf })).problems;

  it('are written after 60 s, when there is something to sign', async () => {
    await h.scheduler.advance(120_000);
    expect(await written(h.store)).to.deep.equal([]);
    await commitTokens(h, 1);
    await h.scheduler.advance(1_000);
    expect(await written(h.store)).to.have.length(1);
    await commitTokens(h, 1);
    await h.scheduler.advance(59_000);
    expect(await written(h.store)).to.have.length(1);
    await h.scheduler.advance(1_000);
    expect(await written(h.store)).to.have.length(2);
    await stop();
  });

  it('are written after 1,000 records', async () => {
    await commitTokens(h, 998);
    await h.scheduler.advance(1_000);
    expect(await written(h.store)).to.have.length(0);
    await commitTokens(h, 1);
    await h.scheduler.advance(1_000);
    expect(await written(h.store)).to.have.length(1);
    await stop();
  });

  it('sign the heads that moved, and name the checkpoint before', async () => {
    await commitTokens(h, 1);
    await h.journal.commit(insertUnit('a'));
    await h.scheduler.advance(60_000);
    const before = h.journal.heads();
    await commitTokens(h, 1);
    await stop();
    const [first, second] = await written(h.store);
    expect(headsOf(first)).to.have.deep.members([...before]);
    expect(headsOf(second)).to.have.deep.members(
      h.journal.heads().filter((head) => head.chain.endsWith('token')),
    );
    expect(parseCheckpointBody(second?.body ?? '')?.previous).to.equal(first && checkpointHash(first));
    expect(await verified()).to.deep.equal([]);
  });

  it('are written at the end, with what was committed last', async () => {
    await commitTokens(h, 1);
    await stop();
    expect(headsOf((await written(h.store))[0])).to.deep.equal(h.journal.heads());
    expect(h.scheduler.pending).to.equal(0);
  });

  it('are not written at the end when nothing moved', async () => {
    await commitTokens(h, 1);
    await h.scheduler.advance(60_000);
    await stop();
    expect(await written(h.store)).to.have.length(1);
  });

  it('cover the chains that a crashed start left unsigned', async () => {
    await commitTokens(h, 3);
    await h.journal.commit(insertUnit('a'));
    const orphaned = h.journal.heads();
    const next = await startJournal({ inner: h.store, seed: 2, clock: h.clock });
    const covering = await startCheckpoints(next);
    await next.journal.close();
    await covering.close();
    expect(headsOf((await written(h.store))[0])).to.have.deep.members([...orphaned]);
    await stop();
  });

  it('cover a record that landed after a checkpoint although it was made before', async () => {
    await commitTokens(h, 1);
    await stop();
    const [last] = await written(h.store);
    const late = anEvent(0, { chain: 'crashed-token', timeMs: (last?.timeMs ?? 0) - 3_000 });
    await append(h.store, [late]);
    const next = await startJournal({ inner: h.store, seed: 2, clock: h.clock });
    const covering = await startCheckpoints(next);
    await next.journal.close();
    await covering.close();
    expect(headsOf((await written(h.store))[1]).map(({ chain }) => chain)).to.include('crashed-token');
  });

  it('list finished chains of this start as well', async () => {
    await commitTokens(h, 1);
    h.store.fault = 'fail';
    await h.journal.commit(tokenUnit()).catch(() => undefined);
    h.store.fault = 'none';
    await h.scheduler.advance(250);
    await commitTokens(h, 1);
    await stop();
    expect(headsOf((await written(h.store))[0])).to.have.length(2);
  });

  for (const fault of ['fail', 'land', 'hang', 'land-hang'] as const) {
    it(`go on after the store failed (${fault}), without a gap`, async () => {
      await commitTokens(h, 1);
      h.store.fault = fault;
      await h.scheduler.advance(61_000);
      h.store.fault = 'none';
      await h.scheduler.advance(3_000);
      await commitTokens(h, 1);
      await stop();
      expect((await written(h.store)).length).to.be.greaterThan(1);
      expect(await verified()).to.deep.equal([]);
    });
  }

  it('of two processes on one store form one chain', async () => {
    const inner = createMemoryStore();
    const here = await startJournal({ inner });
    const there = await startJournal({ inner, seed: 2, clock: here.clock });
    const both = [await startCheckpoints(here), await startCheckpoints(there)];
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([commitTokens(here, 1), commitTokens(there, 1)]);
      await here.scheduler.advance(60_000);
      await there.scheduler.advance(2_000);
      await settle();
    }
    await Promise.all([here.journal.close(), there.journal.close()]);
    for (const one of both) await one.close();
    const report = await verifyAudit({ events: inner.events, publicKeyOf: signer.publicKeyOf });
    expect(report).to.deep.include({ ok: true, problems: [] });
    expect(report.checkpoints).to.be.greaterThan(4);
    await stop();
  });
});
