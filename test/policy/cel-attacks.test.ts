import { expect } from 'chai';
import { compile, evaluate } from '../../src/policy/condition.ts';
import { celAttacks } from '../attacks/cel.ts';
import { claimsOf, codesOf, conditionOf, elapsedMs } from './support.ts';

/** Fastest of five: the engine's cost, not that of a machine that is busy elsewhere. */
function bestMs(work: () => unknown): number {
  return Math.min(...Array.from({ length: 5 }, () => elapsedMs(work)));
}

describe('attacks on conditions', () => {
  it('are 40, each with its own id', () => {
    expect(new Set(celAttacks.map(({ id }) => id)).size).to.equal(40);
  });

  for (const attack of celAttacks) {
    it(`${attack.id} is ${attack.expect} in less than 20 ms`, () => {
      const { expression } = attack;
      if (attack.expect === 'refused') {
        expect(codesOf(expression)).to.include(attack.code);
        expect(bestMs(() => compile(expression))).to.be.lessThan(20);
        return;
      }
      const condition = conditionOf(expression);
      const claims = claimsOf(attack.claims ?? {});
      const decision = evaluate(condition, claims);
      expect(decision.allow).to.equal(false);
      expect('cause' in decision ? decision.cause : decision.code).to.equal(attack.code);
      expect(bestMs(() => evaluate(condition, claims))).to.be.lessThan(20);
    });
  }
});
