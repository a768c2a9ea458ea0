import { expect } from 'chai';
import { callerProjection, explain, sentences } from '../../src/policy/explain.ts';
import type { BlamedLeaf, Explanation, FailedLeaf } from '../../src/policy/model.ts';
import { claimsOf, conditionOf } from './support.ts';

const sample = {
  repository: 'acme/infra',
  environment: 'staging',
  ref: 'refs/heads/dev',
  flag: false,
  count: 3,
  groups: ['dev', 'ops'],
  nested: { 'a-b': { c: 'd' } },
  'https://x/': { id: '7' },
  nothing: null,
  spiffe: 'spiffe://td/ns/dev/../prod',
};

const explained = (text: string, claims: unknown = sample): Explanation =>
  explain(conditionOf(text), claimsOf(claims));

function leafOf(text: string): BlamedLeaf {
  const { blame } = explained(text);
  if (blame === undefined || 'need' in blame) throw new Error(`not one leaf: ${JSON.stringify(blame)}`);
  return blame;
}

/** `&(a, !b)`, `|(a, b)`: every `&`, any `|`, `!` = must not hold. */
function shape({ blame }: Explanation): string {
  const write = (part: NonNullable<Explanation['blame']>): string =>
    'need' in part
      ? `${part.need === 'all' ? '&' : '|'}(${part.of.map(write).join(', ')})`
      : `${part.want ? '' : '!'}${part.atom}`;
  return blame === undefined ? '' : write(blame);
}

const shapes: readonly (readonly [text: string, state: Explanation['state'], expected: string])[] = [
  ['true', 'true', ''],
  ['false', 'false', 'false'],
  ['claims.count == 3 && claims.flag == false', 'true', ''],
  ['claims.count == 4 && claims.flag == false', 'false', 'claims.count == 4'],
  ['claims.count == 4 && claims.flag == true', 'false', '&(claims.count == 4, claims.flag == true)'],
  ['claims.count == 4 || claims.flag == true', 'false', '|(claims.count == 4, claims.flag == true)'],
  ['claims.zz == 4 && claims.count == 3', 'error', 'claims.zz == 4'],
  ['claims.zz == 4 && claims.count == 4', 'false', '&(claims.zz == 4, claims.count == 4)'],
  ['claims.zz == 4 || claims.count == 4', 'error', '|(claims.zz == 4, claims.count == 4)'],
  ['!(claims.count == 3)', 'false', '!claims.count == 3'],
  ['!(claims.count == 3 || claims.count == 4)', 'false', '!claims.count == 3'],
  ['!(claims.count == 3 && claims.flag == false)', 'false', '|(!claims.count == 3, !claims.flag == false)'],
  ['!!(claims.count == 4)', 'false', 'claims.count == 4'],
  ['!(claims.zz == 4)', 'error', '!claims.zz == 4'],
  ['claims.flag && true', 'false', 'claims.flag'],
  [
    '(claims.count == 4 || claims.flag == true) && claims.environment == "prod"',
    'false',
    '&(|(claims.count == 4, claims.flag == true), claims.environment == "prod")',
  ],
  [
    'claims.flag == true ? claims.count == 3 : claims.count == 4',
    'false',
    '|(claims.flag == true, claims.count == 4)',
  ],
  [
    'claims.zz == 1 ? claims.count == 4 : claims.count == 5',
    'error',
    '|(&(claims.zz == 1, claims.count == 4), &(!claims.zz == 1, claims.count == 5))',
  ],
  [
    '((claims.flag == true ? true : false) ? true : false) && true',
    'false',
    '(claims.flag == true ? true : false) ? true : false',
  ],
  [
    '(claims.flag == false && claims.count == 4) == true',
    'false',
    '(claims.flag == false && claims.count == 4) == true',
  ],
  ["claims.environment == ')' // (\n", 'false', "claims.environment == ')'"],
  // One test wanted both ways is no way out.
  ['(claims.zz == 1 && !(claims.zz == 1)) || claims.count == 4', 'error', 'claims.count == 4'],
];

const tests: readonly (readonly [text: string, test: FailedLeaf['test'], negated: boolean])[] = [
  ['claims.environment == "prod"', 'equals', false],
  ['"prod" == claims.environment', 'equals', false],
  ['claims.environment != "staging"', 'equals', true],
  ['!(claims.environment == "staging")', 'equals', true],
  ['!(claims.environment != "prod")', 'equals', false],
  ['claims.environment in ["a", "b"]', 'one_of', false],
  ['!(claims.environment in ["staging"])', 'one_of', true],
  ['claims.ref.startsWith("refs/tags/")', 'prefix', false],
  ['claims.ref.endsWith("main")', 'suffix', false],
  ['claims.ref.contains("main")', 'contains', false],
  ['claims.ref.matches("main")', 'pattern', false],
  ['has(claims.zz)', 'present', false],
  ['"zz" in claims', 'present', false],
  ['!has(claims.ref)', 'present', true],
  ['claims.count > 5', 'compare', false],
  ['"admin" in claims.groups', 'list', false],
  ['claims.groups.exists(g, g == "admin")', 'list', false],
  ['claims.flag && true', 'other', false],
  ['url(claims.ref).path == "/a"', 'equals', false],
];

describe('explain', () => {
  for (const [text, state, expected] of shapes) {
    it(`blames ${expected || 'nothing'} for ${text}`, () => {
      const explanation = explained(text);
      expect(explanation.state).to.equal(state);
      expect(shape(explanation)).to.equal(expected);
    });
  }

  it('gives a leaf its place, values and error', () => {
    const text = 'claims.repository == "acme/infra" && claims.environment == "production"';
    expect(explained(text)).to.deep.equal({
      state: 'false',
      blame: {
        atom: 'claims.environment == "production"',
        range: [37, 71],
        want: true,
        got: 'false',
        uses: [{ claim: 'claims.environment', value: 'staging' }],
        err: null,
        test: 'equals',
        negated: false,
      },
    });
  });

  it('keeps the parentheses of a leaf in its place and text', () => {
    const text = 'claims.count == 3 && ((claims.flag == true) == true)';
    const { range, atom } = leafOf(text);
    expect(text.slice(...range))
      .to.equal(atom)
      .and.to.equal('(claims.flag == true) == true');
  });

  const uses: readonly (readonly [text: string, uses: BlamedLeaf['uses']])[] = [
    ['claims.zz == 1', [{ claim: 'claims.zz', missing: true }]],
    ['claims.repository.zz == 1', [{ claim: 'claims.repository.zz', missing: true }]],
    ['claims.nothing == 1', [{ claim: 'claims.nothing', value: null }]],
    ['claims.nested["a-b"].c == "e"', [{ claim: 'claims.nested["a-b"].c', value: 'd' }]],
    ['claims["https://x/"].id == "8"', [{ claim: 'claims["https://x/"].id', value: '7' }]],
    [
      'claims.nested == claims.groups',
      [
        { claim: 'claims.nested', value: { 'a-b': { c: 'd' } } },
        { claim: 'claims.groups', value: ['dev', 'ops'] },
      ],
    ],
    ['claims.count > claims.count', [{ claim: 'claims.count', value: 3 }]],
    [
      'claims.groups[0] == claims.ref',
      [
        { claim: 'claims.groups', value: ['dev', 'ops'] },
        { claim: 'claims.ref', value: 'refs/heads/dev' },
      ],
    ],
    ['has(claims.zz)', [{ claim: 'claims.zz', missing: true }]],
    ['"zz" in claims', [{ claim: 'claims.zz', missing: true }]],
    ['size(claims) == 1', []],
    [
      'claims.groups.all(g, g == claims.ref)',
      [
        { claim: 'claims.groups', value: ['dev', 'ops'] },
        { claim: 'claims.ref', value: 'refs/heads/dev' },
      ],
    ],
  ];
  for (const [text, expected] of uses) {
    it(`names what is read by ${text}`, () => expect(leafOf(text).uses).to.deep.equal(expected));
  }

  it('keeps claims that look like prototypes', () => {
    const { blame } = explained('claims.a == 1', JSON.parse('{"a":{"__proto__":{"b":1}}}'));
    expect(JSON.stringify(blame)).to.include('{"__proto__":{"b":1}}');
  });

  it('shortens long values', () => {
    const { blame } = explained('claims.a == "b" && claims.c == "d"', {
      a: 'x'.repeat(9_000),
      c: ['y'.repeat(9_000)],
    });
    expect(JSON.stringify(blame).length).to.be.lessThan(1_500);
  });

  it('says how each item of a list fared, twenty at most', () => {
    const { items } = leafOf('claims.groups.exists(g, g == "admin")');
    expect(items).to.deep.equal({ total: 2, results: ['false', 'false'] });
    expect(leafOf('claims.nested.all(key, key == "x")').items).to.deep.equal({
      total: 1,
      results: ['false'],
    });
    expect(leafOf('claims.zz.all(key, key == "x")').items).to.equal(undefined);
    const { blame } = explained('claims.a.all(n, n.size() < 3)', {
      a: [...Array.from({ length: 29 }, () => 'ab'), 'abc', 7],
    });
    expect(blame).to.have.property('items').that.includes({ total: 31 });
    expect(blame).to.have.nested.property('items.results').with.length(20);
  });

  it('blames the whole condition when only the trace runs out of steps', () => {
    const test = 'claims.a.exists(x, claims.b.size() < 0)';
    const text = `(claims.c == 1 && ${test}) || ${test}`;
    const claims = { a: Array.from({ length: 90 }, () => 1), b: 'x'.repeat(8_000), c: 2 };
    const explanation = explained(text, claims);
    expect(explanation).to.have.property('state', 'false');
    expect(explanation.blame).to.include({ atom: text, got: 'false', err: null });
  });

  it('blames the whole condition when its steps are used up', () => {
    const text = 'claims.a.exists(x, claims.b.size() < 0 || claims.b.size() < 0)';
    const explanation = explained(text, { a: Array.from({ length: 200 }, () => 1), b: 'x'.repeat(8_000) });
    expect(explanation).to.have.property('state', 'error');
    expect(explanation.blame).to.include({ atom: text, err: 'too_expensive' });
  });
});

describe('callerProjection', () => {
  for (const [text, test, negated] of tests) {
    it(`calls ${text} ${negated ? 'not ' : ''}${test}`, () => {
      const [leaf] = callerProjection(explained(text));
      expect(leaf).to.include({ test, negated });
    });
  }

  it('shows the own values of the caller and nothing of the condition', () => {
    const text =
      'claims.environment == "production" && claims.zz in ["secret-a", "secret-b"] && !(claims["https://x/"].id == "7")';
    expect(callerProjection(explained(text))).to.deep.equal([
      { claims: [{ claim: 'environment', value: 'staging' }], test: 'equals', negated: false },
      { claims: [{ claim: 'zz', missing: true }], test: 'one_of', negated: false },
      { claims: [{ claim: '["https://x/"].id', value: '7' }], test: 'equals', negated: true },
    ]);
  });

  it('is empty for an allowed request', () => {
    expect(callerProjection(explained('true'))).to.deep.equal([]);
  });

  it('has at most 16 leaves and 80 characters a value', () => {
    const text = Array.from({ length: 30 }, (_, index) => `claims.a == "${index}"`).join(' || ');
    const leaves = callerProjection(explained(text, { a: 'x'.repeat(500) }));
    expect(leaves).to.have.length(16);
    expect(leaves[0]?.claims).to.deep.equal([{ claim: 'a', value: 'x'.repeat(80) }]);
    const [list] = callerProjection(explained('claims.a == "b"', { a: ['x'.repeat(500)] }));
    expect(list?.claims).to.deep.equal([{ claim: 'a', value: `["${'x'.repeat(78)}` }]);
  });
});

describe('sentences', () => {
  it('are empty for an allowed request', () => expect(sentences(explained('true'))).to.deep.equal([]));

  it('say what must hold', () => {
    const text =
      '(claims.environment == "production" || claims.zz == 1) && !(claims.count == 3) && url(claims.spiffe).path == "/" && false';
    expect(sentences(explained(text))).to.deep.equal([
      'every one of these must hold:',
      '  at least one of these must hold:',
      '    ✗ claims.environment == "production"   [claims.environment = "staging"]',
      '    ✗ claims.zz == 1   [claims.zz is not in the token]',
      '  ✗ must NOT hold: claims.count == 3   [claims.count = 3]',
      '  ✗ url(claims.spiffe).path == "/"   [claims.spiffe could not be read (unsafe_path)]',
      '  ✗ false',
    ]);
  });

  it('say what failed when no claim is read', () => {
    expect(sentences(explained('int("x") == 1'))).to.deep.equal([
      '✗ int("x") == 1   [could not be read (int_conversion_error)]',
    ]);
  });
});
