import { expect } from 'chai';
import fc from 'fast-check';
import { createAccess } from '../../src/access/access.ts';
import { type Permission, permissions } from '../../src/access/permissions.ts';
import { createRoleCatalogue } from '../../src/access/roles.ts';
import { GatewayError } from '../../src/kernel/errors.ts';
import type { UserId } from '../../src/kernel/ids.ts';
import { actor } from '../principals/world.ts';

const roles = createRoleCatalogue([
  { id: 'issuer-admin', name: 'Issuer admin', permissions: ['providers.manage'] },
]);
const access = createAccess({ roles });
const mine = { ownerIds: ['me' as UserId] };
const theirs = { ownerIds: ['somebody' as UserId] };

/** Contract §7.5 by hand: super-admin, read-only-admin, no role, system-log-reader, owner of the object. */
const table: Readonly<Record<Permission, string>> = {
  'principals.read': 'sabro',
  'providers.read': 'sabro',
  'roles.read': 'sabro',
  'users.read': 'sabro',
  'conditions.test': 'sabro',
  'credentials.read': 'sa..o',
  'trusts.read': 'sa..o',
  'owners.read': 'sa..o',
  'denials.read': 'sa..o',
  'principals.edit': 's...o',
  'principals.delete': 's...o',
  'credentials.manage': 's...o',
  'trusts.manage': 's...o',
  'owners.manage': 's...o',
  'principals.create': 's....',
  'principals.assignRoles': 's....',
  'providers.manage': 's....',
  'bindings.manage': 's....',
  'users.manage': 's....',
  'keys.manage': 's....',
  'trusts.search': 'sa..o',
  'systemlog.read': 'sa.ro',
  'keys.read': 'sa...',
  'bindings.read': 'sa...',
  'tokens.introspect': 's....',
};
const names = Object.keys(table) as Permission[];

describe('permissions', () => {
  it('has a row for every permission', () => {
    expect(names).to.have.members([...permissions.byRole['super-admin']]);
  });

  for (const [permission, marks] of Object.entries(table) as [Permission, string][]) {
    it(permission, () => {
      const can = (roleIds: readonly string[], object?: typeof mine) =>
        access.can(actor('me', roleIds), permission, object);
      expect(can(['super-admin']), 'super admin').to.equal(marks.includes('s'));
      expect(can(['read-only-admin']), 'read-only admin').to.equal(marks.includes('a'));
      expect(can(['basic-user']), 'basic user').to.equal(marks.includes('b'));
      expect(can([]), 'no role').to.equal(marks.includes('b'));
      expect(can(['system-log-reader']), 'log reader').to.equal(marks.includes('r'));
      expect(can([], mine), 'owner').to.equal(marks.includes('o'));
      expect(can([], theirs), 'owner of another').to.equal(marks.includes('b'));
    });
  }

  it('refuses with 403 and tells nobody but the log which permission it was', () => {
    const work = () => access.requirePermission(actor('me'), 'keys.manage');
    expect(work).to.throw(GatewayError).with.property('code', 'permission_denied');
    expect(work).to.throw().with.property('detail', 'keys.manage');
    expect(() => access.requirePermission(actor('me', ['super-admin']), 'keys.manage')).not.to.throw();
  });

  it('gives a custom role what it lists, and an unknown role nothing', () => {
    expect(access.can(actor('me', ['issuer-admin']), 'providers.manage')).to.equal(true);
    expect(access.can(actor('me', ['issuer-admin']), 'users.manage')).to.equal(false);
    expect(access.permissionsOf(actor('me', ['nobody']))).to.have.keys(...permissions.signedIn);
  });

  it('property: more roles or ownership never take a permission away', () => {
    const role = fc.constantFrom(
      'super-admin',
      'read-only-admin',
      'basic-user',
      'system-log-reader',
      'issuer-admin',
      'x',
    );
    fc.assert(
      fc.property(fc.array(role), fc.array(role), fc.constantFrom(...names), (some, more, permission) => {
        const before = access.can(actor('me', some), permission);
        if (before) {
          expect(access.can(actor('me', [...some, ...more]), permission)).to.equal(true);
          expect(access.can(actor('me', some), permission, theirs)).to.equal(true);
          expect(access.can(actor('me', some), permission, mine)).to.equal(true);
        }
      }),
    );
  });
});

describe('role catalogue', () => {
  it('lists built-in roles first, then custom ones', () => {
    expect(roles.all().map(({ id, isBuiltIn, isApiOnly }) => [id, isBuiltIn, isApiOnly])).to.deep.equal([
      ['super-admin', true, false],
      ['read-only-admin', true, false],
      ['basic-user', true, false],
      ['system-log-reader', true, true],
      ['issuer-admin', false, false],
    ]);
    expect(roles.get('super-admin')?.name).to.equal('Super Administrator');
    expect(roles.get('toString')).to.equal(undefined);
  });

  const broken: readonly (readonly [string, Parameters<typeof createRoleCatalogue>[0], RegExp])[] = [
    ['a built-in id', [{ id: 'super-admin', name: 'x', permissions: [] }], /"super-admin" is taken/],
    [
      'one id twice',
      [
        { id: 'a', name: 'x', permissions: [] },
        { id: 'a', name: 'y', permissions: [] },
      ],
      /"a" is taken/,
    ],
    [
      'unknown permissions',
      [{ id: 'a', name: 'x', permissions: ['all', 'users.read'] }],
      /unknown permissions: all$/,
    ],
  ];
  for (const [title, custom, message] of broken) {
    it(`refuses ${title} at start`, () => expect(() => createRoleCatalogue(custom)).to.throw(message));
  }
});
