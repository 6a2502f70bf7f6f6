import { BlockList, isIP } from 'node:net';

/**
 * Addresses that no stranger's URL may make us talk to: loopback, private, link-local, shared, multicast, reserved and
 * documentation ranges, by IANA's special-purpose registries (RFC 6890 and its successors).
 */
const NOT_PUBLIC: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];
/** Prefixes that carry an IPv4 address, and where its two groups begin: mapped, NAT64, 6to4. */
const CARRIERS: readonly (readonly [string, number, number])[] = [
  ['::ffff:0:0', 96, 6],
  ['64:ff9b::', 96, 6],
  ['2002::', 16, 1],
];

/** True when the address is one of the public internet. Anything that is no address is not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  if (family === 4) return !blocks(NOT_PUBLIC).check(address, 'ipv4');
  for (const [prefix, bits, group] of CARRIERS) {
    if (blocks([[prefix, bits, 'ipv6']]).check(address, 'ipv6')) return isPublicAddress(carried(address, group));
  }
  return !blocks(NOT_PUBLIC).check(address, 'ipv6');
}

function blocks(ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [prefix, bits, family] of ranges) list.addSubnet(prefix, bits, family);
  return list;
}

/** The IPv4 address in two groups of an IPv6 one. */
function carried(address: string, first: number): string {
  const groups = expand(new URL(`http://[${address}]`).hostname.slice(1, -1));
  const [high, low] = [groups[first] ?? 0, groups[first + 1] ?? 0];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** All eight groups; takes the URL standard's form, which has no dots. */
function expand(address: string): readonly number[] {
  const [head = '', tail] = address.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [parse(head), parse(tail ?? '')];
  return [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}
