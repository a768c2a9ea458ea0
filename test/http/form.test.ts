import { expect } from 'chai';
import fc from 'fast-check';
import { parseForm } from '../../src/http/form.ts';
import { GatewayError } from '../../src/kernel/errors.ts';

const runs = { numRuns: 1_000 };

/** Names and values as honest clients have them: any text but NUL and lone surrogates; names without brackets. */
const value = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0'));
const name = value.filter((text) => !/[[\]]/.test(text));
const form = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 60 });

/** Honest clients send no `&` between nothing and nothing. */
const encode = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([key, text]) => `${encodeURIComponent(key)}=${encodeURIComponent(text)}`).join('&');

function refusal(text: string): unknown {
  try {
    return parseForm(text);
  } catch (error) {
    return error;
  }
}

describe('http/form', () => {
  const accepted: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    '': [],
    'a=b': [['a', 'b']],
    a: [['a', '']],
    'a=': [['a', '']],
    '=a': [['', 'a']],
    'a=b=c': [['a', 'b=c']],
    'a=b+c%20d%2B': [['a', 'b c d+']],
    '%61=b&A=c': [
      ['a', 'b'],
      ['A', 'c'],
    ],
    'a=%E2%82%AC': [['a', '€']],
    '__proto__=x&constructor=y': [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ],
  };
  for (const [text, pairs] of Object.entries(accepted)) {
    it(`reads ${JSON.stringify(text)}`, () => {
      expect([...parseForm(text)]).to.deep.equal(pairs);
    });
  }

  const refused = [
    'a=1&a=1',
    'a=1&%61=2',
    'a&a',
    'a[]=1',
    'a%5B0%5D=1',
    'a=%',
    'a=%zz',
    'a=%c3',
    'a=%ED%A0%80',
    'a=\u00e9',
    'a=b c',
    'a=b\n',
    'a=%00',
    '%00=a',
    '&a=1&',
    Array.from({ length: 65 }, (_, index) => `a${index}`).join('&'),
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(() => parseForm(text)).to.throw(GatewayError, 'invalid_request');
    });
  }

  it('names a repeated parameter only when its name is harmless', () => {
    const sentence = (text: string): string => (refusal(text) as GatewayError).sentence;
    expect(sentence('client_id=1&client_id=2')).to.contain('client_id');
    expect(sentence('%3Cscript%3E=1&%3Cscript%3E=2')).not.to.contain('script');
  });

  it('property: decoding undoes encoding', () => {
    fc.assert(
      fc.property(form, (pairs) => {
        expect([...parseForm(encode(pairs))]).to.deep.equal(pairs);
      }),
      runs,
    );
  });

  it('property: agrees with URLSearchParams on what it accepts', () => {
    fc.assert(
      fc.property(form, (pairs) => {
        const text = new URLSearchParams(pairs).toString();
        expect([...parseForm(text)]).to.deep.equal([...new URLSearchParams(text)]);
      }),
      runs,
    );
  });

  it('property: refuses every repeated name, wherever it stands and however it is escaped', () => {
    fc.assert(
      fc.property(form, name, value, value, fc.nat(), fc.nat(), (pairs, key, first, second, at, too) => {
        const rest = pairs.filter(([other]) => other !== key).map((pair) => encode([pair]));
        const escaped = Buffer.from(key).toString('hex').replace(/../g, '%$&');
        rest.splice(at % (rest.length + 1), 0, encode([[key, first]]));
        rest.splice(too % (rest.length + 1), 0, `${escaped}=${encodeURIComponent(second)}`);
        expect(refusal(rest.join('&'))).to.be.instanceOf(GatewayError);
      }),
      runs,
    );
  });

  it('property: any text is parsed into single strings or refused as invalid_request', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: fc.constantFrom('&', '=', '%', '+', 'a', 'b', '2', '[', ']', '.'), maxLength: 40 }),
    );
    fc.assert(
      fc.property(text, (raw) => {
        const outcome = refusal(raw);
        if (outcome instanceof Map) {
          for (const [key, item] of outcome)
            expect([key, item].join('')).to.be.a('string').not.to.contain('\0');
          return;
        }
        expect(outcome).to.be.instanceOf(GatewayError).and.to.include({ code: 'invalid_request' });
      }),
      runs,
    );
  });
});
