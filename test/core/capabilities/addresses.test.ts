// Which addresses are special: every block of the IANA registries at both ends and in the middle, and every way in which
// one address is written inside another.
import { BlockList } from "node:net";
import t from "tap";
import {
  addressInBlock,
  blockBounds,
  canonicalAddress,
  classifyAddress,
  parseCidr,
  specialPurposeBlocks,
} from "../../../runtime/model/addresses.ts";

// Written down a second time, so that a block that falls out of the tables is missed here.
const IANA = `0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
255.255.255.255/32 224.0.0.0/4 ::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
2001::/23 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28
2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10
ff00::/8`.split(/\s+/);

t.test("no block of the registries is public, at its first, middle or last address", async (t) => {
  for (const text of IANA) {
    const block = parseCidr(text);
    if (block === undefined) throw new Error(`the test's own list: ${text}`);
    const { first, last } = blockBounds(block);
    const middle = block.prefixBits < 128 && block.prefixBits !== 32 ? middleOf(first, last) : first;
    for (const address of [first, middle, last]) {
      t.equal(classifyAddress(address).kind, "special", `${address} of ${text}`);
    }
  }
});

function middleOf(first: string, last: string): string {
  if (!first.includes(":")) {
    const [a, b] = [first, last].map((text) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0));
    const middle = Math.floor(((a ?? 0) + (b ?? 0)) / 2);
    return [24, 16, 8, 0].map((shift) => Math.floor(middle / 2 ** shift) % 256).join(".");
  }
  return last.replace(/ffff$/, "7fff");
}

t.test("the neighbours of a block are public where the registries say nothing of them", async (t) => {
  const open =
    "9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 172.15.255.255 " +
    "172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 8.8.8.8 2606:4700::1111 " +
    "2a00:1450::1 2001:200:: 2003:: 2001:4860:4860::8888";
  for (const address of open.split(" ")) t.strictSame(classifyAddress(address), { kind: "public" }, address);
});

t.test("IPv6 outside 2000::/3 is special without being in any table", async (t) => {
  for (const address of ["4000::1", "1fff:ffff::1", "8000::", "f000::1", "400::1"]) {
    t.match(classifyAddress(address), { kind: "special", name: "outside 2000::/3" }, address);
  }
});

t.test(
  "an IPv4 address inside an IPv6 one is special in every wrapping, where net.BlockList sees some as open",
  async (t) => {
    const wrapped = [
      "::ffff:127.0.0.1",
      "::ffff:8.8.8.8",
      "::127.0.0.1",
      "::808:808",
      "64:ff9b::7f00:1",
      "64:ff9b::8.8.8.8",
      "64:ff9b:1::a00:1",
      "2002:7f00:1::",
      "2001:0:1:2:3:4:5:6",
      "2606:4700::5efe:127.0.0.1",
      "2606:4700:1:2:200:5efe:a00:1",
    ];
    for (const address of wrapped) t.equal(classifyAddress(address).kind, "special", address);
    const nodes = new BlockList();
    nodes.addSubnet("127.0.0.0", 8, "ipv4");
    t.notOk(nodes.check("::127.0.0.1", "ipv6"), "the reason why it isn't used");
  },
);

t.test("metadata services are named as what they are", async (t) => {
  for (const address of ["169.254.169.254", "fd00:ec2::254"]) {
    t.match(classifyAddress(address), { kind: "special", name: "cloud metadata" });
  }
  t.equal(classifyAddress("168.63.129.16").kind, "special");
});

t.test("what is no address fails closed", async (t) => {
  const none = [
    "",
    "localhost",
    "127.1",
    "0177.0.0.1",
    "2130706433",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "fe80::1%eth0",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "1.2.3.4::",
    "12345::",
    "[::1]",
    " 8.8.8.8",
    "::1:2:3:4:5:6:7:8",
  ];
  for (const text of none) t.strictSame(classifyAddress(text).kind, "special", text);
  t.match(classifyAddress("8.8.8.8 "), { name: "not an IP address" });
});

t.test("one address has one spelling", async (t) => {
  const spellings: Record<string, string> = {
    "0:0:0:0:0:0:0:1": "::1",
    "::0": "::",
    "2001:DB8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "::ffff:127.0.0.1": "::ffff:7f00:1",
    "[2001:db8::1]": "2001:db8::1",
    "1:0:2:3:4:5:6:7": "1:0:2:3:4:5:6:7",
    "10.1.2.3": "10.1.2.3",
  };
  for (const [text, expected] of Object.entries(spellings)) t.equal(canonicalAddress(text), expected);
  t.equal(canonicalAddress("api.partner.test"), undefined);
});

t.test("a block with bits beyond its prefix, or of no form, is none", async (t) => {
  for (const text of [
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0",
    "::/129",
    "2001:db8::1/32",
    "10.0.0.0/08",
    "/8",
    "10.0.0.0/-1",
    "a/8",
  ]) {
    t.equal(parseCidr(text), undefined, text);
  }
  t.equal(parseCidr("0.0.0.0/0")?.prefixBits, 0);
  t.equal(parseCidr("FD00::/8")?.text, "fd00::/8");
});

t.test("a block of one family holds no address of the other, wrapped or not", async (t) => {
  const loopback = parseCidr("127.0.0.0/8");
  const all6 = parseCidr("::/0");
  if (loopback === undefined || all6 === undefined) throw new Error("no blocks");
  t.ok(addressInBlock("127.255.255.255", loopback));
  t.notOk(addressInBlock("128.0.0.0", loopback));
  t.notOk(addressInBlock("::ffff:127.0.0.1", loopback));
  t.notOk(addressInBlock("127.0.0.1", all6));
  t.notOk(addressInBlock("nothing", all6));
});

t.test("every block of the tables has a name", async (t) => {
  for (const { block, name } of specialPurposeBlocks) t.ok(name.length > 2, block.text);
});
