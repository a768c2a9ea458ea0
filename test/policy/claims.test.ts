import { expect } from 'chai';
import { normalizeClaims } from '../../src/policy/claims.ts';
import { claimsOf, elapsedMs } from './support.ts';

const nested = (levels: number): unknown => {
  let value: unknown = 'leaf';
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};

describe('normalizeClaims', () => {
  it('makes maps at every level and keeps order and values', () => {
    const json = JSON.parse(
      '{"b":1.5,"a":{"x":[{"y":null},true,"  T "]},"__proto__":{"z":1},"constructor":2}',
    );
    const claims = claimsOf(json);
    expect([...claims.keys()]).to.deep.equal(['b', 'a', '__proto__', 'constructor']);
    expect(claims.get('a')).to.deep.equal(new Map([['x', [new Map([['y', null]]), true, '  T ']]]));
    expect(claims.get('__proto__')).to.deep.equal(new Map([['z', 1]]));
  });

  const accepted: readonly (readonly [name: string, json: unknown])[] = [
    ['an empty object', {}],
    ['depth 6', nested(6)],
    ['512 values', Object.fromEntries(Array.from({ length: 512 }, (_, index) => [`c${index}`, index]))],
    ['16,384 characters', { a: 'x'.repeat(16_384) }],
  ];
  for (const [name, json] of accepted) {
    it(`accepts ${name}`, () => expect(normalizeClaims(json).ok).to.equal(true));
  }

  const refused: readonly (readonly [name: string, json: unknown])[] = [
    ['null', null],
    ['a list', []],
    ['text', 'x'],
    ['nothing', undefined],
    ['depth 7', nested(7)],
    ['depth 7 in lists', { a: [[[[[[1]]]]]] }],
    ['513 values', { a: Array.from({ length: 512 }, () => 1) }],
    ['16,385 characters', { a: 'x'.repeat(16_385) }],
    ['16,385 characters in a name', { ['x'.repeat(16_385)]: 1 }],
    ['infinity', { a: JSON.parse('1e400') }],
    ['not a number', { a: Number.NaN }],
    ['a function', { a: () => 1 }],
    ['a bigint', { a: 1n }],
    ['undefined inside', { a: undefined }],
  ];
  for (const [name, json] of refused) {
    it(`refuses ${name}`, () => {
      const normalized = normalizeClaims(json);
      expect(normalized).to.include({ ok: false, code: 'CLAIMS_TOO_COMPLEX' });
      expect(normalized).to.have.property('why').that.is.a('string').and.not.empty;
    });
  }

  it('refuses JSON of depth 5,000 in less than 5 ms', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`);
    const wide = { a: Array.from({ length: 50_000 }, () => ({ b: 1 })) };
    expect(normalizeClaims(deep).ok).to.equal(false);
    expect(elapsedMs(() => normalizeClaims(deep))).to.be.lessThan(5);
    expect(elapsedMs(() => normalizeClaims(wide))).to.be.lessThan(5);
  });
});
