// Names that lead inside, by way of real DNS: our resolver asks a name server of the test's own, and what it learns is
// checked before anything is dialled. The machine would answer on every loopback address.
import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t, { type Test } from "tap";
import { makeResolver } from "../../runtime/adapters/system/resolver.ts";
import { parseNetworkRule } from "../../runtime/model/allowlist.ts";
import { chain, type Dns, type DnsRecord, makeDns, type RecordKind, type Zone } from "./dns.ts";
import { makeEgress, makeMachine, outcome, outside } from "./loopback.ts";

const never = () => new AbortController().signal;

/** A zone in which each name has these addresses. */
function zoneOf(addresses: Record<string, readonly string[]>): Zone {
  return (name, kind) => {
    const wanted = (addresses[name] ?? []).filter((address) => address.includes(":") === (kind === "AAAA"));
    return Object.hasOwn(addresses, name) ? wanted.map((data) => ({ name, kind, data })) : "nxdomain";
  };
}

async function worldOf(t: Test, zone: Zone) {
  const machine = await makeMachine(t);
  const dns = await makeDns(t, zone);
  const resolver = makeResolver({ servers: [dns.server] });
  const names = new Proxy({}, { get: (_all, host: string) => () => resolver.resolve(host, never()) });
  const world = makeEgress(t, machine, { names });
  const at = (host: string) => outcome(world, machine, `http://${host}:${machine.port}/`);
  return { machine, dns, world, at };
}

t.test("[NET-16] a name that leads inside is refused, and the log has both name and address", async (t) => {
  for (const address of ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "fe80::1"]) {
    const { machine, world } = await worldOf(t, zoneOf({ "api.partner.test": [address] }));
    const error = await world.refusal(`http://api.partner.test:${machine.port}/a?b=c`);
    t.match(error, { code: "address_private", message: /api\.partner\.test/ });
    t.notMatch(error.message, address, "the guest learns no address");
    t.match((error as { target?: string }).target, `api.partner.test:${machine.port}/a at "${address}"`);
    t.equal(machine.arrivals.length, 0, "dial=0");
  }
  const { at } = await worldOf(t, zoneOf({ "api.partner.test": [outside.api] }));
  t.equal(await at("api.partner.test"), outside.api, "the same way works for an address outside");
});

t.test("[NET-17] a chain of aliases is judged by the address at its end, however long it is", async (t) => {
  const end =
    (address: string, links: number): Zone =>
    (name, kind) => {
      return kind === "A" ? chain(name, links, address, "A") : [];
    };
  for (const links of [1, 3, 100]) {
    const { at, machine, dns } = await worldOf(t, end("127.0.0.1", links));
    t.equal(await at("api.partner.test"), "address_private", `${links} aliases`);
    t.equal(machine.arrivals.length, 0, "dial=0");
    t.ok(dns.asked.length <= 4, "asked at once, then once more by TCP: no alias is chased");
  }
  const { at } = await worldOf(t, end(outside.api, 3));
  t.equal(await at("api.partner.test"), outside.api, "the twin: a chain that leads outside");
});

t.test("[NET-17] aliases that lead nowhere end: loops, themselves, and chains cut off in the middle", async (t) => {
  const alias = (from: string, to: string): DnsRecord => ({ name: from, kind: "CNAME", data: to });
  const zones: Record<string, (name: string, kind: RecordKind) => DnsRecord[]> = {
    "a loop of two": (name) => [alias(name, "b.chain.test"), alias("b.chain.test", name)],
    itself: (name) => [alias(name, name)],
    dangling: (name) => [alias(name, "gone.chain.test")],
    "a hundred without an end": (name, kind) => chain(name, 100, "127.0.0.1", kind === "A" ? "A" : "AAAA").slice(0, -1),
  };
  for (const [label, zone] of Object.entries(zones)) {
    const { at, machine, dns } = await worldOf(t, zone);
    t.equal(await at("api.partner.test"), "resolve_failed", label);
    t.equal(machine.arrivals.length, 0, "dial=0");
    t.ok(dns.asked.length <= 4, `${dns.asked.length} questions`);
  }
});

t.test("[NET-18] a name that changes its answer between check and dial is dialled where it was checked", async (t) => {
  const answers = [outside.api, "127.0.0.1"];
  const { at, dns, machine } = await worldOf(t, (name, kind) => {
    return kind === "A" ? [{ name, kind, data: answers.shift() ?? "127.0.0.1" }] : [];
  });
  t.equal(await at("api.partner.test"), outside.api);
  t.equal(await at("api.partner.test"), outside.api, "and so is the next request of the run");
  t.equal(
    dns.asked.filter((each) => each === "A api.partner.test").length,
    1,
    "there was no second question to answer",
  );
  t.ok(machine.arrivals.every(({ address }) => address === outside.api));
});

t.test("[NET-19] one answer inside makes the whole name one that leads inside", async (t) => {
  const mixed = [
    [outside.api, "127.0.0.1"],
    ["127.0.0.1", outside.api],
    [outside.api, "::1"],
    ["93.184.215.14", "fd00::1"],
    [outside.api, outside.other, "10.0.0.1"],
  ];
  for (const answers of mixed) {
    const { at, machine } = await worldOf(t, zoneOf({ "api.partner.test": answers }));
    t.equal(await at("api.partner.test"), "address_private", answers.join(", "));
    t.equal(machine.arrivals.length, 0, "dial=0");
  }
  const { at } = await worldOf(t, zoneOf({ "api.partner.test": [outside.api, outside.other] }));
  t.equal(await at("api.partner.test"), outside.api, "two outside are fine");
});

t.test("[NET-32] no name below an allowed one is asked for: names carry nothing out", async (t) => {
  const { at, dns, world, machine } = await worldOf(t, zoneOf({ "api.partner.test": [outside.api] }));
  for (let index = 0; index < 200; index += 1) {
    t.equal(await at(`canary-7f3a9d-${index}.api.partner.test`), "not_allowed");
  }
  t.strictSame(dns.asked, [], "DNS has heard of none");
  t.equal(machine.arrivals.length, 0);
  t.equal(parseNetworkRule("GET http://*.api.partner.test/*").ok, false, "no rule has a wildcard");
  const error = await world.refusal(`http://canary.api.partner.test:${machine.port}/`);
  t.match((error as { target?: string }).target, "canary.api.partner.test", "each is a denial with its name");
  await at("api.partner.test");
  await at("api.partner.test");
  t.strictSame(
    [...dns.asked].sort(),
    ["A api.partner.test", "AAAA api.partner.test"],
    "an allowed name is asked once a run",
  );
});

t.test(
  "[NET-33] names that a search list, mDNS or this machine would complete: no rule takes them, none is asked",
  async (t) => {
    const { at, dns, machine } = await worldOf(t, () => "nxdomain");
    const relative = [
      "localhost",
      "localhost.",
      "a.localhost",
      "intranet",
      "metadata",
      "printer.local",
      "wpad",
      "db.svc.cluster.local",
    ];
    for (const host of relative) {
      t.equal(await at(host), "not_allowed", host);
      t.equal(parseNetworkRule(`GET http://${host}/*`).ok, false, `${host} is no rule's host`);
    }
    t.strictSame([dns.asked.length, machine.arrivals.length], [0, 0]);
  },
);

const noBubblewrap = spawnSync("bwrap", ["--version"]).status === 0 ? false : "bubblewrap isn't here";
t.test(
  "[NET-33] hosts file, search domains and aliases mean nothing to the resolver",
  { skip: noBubblewrap },
  async (t) => {
    const dns = await makeDns(t, zoneOf({ "api.partner.test": ["192.0.2.1"] }));
    const found = await inAnotherMachine(t, dns);
    t.strictSame(found.resolver, ["192.0.2.1"], "what DNS says");
    t.equal(found.system, "127.0.0.9", "the twin: the system's own lookup does read that file");
    t.ok(
      dns.asked.every((each) => each.endsWith(" api.partner.test")),
      dns.asked.join(", "),
    );
  },
);

/** Both resolvers, asked where /etc/hosts and resolv.conf are the test's, and the environment tries to help. */
async function inAnotherMachine(t: Test, { server }: Dns): Promise<{ resolver: string[]; system: string }> {
  const directory = t.testdir({
    hosts: "127.0.0.9 api.partner.test api.partner.test.evil.test\n",
    "resolv.conf": "search evil.test\noptions ndots:15\nnameserver 127.0.0.1\n",
    aliases: "api evil.test\n",
  });
  const module = new URL("../../runtime/adapters/system/resolver.ts", import.meta.url).href;
  writeFileSync(
    join(directory, "ask.mjs"),
    `import { lookup } from "node:dns/promises";
     import { makeResolver } from ${JSON.stringify(module)};
     const resolver = await makeResolver({ servers: [${JSON.stringify(server)}] }).resolve("api.partner.test", new AbortController().signal);
     console.log(JSON.stringify({ resolver, system: (await lookup("api.partner.test")).address }));`,
  );
  const files = ["hosts", "resolv.conf"].flatMap((name) => ["--ro-bind", join(directory, name), `/etc/${name}`]);
  const env = { PATH: process.env.PATH ?? "", LOCALDOMAIN: "evil.test", HOSTALIASES: join(directory, "aliases") };
  const command = ["--dev-bind", "/", "/", ...files, process.execPath, "--no-warnings", join(directory, "ask.mjs")];
  const said = promisify(execFile)("bwrap", command, { env: { ...env, RES_OPTIONS: "ndots:15" } });
  return JSON.parse((await said).stdout);
}

t.test(
  "what stands for the Internet here is granted, not a switch: without the grant loopback is inside",
  async (t) => {
    const machine = await makeMachine(t);
    const world = makeEgress(t, machine, { privateAddresses: [] });
    t.equal(await outcome(world, machine, `http://api.partner.test:${machine.port}/`), "address_private");
    t.equal(machine.arrivals.length, 0, "dial=0");
  },
);
