import { expect } from 'chai';
import { canonicalAddress, compileSources, type Sources } from '../../src/policy/source-ip.ts';
import { elapsedMs } from './support.ts';

function sourcesOf(...cidrs: string[]): Sources {
  const compiled = compileSources(cidrs);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.sources;
}

const canonical: readonly (readonly [cidr: string, expected: string])[] = [
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['10.1.2.3', '10.1.2.3/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8::/32', '2001:db8::/32'],
  ['2001:0db8:0:0:0:0:0:1', '2001:db8::1/128'],
  ['::/0', '::/0'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['::ffff:a00:1', '10.0.0.1/32'],
  ['::ffff:10.0.0.1/128', '10.0.0.1/32'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['64:ff9b::10.0.0.1/128', '64:ff9b::a00:1/128'],
];

const refused: readonly string[] = [
  '',
  '10.0.0.1/8',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/8/8',
  '10.0.0.0/',
  '10.0.0.0/255.0.0.0',
  '/8',
  '10.0.0/8',
  '10/8',
  '127.1',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '2130706433',
  '1.2.3.4.5',
  '256.0.0.1',
  ' 10.0.0.1',
  '10.0.0.1 ',
  '10.0.0.1\n',
  '2001:db8::1/32',
  '2001:db8::/129',
  '2001:db8:::/32',
  '1:2:3:4:5:6:7:8:9',
  '12345::',
  '1:2:3:4::5:6:7:8',
  '1::2::3',
  'fe80::1%eth0',
  'fe80::1%1/128',
  '::ffff:0177.0.0.1',
  '::ffff:1.2.3',
  '::ffff:10.0.0.1/104',
  '::ffff:0:0/95',
  '[::1]',
  'localhost',
  '*',
];

const matches: readonly (readonly [cidrs: string[], address: string, allowed: boolean])[] = [
  [[], '10.0.0.1', true],
  [[], 'garbage', true],
  [['10.0.0.0/8'], '10.255.255.255', true],
  [['10.0.0.0/8'], '11.0.0.0', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], '::ffff:a01:203', true],
  [['10.0.0.0/8'], '::10.1.2.3', false],
  [['::ffff:10.0.0.0/104'], '10.1.2.3', true],
  [['192.0.2.128/25'], '192.0.2.127', false],
  [['192.0.2.128/25'], '192.0.2.128', true],
  [['0.0.0.0/0'], '255.255.255.255', true],
  [['0.0.0.0/0'], '::1', false],
  [['::/0'], '10.0.0.1', false],
  [['::/0'], '::ffff:10.0.0.1', false],
  [['::/0'], '2001:db8::1', true],
  [['2001:db8::/33'], '2001:db8:7fff::1', true],
  [['2001:db8::/33'], '2001:db8:8000::1', false],
  [['2001:db8::1', '10.0.0.1'], '2001:DB8:0::0:1', true],
  [['10.0.0.1'], 'garbage', false],
  [['0.0.0.0/0'], '10.1', false],
  [['0.0.0.0/0'], '010.0.0.1', false],
  [['0.0.0.0/0'], '10.0.0.1:80', false],
  [['0.0.0.0/0'], '', false],
  [['fe80::/10'], 'fe80::1%eth0', false],
  [['::/0'], `${'0'.repeat(100)}::1`, false],
];

describe('source addresses', () => {
  for (const [cidr, expected] of canonical) {
    it(`writes ${cidr} as ${expected}`, () => expect(sourcesOf(cidr).cidrs).to.deep.equal([expected]));
  }

  for (const value of refused) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      const compiled = compileSources(['10.0.0.0/8', value]);
      expect(compiled.ok ? [] : compiled.problems.map((problem) => problem.value)).to.deep.equal([value]);
    });
  }

  it('names every problem', () => {
    const compiled = compileSources(['10.0.0.1/8', '::ffff:0:0/95', 'x', '10.0.0.0/40']);
    expect(compiled.ok ? [] : compiled.problems.map(({ why }) => why)).to.deep.equal([
      'bits are set beyond the prefix of 8',
      'an IPv4-mapped network needs a prefix of at least 96',
      'not an address or network in CIDR notation',
      'the prefix is longer than 32',
    ]);
  });

  for (const [cidrs, address, allowed] of matches) {
    it(`${allowed ? 'allows' : 'does not allow'} ${JSON.stringify(address.slice(0, 40))} by [${cidrs}]`, () => {
      expect(sourcesOf(...cidrs).allows(address)).to.equal(allowed);
    });
  }

  it('gives one spelling for one address', () => {
    for (const text of ['::ffff:192.0.2.1', '::FFFF:c000:201', '192.0.2.1']) {
      expect(canonicalAddress(text)).to.equal('192.0.2.1');
    }
    expect(canonicalAddress('2001:DB8:0:0:1:0:0:1')).to.equal('2001:db8::1:0:0:1');
    for (const text of ['192.0.2.01', '192.0.2', '192.0.2.1/32', 'fe80::1%eth0', 'x']) {
      expect(canonicalAddress(text), text).to.equal(undefined);
    }
  });

  it('checks an address against 32 networks in about a microsecond', () => {
    const networks = Array.from({ length: 16 }, (_, index) => [
      `10.${index}.0.0/16`,
      `2001:db8:${index}::/48`,
    ]);
    const sources = sourcesOf(...networks.flat());
    expect(sources.cidrs).to.have.length(32);
    for (const address of ['192.0.2.1', '2001:db9::1']) {
      const many = () => {
        for (let count = 0; count < 20_000; count += 1) sources.allows(address);
      };
      many();
      const microseconds = Math.min(elapsedMs(many), elapsedMs(many), elapsedMs(many)) / 20;
      if (process.env['POLICY_FIGURES']) console.log(address, microseconds, 'µs');
      expect(microseconds, address).to.be.lessThan(5);
    }
  });
});
