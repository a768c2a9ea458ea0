import { verify } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Journal } from '../../src/journal/journal.ts';
import type { Change, Unit } from '../../src/journal/model.ts';
import { Conflict } from '../../src/kernel/errors.ts';
import { privateKeyFromSeed, publicKeyText, thumbprintOf } from '../../src/keys/ed25519.ts';
import { createSigningKeys } from '../../src/keys/signing-keys.ts';
import { createKeySnapshot, type KeySnapshot } from '../../src/keys/snapshot.ts';
import { UnwrapFailed, unwrapKey, wrapKey } from '../../src/keys/wrapping.ts';
import { createFakeClock, seededRandom } from '../fakes.ts';

const kek = Buffer.alloc(32, 7);

/** Applies inserts as the real journal would: a unique key is taken once. */
function createInsertJournal(
  snapshot: KeySnapshot,
): Pick<Journal, 'commit'> & { readonly changes: Change[] } {
  const taken = new Set<string>();
  const changes: Change[] = [];
  return {
    changes,
    commit: async (unit: Unit) => {
      for (const change of unit.changes ?? []) {
        if (change.op !== 'insert') throw new Error('only inserts are expected');
        for (const key of change.unique ?? []) {
          if (taken.has(key)) throw new Conflict('unique', key);
          taken.add(key);
        }
        changes.push(change);
        snapshot.apply({ kind: 'signingKey', id: change.id, version: 1, epoch: 1, body: change.body });
      }
      return { state: 'committed', uids: [] };
    },
  };
}

function createHarness(options: { kek?: Buffer; snapshot?: KeySnapshot; seed?: number } = {}) {
  const snapshot = options.snapshot ?? createKeySnapshot();
  const journal = createInsertJournal(snapshot);
  const keys = createSigningKeys({
    snapshot,
    journal,
    clock: createFakeClock(),
    random: seededRandom(options.seed ?? 1),
    kek: options.kek ?? kek,
  });
  return { snapshot, journal, keys };
}

describe('keys/signing-keys', () => {
  it('makes one token key and one audit key in an empty store, and signs with what it publishes', async () => {
    const { keys, journal } = createHarness();
    await keys.open();
    expect(journal.changes).to.have.length(2);
    const current = keys.current();
    const [published, ...others] = keys.jwks().keys;
    expect(others).to.deep.equal([]);
    expect(published).to.include({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: current.kid });
    expect(published).to.not.have.property('d');
    const publicKey = keys.published(current.kid);
    if (publicKey === undefined) throw new Error('the current key is not published');
    const message = Buffer.from('message');
    expect(verify(null, message, publicKey, current.sign(message))).to.equal(true);
  });

  it('never publishes the audit key, nor verifies tokens with it', async () => {
    const { keys } = createHarness();
    await keys.open();
    const { keyId } = keys.checkpointSigner();
    expect(keys.jwks().keys.map(({ kid }) => kid)).to.not.include(keyId);
    expect(keys.published(keyId)).to.equal(undefined);
    expect(keys.auditKey(keyId)).to.not.equal(undefined);
    expect(keys.auditKey(keys.current().kid)).to.equal(undefined);
  });

  it('opens stored keys again instead of making new ones', async () => {
    const first = createHarness();
    await first.keys.open();
    const second = createHarness({ snapshot: first.snapshot, seed: 2 });
    await second.keys.open();
    expect(second.journal.changes).to.deep.equal([]);
    expect(second.keys.current().kid).to.equal(first.keys.current().kid);
  });

  it('does not start with another key-encryption key', async () => {
    const { keys, snapshot } = createHarness();
    await keys.open();
    const other = createHarness({ snapshot, kek: Buffer.alloc(32, 8) });
    const failure = await other.keys.open().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(UnwrapFailed);
    expect(String(failure)).to.contain('key-encryption key');
  });

  it('stores no byte string that contains the private key', async () => {
    const { keys, journal } = createHarness({ seed: 3 });
    await keys.open();
    const random = seededRandom(3);
    const seed = random(32);
    const dump = JSON.stringify(journal.changes);
    expect(dump).to.contain(publicKeyText(privateKeyFromSeed(seed)));
    for (const encoding of ['base64url', 'base64', 'hex'] as const) {
      expect(dump).to.not.contain(seed.toString(encoding).slice(0, 40));
    }
  });

  it('refuses a stored key that was put under the kid of another', async () => {
    const { keys, snapshot } = createHarness();
    await keys.open();
    const record = snapshot.get(keys.current().kid)?.value;
    if (record === undefined) throw new Error('no record');
    const forged = createKeySnapshot();
    const wrapped = wrapKey(seededRandom(9)(32), record.kid, kek, seededRandom(10));
    forged.apply({ kind: 'signingKey', id: record.kid, version: 1, epoch: 1, body: { ...record, wrapped } });
    const failure = await createHarness({ snapshot: forged })
      .keys.open()
      .catch((error: unknown) => error);
    expect(String(failure)).to.contain('is not the key of its kid');
  });

  it('matches the thumbprint of RFC 8037 appendix A.3', () => {
    const thumbprint = thumbprintOf('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
    expect(thumbprint).to.equal('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('property: what was wrapped opens with the same key and kid, and with nothing else', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((value) => Buffer.from(value));
    fc.assert(
      fc.property(bytes, bytes, bytes, fc.string({ minLength: 1 }), (seed, key, otherKey, kid) => {
        fc.pre(!key.equals(otherKey));
        const wrapped = wrapKey(seed, kid, key, seededRandom(1));
        expect(unwrapKey(wrapped, kid, key).equals(seed)).to.equal(true);
        expect(() => unwrapKey(wrapped, kid, otherKey)).to.throw(UnwrapFailed);
        expect(() => unwrapKey(wrapped, `${kid}x`, key)).to.throw(UnwrapFailed);
      }),
      { numRuns: 300 },
    );
  });
});
