import { expect } from 'chai';
import { celAttacks } from './cel.ts';
import { claimAttacks } from './claims.ts';
import { assertionAttacks } from './client-assertion.ts';
import { credentialAttacks } from './client-credentials.ts';
import { joseAttacks } from './jose.ts';
import { hostileAnswers, keyAttacks, keySetAttacks, refusedResolutions, refusedUrls } from './jwks.ts';
import { networkAttacks } from './network-identity.ts';
import { replayAttacks } from './replay.ts';
import { parameterAttacks } from './request-parameters.ts';

/** Rows that security.md §6 plans for each family, and the tables that hold them. */
const families: Readonly<Record<string, readonly [planned: number, rows: readonly unknown[]]>> = {
  'JOSE header, signature, encoding': [108, joseAttacks],
  'claims of the subject token': [86, claimAttacks],
  'request parameters': [48, parameterAttacks],
  'client credentials': [30, credentialAttacks],
  'client assertion': [24, assertionAttacks],
  'replay and concurrency': [11, [...replayAttacks, 'race-01', 'race-02', 'race-03']],
  'network identity': [33, networkAttacks],
  'SSRF and key sets': [
    90,
    [...keyAttacks, ...keySetAttacks, ...refusedUrls, ...Object.keys(refusedResolutions), ...hostileAnswers],
  ],
  conditions: [40, celAttacks],
};
const leastRows = 320;

describe('attack catalogue', () => {
  for (const [family, [planned, rows]] of Object.entries(families)) {
    it(`${family}: ${rows.length} rows, ${planned} planned`, () => {
      expect(rows.length).to.be.at.least(planned);
      const ids = rows.map((row) => (typeof row === 'object' ? Reflect.get(row as object, 'id') : row));
      const named = ids.filter((id) => id !== undefined);
      expect(new Set(named).size).to.equal(named.length);
    });
  }

  it(`holds at least ${leastRows} rows`, function () {
    const sum = Object.values(families).reduce((count, [, rows]) => count + rows.length, 0);
    if (this.test !== undefined) this.test.title += `: ${sum}`;
    expect(sum).to.be.at.least(leastRows);
  });
});
