import { expect } from 'chai';
import { evaluate } from '../../src/policy/condition.ts';
import { compilePattern } from '../../src/policy/pattern.ts';
import { claimsOf, conditionOf, elapsedMs } from './support.ts';

const evil = [
  '(a+)+$',
  '(a*)*$',
  '(a|a)*$',
  '(a|aa)+$',
  '(a|a?)+$',
  '([a-zA-Z]+)*$',
  '(.*a){20}$',
  '(a?){30}a{30}',
  '((a+)+)+$',
  '(a+b?)+$',
  '(\\w+\\s?)*$',
  '(.*)*x',
  '(a{0,30}){30}$',
  '([^b]*|a)*$',
];
const wrappers = [
  (p: string) => p,
  (p: string) => `^${p}`,
  (p: string) => `(?i)${p}`,
  (p: string) => `(${p}|z)!`,
];
const alphabets = ['a', 'ab', 'aA', 'a ', 'é'];
const lengths = [64, 2_048];

const classics: readonly (readonly [pattern: string, input: string])[] = [
  ['^(a+)+$', `${'a'.repeat(31)}!`],
  ['^(a*)*$', `${'a'.repeat(31)}!`],
  ['^(a|aa)+$', `${'a'.repeat(31)}!`],
  ['^(a|a?)+$', `${'a'.repeat(31)}!`],
  ['(.*a){12}$', `${'a'.repeat(31)}!`],
  ['^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@)[a-z0-9]+$', `${'a'.repeat(31)}!`],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(32)],
  ['(x+x+)+y', 'x'.repeat(32)],
  ['(.*)*=(.*)*;', `${'='.repeat(31)}!`],
  ['^(\\d+)*x$', '1'.repeat(32)],
  ['^(([^:]+):?)*/$', ':'.repeat(32)],
  ['^(\\w+\\s?)*$', `${'a '.repeat(16)}!`],
  ['^(.+)+@example$', 'a'.repeat(32)],
  ['(a|b|ab)*c', 'ab'.repeat(16)],
  ['^((ab)*)+$', `${'ab'.repeat(15)}c`],
  ['^(a?){25}a{25}$', 'a'.repeat(24)],
  ['([a-z]+)+[0-9]', 'abc'.repeat(10)],
  ['^(0|1|01)*2$', '01'.repeat(16)],
  ['(\\s*\\S+\\s*)+:', 'a '.repeat(16)],
  ['^repo:([a-z]+/?)+:ref$', `repo:${'acme/'.repeat(5)}!`],
];

function matchMs(pattern: string, input: string): number {
  const condition = conditionOf(`claims.s.matches(r"${pattern}")`);
  const claims = claimsOf({ s: input });
  return elapsedMs(() => evaluate(condition, claims));
}

describe('patterns', () => {
  it('run 560 evil combinations in less than 50 ms each', () => {
    let count = 0;
    for (const pattern of evil) {
      for (const wrap of wrappers) {
        for (const alphabet of alphabets) {
          for (const length of lengths) {
            const input = `${alphabet.repeat(length).slice(0, length - 1)}!`;
            count += 1;
            expect(matchMs(wrap(pattern), input), `${wrap(pattern)} ${alphabet} ${length}`).to.be.lessThan(
              50,
            );
          }
        }
      }
    }
    expect(count).to.equal(560);
  });

  for (const [pattern, input] of classics) {
    it(`runs ${pattern} in less than 50 ms`, () => {
      expect(matchMs(pattern, input)).to.be.lessThan(50);
    });
  }

  const finds: readonly (readonly [pattern: string, text: string, found: boolean])[] = [
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^refs/heads/(main|release/.*)$', 'refs/heads/release/1', true],
    ['^refs/heads/(main|release/.*)$', 'refs/heads/feature', false],
    ['(?i)ACME', 'acme', true],
    ['\\pL', '9', false],
    ['\\Aab\\z', 'ab', true],
    ['^.$', '😀', true],
    ['a.c', 'a\nc', false],
    ['^b', 'a\nb', false],
  ];
  for (const [pattern, text, found] of finds) {
    it(`${found ? 'finds' : 'does not find'} ${pattern} in ${JSON.stringify(text)}`, () => {
      const compiled = compilePattern(pattern);
      expect(compiled.ok && compiled.pattern.finds(text)).to.equal(found);
      expect(compiled.ok).to.equal(true);
    });
  }
});
