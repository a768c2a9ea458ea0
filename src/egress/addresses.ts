/** The only way out of the process: which addresses may be connected to, and one guarded GET. */

import ipaddr from 'ipaddr.js';

export type AddressRule = (address: string) => boolean;

/** Global unicast of IPv6: leaves out mapped, compatible, NAT64, unique-local and site-local space at once. */
const globalIpv6 = ipaddr.parseCIDR('2000::/3');
/** The platform address of one cloud: public by number, internal by nature. */
const cloudPlatform = '168.63.129.16';

/** Whether an address belongs to the public internet. Text that is no address is not public. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast' || address.toString() === cloudPlatform) return false;
  return address.kind() === 'ipv4' || address.match(globalIpv6);
}

export function isLoopbackAddress(text: string): boolean {
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback';
}

/** Compiles the operator's exceptions. Throws on text that is no CIDR, so that a typo stops the start. */
export function compileNetworks(cidrs: readonly string[]): AddressRule {
  const networks = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return networks.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
    );
  };
}

/** The host of a parsed URL if it is an address in itself: a resolver is never asked about those (J1). */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return ipaddr.isValid(bare) ? bare : undefined;
}
