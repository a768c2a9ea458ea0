import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '../../src/kernel/errors.ts';
import { editMembers, type MemberRules, type Update } from '../../src/kernel/update-mask.ts';

interface Members {
  readonly displayName: string;
  readonly status: string;
  readonly scope: readonly string[];
  readonly limit: number;
}

const rules: MemberRules<Members> = {
  displayName: { path: 'displayName', required: true },
  status: { path: 'user.status', required: true },
  scope: { path: 'scopedRoleIds', alias: 'scopedRoles', fallback: [], restriction: true },
  limit: { path: 'limit', fallback: 10 },
};

const current = { displayName: 'a', status: 'ENABLED', scope: ['r1'], limit: 5, id: 'immutable' };

const nameOf = new Map([
  ['user.status', 'status'],
  ['scoped_roles', 'scope'],
]);

const edit = (update: Update<Members>) => editMembers<Members>(current, update, rules);

function refusedField(update: Update<Members>): string | undefined {
  try {
    edit(update);
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_argument') return error.violations[0]?.field;
    throw error;
  }
  return undefined;
}

describe('update mask', () => {
  const accepted: readonly (readonly [string, Update<Members>, Partial<Members>])[] = [
    ['without mask: members present', { changes: { displayName: 'b' } }, { displayName: 'b' }],
    ['empty mask: members present', { changes: { limit: 7 }, mask: [] }, { limit: 7 }],
    [
      'member outside the mask is ignored',
      { changes: { displayName: 'b', limit: 7 }, mask: ['limit'] },
      { limit: 7 },
    ],
    ['nested path', { changes: { status: 'DISABLED' }, mask: ['user.status'] }, { status: 'DISABLED' }],
    ['snake case', { changes: { displayName: 'b' }, mask: ['display_name'] }, { displayName: 'b' }],
    ['alias', { changes: { scope: ['r2'] }, mask: ['scoped_roles'] }, { scope: ['r2'] }],
    ['named and absent list is emptied', { changes: {}, mask: ['scopedRoleIds'] }, { scope: [] }],
    ['named and absent member has its default', { changes: {}, mask: ['limit'] }, { limit: 10 }],
    ['nothing at all', { changes: {} }, {}],
  ];
  for (const [title, update, expected] of accepted) {
    it(title, () => {
      const { id: _, ...members } = current;
      expect(edit(update).next).to.deep.equal({ ...members, ...expected });
    });
  }

  const refused: readonly (readonly [string, Update<Members>, string])[] = [
    ['unknown path', { changes: {}, mask: ['nope'] }, 'updateMask'],
    ['immutable path', { changes: {}, mask: ['id'] }, 'updateMask'],
    ['model name that is no path', { changes: {}, mask: ['status'] }, 'updateMask'],
    ['path of an inherited member', { changes: {}, mask: ['__proto__'] }, 'updateMask'],
    ['path of a method', { changes: {}, mask: ['constructor'] }, 'updateMask'],
    ['a good path beside a bad one', { changes: { limit: 1 }, mask: ['limit', 'x'] }, 'updateMask'],
    ['required member cleared', { changes: {}, mask: ['displayName'] }, 'displayName'],
    ['required nested member cleared', { changes: {}, mask: ['user.status'] }, 'user.status'],
  ];
  for (const [title, update, field] of refused) {
    it(`refuses: ${title}`, () => expect(refusedField(update)).to.equal(field));
  }

  it('tells apart what changed, and names a cleared restriction', () => {
    const { changed, record } = edit({ changes: { displayName: 'a', scope: [], limit: 6 } });
    expect([...changed]).to.have.members(['scope', 'limit']);
    expect(record).to.deep.equal({
      changes: { scope: { from: ['r1'], to: [] }, limit: { from: 5, to: 6 } },
      restrictions_cleared: ['scope'],
    });
    expect(edit({ changes: { limit: 6 } }).record).not.to.have.property('restrictions_cleared');
  });

  it('property: any mask and any body change only listed members', () => {
    const name = fc.constantFrom('displayName', 'status', 'scope', 'limit', 'id', '__proto__', 'owners');
    const path = fc.constantFrom(
      'displayName',
      'user.status',
      'scoped_roles',
      'limit',
      'id',
      'owners',
      '__proto__',
    );
    const body = fc.dictionary(name, fc.oneof(fc.string(), fc.integer(), fc.array(fc.string())));
    fc.assert(
      fc.property(body, fc.array(path, { maxLength: 4 }), (changes, mask) => {
        const named = new Set(mask.map((entry) => nameOf.get(entry) ?? entry));
        try {
          const { next } = edit({ changes: changes as Partial<Members>, mask });
          expect(Object.keys(next)).to.have.members(Object.keys(rules));
          for (const key of Object.keys(rules) as (keyof Members)[]) {
            const isSelected = mask.length === 0 ? Object.hasOwn(changes, key) : named.has(key);
            if (!isSelected) expect(next[key]).to.deep.equal(current[key]);
            else if (Object.hasOwn(changes, key)) expect(next[key]).to.deep.equal(changes[key]);
          }
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          const isBadPath = mask.some((entry) => ['id', 'owners', '__proto__'].includes(entry));
          const isCleared = ['displayName', 'status'].some(
            (key) => named.has(key) && !Object.hasOwn(changes, key),
          );
          expect(isBadPath || isCleared, 'refused without a reason').to.equal(true);
        }
      }),
    );
  });
});
