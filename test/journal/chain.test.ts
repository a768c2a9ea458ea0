import { expect } from 'chai';
import fc from 'fast-check';
import { createChainWriter, recordHash } from '../../src/journal/chain.ts';
import { eventUid, parseEventUid } from '../../src/journal/model.ts';
import { createFakeClock } from '../fakes.ts';
import { anEvent, baseTimeMs } from '../store/samples.ts';
import { tokenEvent } from './harness.ts';

const bodyOf = (text: string) => JSON.parse(text);

describe('journal: chain', () => {
  const clock = createFakeClock(baseTimeMs);
  const writer = () => createChainWriter({ lane: 'token', startId: 'start1', clock });

  it('opens with a genesis record and chains what follows', () => {
    const records = writer().seal([tokenEvent(), tokenEvent()]);
    expect(records.map(({ chain, number }) => eventUid(chain, number))).to.deep.equal([
      'start1-token-0',
      'start1-token-1',
      'start1-token-2',
    ]);
    expect(bodyOf(records[0]?.body ?? '').api.operation).to.equal('Journal/OpenChain');
    let previous = '';
    for (const { hash, ...record } of records) {
      expect(hash).to.equal(recordHash(previous, record));
      previous = hash;
    }
  });

  it('starts from the same head until the records are acknowledged', () => {
    const chain = writer();
    const first = chain.seal([tokenEvent()]);
    expect(chain.seal([tokenEvent()])).to.deep.equal(first);
    chain.acknowledge(first);
    expect(chain.seal([tokenEvent()]).map(({ number }) => number)).to.deep.equal([2]);
    expect(chain.heads()).to.have.length(1);
  });

  it('numbers its chains and names the last acknowledged record', () => {
    const chain = writer();
    const records = chain.seal([tokenEvent()]);
    chain.acknowledge(records);
    chain.end();
    chain.end();
    const [genesis] = chain.seal([tokenEvent()]);
    expect(genesis?.chain).to.equal('start1.2-token');
    const { hash } = records[1] ?? { hash: '' };
    const previous = { chain: 'start1-token', number: 1, hash };
    expect(bodyOf(genesis?.body ?? '').unmapped).to.deep.equal({ previous });
    expect(chain.heads()).to.deep.equal([previous]);
  });

  it('seals nothing, not even a genesis record, for no event', () => {
    expect(writer().seal([])).to.deep.equal([]);
  });

  it('keeps its time when the clock steps back', () => {
    const stepping = createFakeClock(baseTimeMs);
    const chain = createChainWriter({ lane: 'token', startId: 'start1', clock: stepping });
    chain.acknowledge(chain.seal([tokenEvent()]));
    stepping.setNow(baseTimeMs - 60_000);
    expect(chain.seal([tokenEvent()])[0]?.timeMs).to.equal(baseTimeMs);
  });

  it('has no two columns that can be traded for each other in the hash', () => {
    const base = anEvent(1, { principalId: 'p', requestId: 'r' });
    const variants = [
      base,
      { ...base, principalId: undefined },
      { ...base, principalId: '' },
      { ...base, principalId: 'null' },
      { ...base, principalId: 'r', requestId: 'p' },
      { ...base, principalId: 'p","r', requestId: undefined },
      { ...base, chain: 'start1-token",1' },
      { ...base, body: `"r"]${base.body}` },
      { ...base, number: 11 },
    ];
    expect(new Set(variants.map((record) => recordHash('h', record))).size).to.equal(variants.length);
    expect(recordHash('g', base)).to.not.equal(recordHash('h', base));
  });

  it('property: records that differ anywhere have different hashes', () => {
    const record = fc.record({
      chain: fc.string(),
      number: fc.nat(),
      timeMs: fc.nat(),
      principalId: fc.option(fc.string(), { nil: undefined }),
      requestId: fc.option(fc.string(), { nil: undefined }),
      body: fc.string(),
    });
    fc.assert(
      fc.property(record, record, fc.string(), fc.string(), (a, b, previousA, previousB) => {
        const isSame = JSON.stringify([a, previousA]) === JSON.stringify([b, previousB]);
        expect(recordHash(previousA, a) === recordHash(previousB, b)).to.equal(isSame);
      }),
    );
  });

  it('property: a uid leads back to its place', () => {
    const chain = fc.stringMatching(/^[0-9a-f]{20}(\.\d{1,4})?-(token|management)$/);
    fc.assert(
      fc.property(chain, fc.nat(), (name, number) => {
        const uid = eventUid(name, number);
        expect(parseEventUid(uid)).to.deep.equal({ chain: name, number });
        expect(encodeURIComponent(uid)).to.equal(uid);
      }),
    );
  });

  it('property: text that is no uid names no place', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const place = parseEventUid(text);
        if (place !== undefined) expect(eventUid(place.chain, place.number)).to.equal(text);
      }),
    );
  });
});
