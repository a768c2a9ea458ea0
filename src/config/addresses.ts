import { BlockList, isIP } from 'node:net';

/** Questions that settings ask about address ranges. Who may connect is decided elsewhere, never with these. */

interface Range {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

function parseRange(cidr: string): Range | undefined {
  const match = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(cidr);
  const [, address = '', digits = ''] = match ?? [];
  const version = isIP(address);
  const prefix = Number(digits);
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return undefined;
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export function isCidr(text: string): boolean {
  return parseRange(text) !== undefined;
}

/** Whether the range is a whole address family: trusting it means trusting everybody. */
export function isEverything(cidr: string): boolean {
  return parseRange(cidr)?.prefix === 0;
}

function listOf(...ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges) list.addSubnet(address, prefix, family);
  return list;
}

/** Addresses that reach this machine itself; a connection to 0.0.0.0 or :: does as well. */
const loopback = listOf(
  { address: '127.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '0.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '::', prefix: 128, family: 'ipv6' },
  { address: '::1', prefix: 128, family: 'ipv6' },
);

/** Whether the range and the loopback addresses share an address, IPv4-mapped forms included. */
export function touchesLoopback(cidr: string): boolean {
  const range = parseRange(cidr);
  if (range === undefined) return false;
  if (loopback.check(range.address, range.family)) return true;
  const list = listOf(range);
  return (
    list.check('127.0.0.1', 'ipv4') || list.check('::1', 'ipv6') || list.check('::ffff:127.0.0.1', 'ipv6')
  );
}

/** Whether a URL's host name (brackets allowed) can only mean this machine. */
export function isLoopbackHost(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const version = isIP(bare);
  if (version === 0) return bare === 'localhost' || bare.endsWith('.localhost');
  return loopback.check(bare, version === 4 ? 'ipv4' : 'ipv6');
}
