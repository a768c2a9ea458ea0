import { expect } from 'chai';
import { effectiveRoles } from '../../src/policy/scope.ts';

const rows: readonly (readonly [
  name: string,
  held: string[],
  scoped: string[],
  roles: string[] | undefined,
])[] = [
  ['an empty scope leaves every held role', ['a', 'b'], [], ['a', 'b']],
  ['a scope narrows, in the order held', ['a', 'b', 'c'], ['c', 'a'], ['a', 'c']],
  ['a scope never widens', ['a'], ['a', 'super-admin'], ['a']],
  ['nothing left is refused', ['a'], ['b'], undefined],
  ['a scope without any held role is refused', [], ['a'], undefined],
  ['no role and no scope is a token without roles', [], [], []],
  ['each role once', ['a', 'a', 'b'], ['a', 'a'], ['a']],
  ['ids are compared exactly', ['Admin'], ['admin'], undefined],
];

describe('effectiveRoles', () => {
  for (const [name, held, scoped, roleIds] of rows) {
    it(name, () => {
      const expected =
        roleIds === undefined ? { ok: false, reason: 'no_effective_roles' } : { ok: true, roleIds };
      expect(effectiveRoles(held, scoped)).to.deep.equal(expected);
    });
  }
});
