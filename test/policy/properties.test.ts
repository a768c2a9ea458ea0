import { expect } from 'chai';
import fc from 'fast-check';
import { normalizeClaims } from '../../src/policy/claims.ts';
import { compile, evaluate } from '../../src/policy/condition.ts';
import { callerProjection, explain, sentences } from '../../src/policy/explain.ts';
import { limits } from '../../src/policy/limits.ts';
import type { Blame } from '../../src/policy/model.ts';
import { effectiveRoles } from '../../src/policy/scope.ts';
import { canonicalAddress, compileSources } from '../../src/policy/source-ip.ts';
import { splitUrl } from '../../src/policy/url.ts';
import { claimsOf, conditionOf } from './support.ts';

/** Constants that no claim name contains, so that finding one in an answer proves a leak. */
const constants = ['kqa', 'kqb', 'kqc/d', 'KQA', 'kqé'];
const names = ['a', 'b', 'list', 'nested', 'odd-name', 'missing'];

const constant = fc.constantFrom(...constants);
const scalar = fc.oneof(
  constant,
  fc.constantFrom('own', '', '1'),
  fc.boolean(),
  fc.integer({ min: -3, max: 3 }),
  fc.constant(null),
);
const claimSet = fc.record(
  {
    a: fc.oneof(scalar, fc.array(constant, { maxLength: 3 })),
    b: scalar,
    list: fc.oneof(fc.array(scalar, { maxLength: 4 }), scalar),
    nested: fc.oneof(fc.record({ x: scalar }, { requiredKeys: [] }), scalar),
    'odd-name': scalar,
  },
  { requiredKeys: [] },
);

const path = fc.constantFrom(
  ...names.map((name) => `claims["${name}"]`),
  'claims.nested.x',
  'claims.a',
  'claims.b',
);
const literal = constant.map((text) => JSON.stringify(text));
const leaf = fc.oneof(
  fc.tuple(path, fc.constantFrom('==', '!=', '<', '>='), literal).map((parts) => parts.join(' ')),
  fc.tuple(literal, path).map((parts) => parts.join(' == ')),
  fc.tuple(path, path).map((parts) => parts.join(' == ')),
  fc.tuple(path, fc.array(literal, { maxLength: 3 })).map(([left, list]) => `${left} in [${list}]`),
  fc.tuple(literal, path).map((parts) => parts.join(' in ')),
  fc
    .tuple(path, fc.constantFrom('startsWith', 'endsWith', 'contains', 'matches'), literal)
    .map(([receiver, method, argument]) => `${receiver}.${method}(${argument})`),
  fc
    .tuple(path, fc.constantFrom('all', 'exists', 'exists_one'), literal)
    .map(([range, macro, value]) => `${range}.${macro}(v, v == ${value})`),
  fc.constantFrom('a', 'b', 'nested.x', 'missing').map((name) => `has(claims.${name})`),
  fc.constantFrom(...names).map((name) => `"${name}" in claims`),
  fc.constantFrom('claims.a.size() > 1', 'claims.b == 1', 'claims.b == true', 'url(claims.a).path == "kqa"'),
  fc.constantFrom('true', 'false'),
  path.map((flag) => `(${flag} && true)`),
);

/** Conditions of every shape that explanations split, and some that they do not. */
const { conditionText } = fc.letrec<{ conditionText: string }>((tie) => {
  const inner = tie('conditionText').map((text) => `(${text})`);
  return {
    conditionText: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.tuple(inner, inner).map((parts) => parts.join(' && ')),
      fc.tuple(inner, inner).map((parts) => parts.join(' || ')),
      fc.tuple(inner, inner, inner).map((parts) => parts.join(' && ')),
      inner.map((text) => `!${text}`),
      fc.tuple(inner, inner, inner).map(([test, yes, no]) => `${test} ? ${yes} : ${no}`),
      inner.map((text) => `${text} == true`),
    ),
  };
});

const accepted = conditionText.filter((text) => compile(text).ok);

/** fast-check throws with seed and path of a failure, and mocha prints them. */
function holds<Values extends [unknown, ...unknown[]]>(
  numRuns: number,
  arbitraries: { [Index in keyof Values]: fc.Arbitrary<Values[Index]> },
  check: (...values: Values) => void,
): void {
  fc.assert(fc.property(...arbitraries, check), { numRuns });
}

/** One way out of a denial: the wished result of each leaf, by its place. */
function choose(blame: Blame, pick: () => number, fix: Map<string, boolean>): void {
  if (!('need' in blame)) fix.set(blame.range.join(), blame.want);
  else if (blame.need === 'all') for (const part of blame.of) choose(part, pick, fix);
  else choose(blame.of[pick() % blame.of.length] ?? blame, pick, fix);
}

function applyFix(text: string, fix: ReadonlyMap<string, boolean>): string {
  return [...fix]
    .map(([range, want]) => [...range.split(',').map(Number), want] as [number, number, boolean])
    .sort(([left], [right]) => right - left)
    .reduce((fixed, [start, end, want]) => `${fixed.slice(0, start)} ${want} ${fixed.slice(end)}`, text);
}

describe('policy properties', function () {
  this.timeout(60_000);

  it('property: compile never throws and always says why', () => {
    const token = fc.constantFrom(
      ...'claims . [ ] ( ) == && || ! ? : in has matches "a" \'b\' r"\\d" 1 2.5 0x1 -3 + - * { } , size exists x true null // \n `'.split(
        ' ',
      ),
    );
    const texts = fc.oneof(
      fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join(' ')),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    holds(6_000, [texts], (text) => {
      const compiled = compile(text);
      if (!compiled.ok) expect(compiled.problems).not.to.be.empty;
    });
  });

  it('property: an answer is allowed exactly when the program yields true', () => {
    holds(3_000, [accepted, claimSet], (text, json) => {
      const condition = conditionOf(text);
      let result: unknown;
      try {
        result = condition.run(claimsOf(json));
      } catch {
        result = undefined;
      }
      expect(evaluate(condition, claimsOf(json)).allow).to.equal(result === true);
    });
  });

  it('property: the state of the explanation is what the engine said', () => {
    const states = {
      OK: 'true',
      CONDITION_FALSE: 'false',
      CONDITION_ERROR: 'error',
      CONDITION_NOT_BOOL: 'error',
    };
    let whole = 0;
    holds(6_000, [accepted, claimSet], (text, json) => {
      const condition = conditionOf(text);
      const claims = claimsOf(json);
      const explanation = explain(condition, claims);
      expect(explanation.state).to.equal(states[evaluate(condition, claims).code]);
      expect(explanation.blame === undefined).to.equal(explanation.state === 'true');
      if (explanation.blame !== undefined && 'atom' in explanation.blame && explanation.blame.atom === text)
        whole += 1;
      expect(sentences(explanation).length > 0).to.equal(explanation.blame !== undefined);
    });
    expect(whole, 'few conditions are explained as a whole').to.be.lessThan(3_000);
  });

  it('property: every way out of a denial makes the condition true', () => {
    let denials = 0;
    holds(6_000, [accepted, claimSet, fc.infiniteStream(fc.nat(7))], (text, json, picks) => {
      const claims = claimsOf(json);
      const { blame } = explain(conditionOf(text), claims);
      if (blame === undefined) return;
      denials += 1;
      const fix = new Map<string, boolean>();
      choose(blame, () => picks.next().value ?? 0, fix);
      const fixed = applyFix(text, fix);
      expect(evaluate(conditionOf(fixed), claims).allow, `${fixed} with ${JSON.stringify(json)}`).to.equal(
        true,
      );
    });
    expect(denials).to.be.greaterThan(1_000);
  });

  it('property: callers read no constant of the condition but their own values', () => {
    holds(10_000, [accepted, claimSet], (text, json) => {
      const leaves = callerProjection(explain(conditionOf(text), claimsOf(json)));
      const shown = JSON.stringify(leaves);
      const own = JSON.stringify(json);
      expect(leaves.length).to.be.at.most(limits.callerLeaves);
      for (const value of constants) {
        if (shown.includes(value)) expect(own, `${value} of ${text}`).to.include(value);
      }
      for (const { claims } of leaves) {
        for (const use of claims) {
          if (use.claim in json)
            expect(use).to.deep.equal({ claim: use.claim, value: Reflect.get(json, use.claim) });
        }
      }
    });
  });

  it('property: a further && never grants, a further || never takes', () => {
    holds(3_000, [accepted, accepted, claimSet], (left, right, json) => {
      const claims = claimsOf(json);
      const allows = (text: string): boolean => {
        const compiled = compile(text);
        return compiled.ok && evaluate(compiled.condition, claims).allow;
      };
      if (allows(`(${left}) && (${right})`)) {
        expect(allows(left) && allows(right)).to.equal(true);
      }
      if (allows(left) && compile(`(${left}) || (${right})`).ok) {
        expect(allows(`(${left}) || (${right})`)).to.equal(true);
      }
    });
  });

  it('property: a condition and its negation never both allow', () => {
    holds(3_000, [accepted, claimSet], (text, json) => {
      const negated = compile(`!(${text})`);
      if (!negated.ok) return;
      const claims = claimsOf(json);
      const both = evaluate(conditionOf(text), claims).allow && evaluate(negated.condition, claims).allow;
      expect(both).to.equal(false);
    });
  });

  it('property: claims that look like prototypes change no decision about others', () => {
    const hostile = fc.dictionary(
      fc.constantFrom('__proto__', 'constructor', 'toString', 'get', 'size'),
      scalar,
    );
    holds(3_000, [accepted, claimSet, hostile], (text, json, extra) => {
      const condition = conditionOf(text);
      const withExtra = Object.fromEntries([...Object.entries(json), ...Object.entries(extra)]);
      expect(evaluate(condition, claimsOf(withExtra))).to.deep.equal(evaluate(condition, claimsOf(json)));
    });
  });

  it('property: normalising stays within its bounds and loses nothing', () => {
    const plain = (value: unknown): unknown => {
      if (value instanceof Map)
        return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
      return Array.isArray(value) ? value.map(plain) : value;
    };
    const measure = (value: unknown): { depth: number; values: number } => {
      const members = value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : [];
      const inner = members.map(measure);
      return {
        depth: Math.max(0, ...inner.map(({ depth }) => depth + 1)),
        values: inner.reduce((sum, { values }) => sum + values, inner.length),
      };
    };
    const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 8 }), { maxKeys: 600, size: 'large' });
    let refused = 0;
    holds(150, [json], (value) => {
      const normalized = normalizeClaims(value);
      if (!normalized.ok) {
        refused += 1;
        return;
      }
      const { depth, values } = measure(normalized.claims);
      expect(depth).to.be.at.most(limits.claimDepth);
      expect(values).to.be.at.most(limits.claimValues);
      expect(JSON.stringify(plain(normalized.claims))).to.equal(JSON.stringify(value));
    });
    expect(refused).to.be.within(5, 145);
  });

  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((text) => `::ffff:${text}`),
  );
  const near = fc.constantFrom(0n, 1n, 1n << 8n, 1n << 20n, 1n << 31n, 1n << 64n, 1n << 127n);

  it('property: address ranges match as arithmetic on whole numbers says', () => {
    let allowed = 0;
    holds(
      10_000,
      [address, fc.nat(128), address, near, fc.boolean()],
      (base, bits, other, distance, useNear) => {
        const network = numberOf(base);
        const prefix = bits % (network.width + 1);
        const hostBits = BigInt(network.width - prefix);
        const first = (network.value >> hostBits) << hostBits;
        const cidr = `${textOf(first, network.width)}/${prefix}`;
        const compiled = compileSources([cidr]);
        if (!compiled.ok) throw new Error(`${cidr} ${JSON.stringify(compiled.problems)}`);
        const peerText = useNear
          ? textOf((first ^ distance) % (1n << BigInt(network.width)), network.width)
          : other;
        const peer = numberOf(peerText);
        const expected = peer.width === network.width && peer.value >> hostBits === first >> hostBits;
        if (expected) allowed += 1;
        expect(compiled.sources.allows(peerText), `${peerText} in ${cidr}`).to.equal(expected);
      },
    );
    expect(allowed).to.be.greaterThan(1_000);
  });

  it('property: an address has one canonical spelling, which means the same address', () => {
    holds(5_000, [address], (text) => {
      const spelling = canonicalAddress(text);
      if (spelling === undefined) throw new Error(text);
      expect(canonicalAddress(spelling)).to.equal(spelling);
      expect(numberOf(spelling)).to.deep.equal(numberOf(text));
    });
  });

  it('property: text that is no address is never allowed', () => {
    const compiled = compileSources(['0.0.0.0/0', '::/0']);
    const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdef.:/%x '), maxLength: 24 });
    holds(5_000, [text], (value) => {
      const isAddress = canonicalAddress(value) !== undefined;
      expect(compiled.ok && compiled.sources.allows(value)).to.equal(isAddress);
      if (isAddress) expect(value).to.match(/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/);
    });
  });

  it('property: URLs split as RFC 3986 appendix B does, or not at all', () => {
    const reference = /^(([^:/?#]+):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?/;
    const piece = fc.constantFrom(
      'spiffe',
      'https',
      '://',
      ':',
      '/',
      '//',
      '..',
      '.',
      'td',
      'a',
      '?',
      '#',
      '@',
      '%2e',
      '\\',
      ' ',
      '[::1]',
      '8443',
      '\u0000',
    );
    let accepted = 0;
    holds(10_000, [fc.array(piece, { maxLength: 10 }), fc.boolean()], (pieces, prefixed) => {
      const text = (prefixed ? 'spiffe://' : '') + pieces.join('');
      const split = splitUrl(text);
      if (!split.ok) return;
      accepted += 1;
      const { scheme, host, port, path, query, fragment } = split.url;
      const match = reference.exec(text);
      expect([scheme, path, query, fragment]).to.deep.equal(
        [2, 5, 7, 9].map((index) => match?.[index] ?? ''),
      );
      expect([`${host}:${port}`, host]).to.include(match?.[4]);
      expect(text).not.to.match(/[%\\\s]|\p{Cc}/u);
      expect(host).not.to.include('@');
      expect(path).not.to.match(/\/\.{0,2}\/|\/\.{1,2}$/);
    });
    expect(accepted).to.be.greaterThan(1_000);
  });

  it('property: scoping never adds a role', () => {
    const roles = fc.array(fc.constantFrom('a', 'b', 'c', 'd'));
    holds(2_000, [roles, roles], (held, scoped) => {
      const effective = effectiveRoles(held, scoped);
      const expected = [...new Set(held)].filter((role) => scoped.length === 0 || scoped.includes(role));
      expect(effective.ok ? effective.roleIds : []).to.deep.equal(expected);
      expect(effective.ok).to.equal(scoped.length === 0 || expected.length > 0);
    });
  });
});

/** The reference: an address as one whole number, IPv4-mapped IPv6 as IPv4. */
function numberOf(text: string): { value: bigint; width: 32 | 128 } {
  if (!text.includes(':')) return { value: foldBytes(text), width: 32 };
  const dotted = /[^:]+\.[^:]+$/.exec(text)?.[0];
  const tail = dotted === undefined ? [] : [foldBytes(dotted) >> 16n, foldBytes(dotted) & 0xffffn];
  const [head = '', rest] = text.slice(0, text.length - (dotted?.length ?? 0)).split('::');
  const groups = (part = ''): bigint[] =>
    part.split(':').flatMap((group) => (group === '' ? [] : [BigInt(`0x${group}`)]));
  const end = [...groups(rest), ...tail];
  const begin = groups(head);
  const all =
    rest === undefined
      ? [...begin, ...end]
      : [...begin, ...Array<bigint>(8 - begin.length - end.length).fill(0n), ...end];
  const value = all.reduce((sum, group) => (sum << 16n) | group, 0n);
  return value >> 32n === 0xffffn ? { value: value & 0xffffffffn, width: 32 } : { value, width: 128 };
}

function foldBytes(dotted: string): bigint {
  return dotted.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function textOf(value: bigint, width: 32 | 128): string {
  const size = width === 32 ? 8n : 16n;
  const words = Array.from({ length: width === 32 ? 4 : 8 }, (_, index) => {
    const word = (value >> (BigInt(width) - size * BigInt(index + 1))) & ((1n << size) - 1n);
    return word.toString(width === 32 ? 10 : 16);
  });
  return words.join(width === 32 ? '.' : ':');
}
