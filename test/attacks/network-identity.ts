/** Attacks by the address a caller seems to have: N1–N3 of security.md. */

import { formRequest, type RawRequest } from '../gateway.ts';
import { exchangeForm } from '../scene.ts';
import { honestToken, type Target } from './target.ts';

/** Proxies the gateway trusts; every test connection itself comes from 127.0.0.1. */
export const proxySets = {
  none: [],
  peer: ['127.0.0.1/32'],
  chain: ['127.0.0.1/32', '10.0.0.0/8', '2001:db8:ffff::/48'],
} as const;

export interface NetworkAttack {
  readonly id: string;
  readonly threat: string;
  readonly title: string;
  readonly proxies: keyof typeof proxySets;
  readonly allow: readonly string[];
  /** Values of `X-Forwarded-For`, one header each. */
  readonly forwarded: readonly string[];
  readonly otherHeaders: readonly (readonly [string, string])[];
  /** What the audit must name as the source. */
  readonly source: string;
}

const office = ['203.0.113.0/24'];
const inside = '203.0.113.7';

type Row = readonly [
  title: string,
  proxies: NetworkAttack['proxies'],
  allow: readonly string[],
  forwarded: readonly string[],
  source: string,
  otherHeaders?: NetworkAttack['otherHeaders'],
];

const rows = (prefix: string, threat: string, entries: readonly Row[]): NetworkAttack[] =>
  entries.map(([title, proxies, allow, forwarded, source, otherHeaders = []], index) => ({
    id: `${prefix}-${String(index + 1).padStart(2, '0')}`,
    threat,
    title,
    proxies,
    allow,
    forwarded,
    otherHeaders,
    source,
  }));

const spoofed = rows('xff', 'N1', [
  ['no proxy is trusted: the header counts for nothing', 'none', office, [inside], '127.0.0.1'],
  ['no proxy is trusted: a list', 'none', office, [`${inside}, 127.0.0.1`], '127.0.0.1'],
  ['the leftmost entry is the attacker’s word', 'peer', office, [`${inside}, 198.51.100.9`], '198.51.100.9'],
  [
    'an entry written before the real one, as a header of its own',
    'peer',
    office,
    [inside, '198.51.100.9'],
    '198.51.100.9',
  ],
  [
    'three entries before the real one',
    'peer',
    office,
    [`${inside},${inside},${inside},198.51.100.9`],
    '198.51.100.9',
  ],
  [
    'an untrusted hop hides what stands left of it',
    'chain',
    office,
    [`${inside}, 198.51.100.9, 10.0.0.1`],
    '198.51.100.9',
  ],
  [
    'a private address outside the chain ends the walk',
    'chain',
    office,
    [`${inside}, 192.168.0.1, 10.0.0.1`],
    '192.168.0.1',
  ],
  ['garbage ends the walk', 'chain', office, [`${inside}, garbage, 10.0.0.1`], '10.0.0.1'],
  ['garbage at the right end', 'peer', office, [`${inside}, garbage`], '127.0.0.1'],
  ['an empty entry ends the walk', 'peer', office, [`${inside},`], '127.0.0.1'],
  ['an empty header', 'peer', office, [''], '127.0.0.1'],
  ['“unknown”', 'peer', office, [`${inside}, unknown`], '127.0.0.1'],
  ['an address with a port', 'peer', office, [`${inside}:443`], '127.0.0.1'],
  ['an address in brackets', 'peer', ['2001:db8::/32'], ['[2001:db8::1]'], '127.0.0.1'],
  ['quotes', 'peer', office, [`"${inside}"`], '127.0.0.1'],
  ['octal', 'peer', office, ['0313.0.0161.07'], '127.0.0.1'],
  ['a decimal number', 'peer', office, ['3405803783'], '127.0.0.1'],
  ['hexadecimal', 'peer', office, ['0xcb007107'], '127.0.0.1'],
  ['a short form', 'peer', office, ['203.0.28935'], '127.0.0.1'],
  ['leading zeros', 'peer', office, ['203.0.113.007'], '127.0.0.1'],
  ['full-width digits', 'peer', office, ['%EF%BC%92'], '127.0.0.1'],
  ['a network instead of an address', 'peer', office, ['203.0.113.0/24'], '127.0.0.1'],
  ['X-Real-IP', 'peer', office, [], '127.0.0.1', [['X-Real-IP', inside]]],
  ['Forwarded', 'peer', office, [], '127.0.0.1', [['Forwarded', `for=${inside}`]]],
  [
    'X-Client-IP and True-Client-IP',
    'peer',
    office,
    [],
    '127.0.0.1',
    [
      ['X-Client-IP', inside],
      ['True-Client-IP', inside],
    ],
  ],
  ['a host that looks like an address', 'peer', office, [`${inside}.evil.example`], '127.0.0.1'],
]);

const spellings = rows('addr', 'N2', [
  ['a mapped address of another network', 'peer', office, ['::ffff:198.51.100.9'], '198.51.100.9'],
  ['a mapped address in hexadecimal', 'peer', office, ['::ffff:c633:6409'], '198.51.100.9'],
  ['a compatible address is no IPv4 address', 'peer', office, [`::${inside}`], '::cb00:7107'],
  ['a NAT64 address is no IPv4 address', 'peer', office, ['64:ff9b::cb00:7107'], '64:ff9b::cb00:7107'],
  ['a zone id', 'peer', ['fe80::/10'], ['fe80::1%eth0'], '127.0.0.1'],
  ['one past the end of the network', 'peer', ['203.0.113.0/25'], ['203.0.113.128'], '203.0.113.128'],
  [
    'one before the start of the network',
    'peer',
    ['2001:db8:1::/48'],
    ['2001:db8:0:ffff::1'],
    '2001:db8:0:ffff::1',
  ],
  ['an IPv6 address against all of IPv4', 'peer', ['0.0.0.0/0'], ['2001:db8::1'], '2001:db8::1'],
  ['an IPv4 address against all of IPv6', 'peer', ['::/0'], ['198.51.100.9'], '198.51.100.9'],
]);

export const networkAttacks: readonly NetworkAttack[] = [...spoofed, ...spellings];

/** An honest token, through a trust that the row's own addresses guard. */
export async function requestOf(
  { allow, forwarded, otherHeaders }: NetworkAttack,
  { scene, principalId, providerId, lab }: Target,
): Promise<RawRequest> {
  const trust = await scene.trust(principalId, providerId, { allowSourceCidrs: allow });
  const headers = forwarded.map((value) => ['X-Forwarded-For', value] as const);
  return formRequest(exchangeForm(trust, honestToken(lab)), [...headers, ...otherHeaders]);
}
