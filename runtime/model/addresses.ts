// Which IP addresses are special: the IANA special-purpose registries as tables, and the reading of address texts.
// It answers what an address is; whether a run may dial it is core/capabilities/network.ts's decision.
// `public` is what is left over, so that an address which nobody thought of is special.
//
// Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), IPv6 Global Unicast Allocations
// (2000::/3, RFC 4291), RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP).

export interface Cidr {
  /** Canonical, e.g. `10.0.0.0/8`. */
  text: string;
  family: 4 | 6;
  /** First address as a number of 32 or 128 bits. */
  base: bigint;
  prefixBits: number;
}

export type AddressClass = { kind: "public" } | { kind: "special"; block: string; name: string };

interface Address {
  family: 4 | 6;
  value: bigint;
}

/** `block name`, the narrower block first where two hold an address. */
const SPECIAL_IPV4 = [
  ["0.0.0.0/8", "this network"],
  ["10.0.0.0/8", "private use"],
  ["100.64.0.0/10", "shared address space"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "cloud platform's own service"], // in no registry: Azure's host, reachable from every guest there
  ["169.254.169.254/32", "cloud metadata"],
  ["169.254.0.0/16", "link local"],
  ["172.16.0.0/12", "private use"],
  ["192.0.0.0/24", "IETF protocol assignments"],
  ["192.0.2.0/24", "documentation"],
  ["192.31.196.0/24", "AS112"],
  ["192.52.193.0/24", "automatic multicast tunnelling"],
  ["192.88.99.0/24", "6to4 relay, deprecated"],
  ["192.168.0.0/16", "private use"],
  ["192.175.48.0/24", "AS112 direct delegation"],
  ["198.18.0.0/15", "benchmarking"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255/32", "limited broadcast"],
  ["240.0.0.0/4", "reserved"],
] as const;

const SPECIAL_IPV6 = [
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["::ffff:0:0/96", "IPv4-mapped"],
  ["::/96", "IPv4-compatible, deprecated"],
  ["64:ff9b::/96", "NAT64"],
  ["64:ff9b:1::/48", "NAT64, local use"],
  ["100::/64", "discard only"],
  ["100:0:0:1::/64", "dummy prefix"],
  ["2001::/32", "Teredo"],
  ["2001:2::/48", "benchmarking"],
  ["2001:10::/28", "ORCHID, deprecated"],
  ["2001:20::/28", "ORCHIDv2"],
  ["2001:30::/28", "drone remote identification"],
  ["2001::/23", "IETF protocol assignments"],
  ["2001:db8::/32", "documentation"],
  ["2002::/16", "6to4"],
  ["2620:4f:8000::/48", "AS112 direct delegation"],
  ["3ffe::/16", "6bone, returned"],
  ["3fff::/20", "documentation"],
  ["5f00::/16", "segment routing"],
  ["fd00:ec2::254/128", "cloud metadata"],
  ["fc00::/7", "unique local"],
  ["fe80::/10", "link local"],
  ["fec0::/10", "site local, deprecated"],
  ["ff00::/8", "multicast"],
] as const;

const specialBlocks = [...SPECIAL_IPV4, ...SPECIAL_IPV6].map(([text, name]) => ({ block: known(text), name }));
const globalUnicast = known("2000::/3");

/** Blocks and names of the tables, for tests and for `explain`. */
export const specialPurposeBlocks: readonly { readonly block: Cidr; readonly name: string }[] = specialBlocks;

/** What an address is. A text that is no address is special: it fails closed. */
export function classifyAddress(text: string): AddressClass {
  const address = parseAddress(text);
  if (address === undefined) return { kind: "special", block: "none", name: "not an IP address" };
  for (const { block, name } of specialBlocks) {
    if (contains(block, address)) return { kind: "special", block: block.text, name };
  }
  if (address.family === 4) return { kind: "public" };
  if (!contains(globalUnicast, address)) return { kind: "special", block: "::/0", name: "outside 2000::/3" };
  // An ISATAP address may lie below any prefix; its interface identifier gives it away (RFC 5214, section 6.1).
  const identifier = (address.value >> 32n) & 0xfdff_ffffn;
  if (identifier === 0x5efen) return { kind: "special", block: "::5efe:0:0/96", name: "ISATAP" };
  return { kind: "public" };
}

/** A block whose bits beyond the prefix are zero; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9A-Fa-f:.]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = match === null ? undefined : parseAddress(match[1] ?? "");
  if (match === null || address === undefined) return undefined;
  const prefixBits = Number(match[2]);
  const hostBits = bitsOf(address.family) - prefixBits;
  if (hostBits < 0 || (address.value & ((1n << BigInt(hostBits)) - 1n)) !== 0n) return undefined;
  return { text: `${formatAddress(address)}/${prefixBits}`, family: address.family, base: address.value, prefixBits };
}

/** False for a text that is no address, and for an address of the other family: no wrapping is looked through. */
export function addressInBlock(text: string, block: Cidr): boolean {
  const address = parseAddress(text);
  return address !== undefined && contains(block, address);
}

/** First and last address of a block. */
export function blockBounds(block: Cidr): { first: string; last: string } {
  const size = 1n << BigInt(bitsOf(block.family) - block.prefixBits);
  return {
    first: formatAddress({ family: block.family, value: block.base }),
    last: formatAddress({ family: block.family, value: block.base + size - 1n }),
  };
}

/** The one spelling of an address (RFC 5952 without dotted tails), brackets taken off; undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text);
  return address === undefined ? undefined : formatAddress(address);
}

function contains(block: Cidr, address: Address): boolean {
  if (block.family !== address.family) return false;
  const hostBits = BigInt(bitsOf(block.family) - block.prefixBits);
  return address.value >> hostBits === block.base >> hostBits;
}

function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function parseAddress(text: string): Address | undefined {
  const value = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family: text.includes(":") ? 6 : 4, value };
}

/** Four decimal numbers without leading zeros: other spellings are the URL parser's business, and are gone by now. */
function parseIpv4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

/** RFC 4291, section 2.2, without zone. */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const dotted = mayEndDotted && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (dotted !== undefined) groups.push(Number(dotted >> 16n), Number(dotted & 0xffffn));
    else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function formatAddress(address: Address): string {
  if (address.family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 0xffn).join(".");
  }
  const groups = Array.from({ length: 8 }, (_, index) => Number((address.value >> BigInt(112 - 16 * index)) & 0xffffn));
  const gap = longestZeros(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (gap.length < 2) return text(groups);
  return `${text(groups.slice(0, gap.start))}::${text(groups.slice(gap.start + gap.length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}

function known(text: string): Cidr {
  const block = parseCidr(text);
  if (block === undefined) throw new RangeError(`no CIDR block: ${text}`);
  return block;
}
