import ipaddr from 'ipaddr.js';

export interface Sources {
  /** Canonical: a bare address has its full prefix, an IPv4-mapped range is IPv4. */
  readonly cidrs: readonly string[];
  /** An empty list allows every address; otherwise text that is no address is not allowed. */
  allows(address: string): boolean;
}

export interface SourceProblem {
  readonly value: string;
  readonly why: string;
}

/** Big-endian words: four of 8 bits (IPv4) or eight of 16 (IPv6). */
type Address = readonly number[];

interface Network {
  readonly words: Address;
  readonly masks: Address;
  readonly text: string;
}

/** Compiles an address allowlist; problems name every entry that is not one exact address or network. */
export function compileSources(
  cidrs: readonly string[],
): { ok: true; sources: Sources } | { ok: false; problems: readonly SourceProblem[] } {
  const networks: Network[] = [];
  const problems: SourceProblem[] = [];
  for (const value of cidrs) {
    const parsed = parseNetwork(value);
    if (typeof parsed === 'string') problems.push({ value, why: parsed });
    else networks.push(parsed);
  }
  if (problems.length > 0) return { ok: false, problems };
  const allows = (address: string): boolean => {
    if (networks.length === 0) return true;
    const words = parseAddress(address);
    return words !== undefined && networks.some((network) => contains(network, words));
  };
  return { ok: true, sources: { cidrs: networks.map(({ text }) => text), allows } };
}

/** One spelling per address (RFC 5952), IPv4-mapped IPv6 as IPv4; `undefined` for zone ids, octal, short and any other form. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : formatAddress(address);
}

/** A network, or why the text is none. */
function parseNetwork(text: string): Network | string {
  const [, addressText = '', prefixText] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const written = parseLiteral(addressText);
  if (written === undefined) return 'not an address or network in CIDR notation';
  const words = unmap(written);
  const bits = words.length === 4 ? 32 : 128;
  const lost = words === written ? 0 : 96;
  const prefix = prefixText === undefined ? bits : Number(prefixText) - lost;
  if (prefix < 0) return 'an IPv4-mapped network needs a prefix of at least 96';
  if (prefix > bits) return `the prefix is longer than ${bits + lost}`;
  const masks = masksOf(words.length, bits / words.length, prefix);
  if (words.some((word, index) => (word & (masks[index] ?? 0)) !== word)) {
    return `bits are set beyond the prefix of ${prefix + lost}`;
  }
  return { words, masks, text: `${formatAddress(words)}/${prefix}` };
}

function masksOf(count: number, width: number, prefix: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const ones = Math.min(Math.max(prefix - index * width, 0), width);
    return 2 ** width - 2 ** (width - ones);
  });
}

function contains({ words, masks }: Network, address: Address): boolean {
  if (words.length !== address.length) return false;
  for (let index = 0; index < words.length; index += 1) {
    if (((address[index] ?? 0) & (masks[index] ?? 0)) !== words[index]) return false;
  }
  return true;
}

function parseAddress(text: string): Address | undefined {
  const address = parseLiteral(text);
  return address === undefined ? undefined : unmap(address);
}

/** Six groups and a dotted tail. */
const longestAddress = 45;

/**
 * Reads the two standard forms only. Not ipaddr.js: it takes octal, short and hexadecimal IPv4 and zone ids, reads `::192.0.2.1`
 * as the mapped `::ffff:192.0.2.1`, and is several times slower.
 */
function parseLiteral(text: string): Address | undefined {
  if (text.length > longestAddress) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

const dotted = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

function parseIpv4(text: string): Address | undefined {
  const words = dotted.exec(text)?.slice(1).map(Number);
  return words?.every((word) => word <= 255) === true ? words : undefined;
}

function parseIpv6(text: string): Address | undefined {
  const [head = '', tail, ...more] = text.split('::');
  const before = parseGroups(head, tail === undefined);
  const after = parseGroups(tail ?? '', true);
  if (more.length > 0 || before === undefined || after === undefined) return undefined;
  const zeros = 8 - before.length - after.length;
  if (tail === undefined) return zeros === 0 ? before : undefined;
  return zeros > 0 ? [...before, ...new Array<number>(zeros).fill(0), ...after] : undefined;
}

const group = /^[0-9a-f]{1,4}$/i;

/** Groups between colons; the last one of an address may be a dotted IPv4 address, which makes two. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  const words: number[] = [];
  const parts = text === '' ? [] : text.split(':');
  for (const [index, part] of parts.entries()) {
    if (group.test(part)) words.push(Number.parseInt(part, 16));
    else {
      const [a, b, c, d] = (endsAddress && index === parts.length - 1 && parseIpv4(part)) || [];
      if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined;
      words.push(a * 256 + b, c * 256 + d);
    }
  }
  return words;
}

/** IPv4-mapped IPv6 (`::ffff:0:0/96`) is the IPv4 address itself; the same array for any other address. */
function unmap(address: Address): Address {
  const isMapped =
    address.length === 8 && address[5] === 0xffff && address.slice(0, 5).every((word) => word === 0);
  return isMapped ? address.slice(6).flatMap((word) => [word >> 8, word & 255]) : address;
}

function formatAddress(address: Address): string {
  return address.length === 4 ? address.join('.') : new ipaddr.IPv6([...address]).toRFC5952String();
}
