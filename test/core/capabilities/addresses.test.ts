// Which addresses are special: every block of the IANA registries at both ends and in the middle, and every way in which
// one address is written inside another.
import { BlockList } from "node:net";
import t from "tap";
import {
  addressInBlock,
  blockBounds,
  type Cidr,
  canonicalAddress,
  classifyAddress,
  parseCidr,
  specialPurposeBlocks,
} from "../../../runtime/model/addresses.ts";
import { denies, orders, partner } from "./egress-world.ts";
import { registries } from "./iana-blocks.ts";

t.test("[NET-05] no block of the registries is public, at its first, middle or last address", async (t) => {
  for (const [text, name, source] of registries) {
    const block = parseCidr(text);
    if (block === undefined) throw new Error(`the test's own list: ${text}`);
    const { first, last } = blockBounds(block);
    for (const address of [first, middleOf(block), last]) {
      t.ok(addressInBlock(address, block), `${address} lies in ${text}`);
      t.equal(classifyAddress(address).kind, "special", `${address} of ${text}, ${name} (${source})`);
    }
  }
});

t.test("[NET-05] a name that answers with the edge of any block is refused, and nothing is dialled", async (t) => {
  for (const [text] of registries) {
    const block = parseCidr(text);
    if (block === undefined) throw new Error(text);
    const { first, last } = blockBounds(block);
    for (const address of [first, middleOf(block), last]) {
      const names = { "api.partner.test": [address] };
      await denies(t, { ...partner, names }, "address_private", orders);
    }
  }
});

/** The address half-way between its bounds. */
function middleOf({ family, base, prefixBits }: Cidr): string {
  const hostBits = BigInt((family === 4 ? 32 : 128) - prefixBits);
  const value = base + (1n << hostBits) / 2n;
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  return groups.map((group) => group.toString(16)).join(":");
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
