// URLs that are one thing to whoever checks them and another to whoever dials them. Each is asked of a run that may reach
// api.partner.test alone, on a machine whose every loopback address would answer: what is refused was not dialled.
import t, { type Test } from "tap";
import { canonicalAddress, classifyAddress } from "../../runtime/model/addresses.ts";
import { type Machine, makeEgress, makeMachine, outcome, outside } from "./loopback.ts";

async function refusesAll(t: Test, code: string | RegExp, urls: (port: number) => readonly string[]): Promise<void> {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  for (const url of urls(machine.port)) t.match(await outcome(world, machine, url), code, JSON.stringify(url));
  t.equal(machine.arrivals.length, 0, "dial=0");
  t.strictSame(world.asked, [], "and no resolver was asked");
  await seesADial(t, machine);
}

/** The twin: the same machine, asked by a run that may, sees the dial. */
async function seesADial(t: Test, machine: Machine): Promise<void> {
  const allow = [`GET http://127.0.0.1:${machine.port}/*`];
  t.equal(await outcome(makeEgress(t, machine, { allow }), machine, `http://127.0.0.1:${machine.port}/`), "127.0.0.1");
}

const ipv4Spellings =
  "127.1 127.0.1 0177.0.0.1 0x7f.1 0x7f000001 2130706433 017700000001 0 0.0.0.0 127.0.0.1. 127.255.255.254";

t.test("[NET-03] no spelling of an IPv4 address leads inside", async (t) => {
  await refusesAll(t, "not_allowed", (port) => ipv4Spellings.split(" ").map((host) => `http://${host}:${port}/`));
  for (const host of ipv4Spellings.split(" ")) {
    const literal = canonicalAddress(new URL(`http://${host}/`).hostname) ?? "no address";
    t.match(classifyAddress(literal), { kind: "special", name: /loopback|this network/ }, `${host} is ${literal}`);
  }
});

t.test("[NET-03] a name that answers with any of these addresses is refused by the address itself", async (t) => {
  const machine = await makeMachine(t);
  const inside = ["127.0.0.1", "127.255.255.254", "0.0.0.0", "127.0.0.4"];
  for (const address of inside) {
    const world = makeEgress(t, machine, { names: { "api.partner.test": [address] } });
    t.equal(await outcome(world, machine, `http://api.partner.test:${machine.port}/`), "address_private", address);
  }
  t.equal(machine.arrivals.length, 0, "dial=0");
});

const ipv6Spellings = [
  ..."[::1] [0:0:0:0:0:0:0:1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::7f00:1]".split(" "),
  ..."[64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [64:ff9b:1:ffff::127.0.0.1] [2002:7f00:1::]".split(
    " ",
  ),
  ..."[2001::1] [2001:0:7f00:1::] [fec0::1] [fc00::1] [fd00::1] [fe80::1] [2606:4700::5efe:127.0.0.1]".split(" "),
];

t.test("[NET-04] no IPv6 address leads inside, and no IPv4 address in any of its wrappings", async (t) => {
  await refusesAll(t, "not_allowed", (port) => ipv6Spellings.map((host) => `http://${host}:${port}/`));
  const machine = await makeMachine(t);
  for (const host of ipv6Spellings) {
    const names = { "api.partner.test": [host.slice(1, -1)] };
    const world = makeEgress(t, machine, { names });
    t.equal(await outcome(world, machine, `http://api.partner.test:${machine.port}/`), "address_private", host);
  }
  t.equal(machine.arrivals.length, 0, "dial=0");
});

t.test("[NET-04] an address with a zone is no address", async (t) => {
  await refusesAll(t, "url_invalid", () => ["http://[fe80::1%25lo]/", "http://[fe80::1%lo]/", "http://[::1%251]/"]);
  t.match(classifyAddress("fe80::1%lo"), { kind: "special" }, "nor as an answer of DNS");
});

t.test("[NET-06] digits, dots and letters of other scripts: the same verdict as their ASCII form", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  const at = (host: string) => outcome(world, machine, `http://${host}:${machine.port}/`);
  const allowed = [
    "ⓐpi.partner.test",
    "api。partner.test",
    "api．partner．test",
    "ＡＰＩ.partner.test",
    "a\u00adpi.partner.test",
  ];
  for (const host of [...allowed, "%61pi.partner.test", "api%2epartner.test", "%EF%BC%A1pi.partner.test"]) {
    t.equal(await at(host), outside.api, host);
  }
  const inside = [
    "①②⑦.0.0.1",
    "127。0。0。1",
    "１２７.0.0.1",
    "127.0.0.%31",
    "127%2e0.0.1",
    "①②⑦.⓪.⓪.①",
    "loc\u00adalhost",
    "ⓛocalhost",
  ];
  for (const host of inside) t.equal(await at(host), "not_allowed", host);
  t.ok(
    machine.arrivals.every(({ address }) => address === outside.api),
    "nothing else was dialled",
  );
});

t.test("[NET-07] look-alikes of an allowed host are other hosts, and the log shows them as they are", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  const alike = [
    "\u0430pi.partner.test",
    "ap\u0456.partner.test",
    "api.p\u0430rtn\u0435r.test",
    "аpi.рartner.test",
    "api.pärtner.test",
  ];
  for (const host of alike) {
    for (const spelling of [host, new URL(`http://${host}/`).hostname]) {
      const error = await world.refusal(`http://${spelling}:${machine.port}/`);
      t.equal(error.code, "not_allowed", spelling);
      t.match((error as { target?: string }).target, "xn--", `${spelling} in the log`);
    }
  }
  t.equal(machine.arrivals.length, 0, "dial=0");
});

t.test("[NET-08] dots, case, empty and long labels: put into the one form, or refused", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  const at = (host: string) => outcome(world, machine, `http://${host}:${machine.port}/`);
  t.equal(await at("API.Partner.TEST"), outside.api, "case is one form");
  const others = [
    "api.partner.test.",
    "api..partner.test",
    ".api.partner.test",
    "api.partner.test..",
    "api_.partner.test",
  ];
  const long = [`${"a".repeat(64)}.partner.test`, `${"a".repeat(63)}.`.repeat(4).slice(0, 241).concat(".partner.test")];
  for (const host of [...others, ...long]) t.match(await at(host), /not_allowed|url_invalid/, host);
  t.ok(machine.arrivals.every(({ address }) => address === outside.api));
  t.equal(machine.arrivals.length, 1);
});

t.test("[NET-09] what stands before an @ is never the host, and never goes along", async (t) => {
  await refusesAll(t, "userinfo", (port) => [
    `http://api.partner.test@127.0.0.1:${port}/`,
    `http://api.partner.test:80@127.0.0.1:${port}/`,
    `http://user:password@api.partner.test:${port}/`,
    `http://user@api.partner.test:${port}/`,
    `http://@api.partner.test:${port}/`,
    `http://:@api.partner.test:${port}/`,
    `http:user@api.partner.test:${port}/`,
    `http://api.partner.test%40127.0.0.1@127.0.0.1:${port}/`,
  ]);
  await refusesAll(t, /path_ambiguous|not_allowed/, (port) => [
    `http://127.0.0.1:${port}\\@api.partner.test:${port}/`,
    `http://127.0.0.1:${port}#@api.partner.test:${port}/`,
    `http://127.0.0.1:${port}?@api.partner.test:${port}/`,
    `http://127.0.0.1:${port}/@api.partner.test:${port}/`,
  ]);
});

t.test("[NET-10] one parser: what it cleans away is refused, and what it reads is what is dialled", async (t) => {
  await refusesAll(t, /url_invalid|path_ambiguous|not_allowed/, (port) => [
    `http://api.part\tner.test:${port}/`,
    `http://api.partner\n.test:${port}/`,
    `ht\ntp://api.partner.test:${port}/`,
    `http://api.partner.test\0.127.0.0.1:${port}/`,
    `http://api.partner.test :${port}/`,
    ` http://api.partner.test:${port}/`,
    `http://api.partner.test:${port}/\0`,
    `//api.partner.test:${port}/`,
    `\\\\api.partner.test:${port}/`,
    `http:\\\\127.0.0.1:${port}\\`,
    `http:127.0.0.1:${port}/`,
    `http:///127.0.0.1:${port}/`,
    `http:////127.0.0.1:${port}/`,
  ]);
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  for (const start of ["http:", "http:/", "http:///", "HTTP://", "http:////"]) {
    t.equal(await outcome(world, machine, `${start}api.partner.test:${machine.port}/`), outside.api, start);
    t.match(machine.arrivals.at(-1)?.bytes, `host: api.partner.test:${machine.port}\r\n`);
  }
});

t.test("[NET-11] a name that begins or ends with the allowed one is another name", async (t) => {
  await refusesAll(t, "not_allowed", (port) =>
    [
      "evilapi.partner.test",
      "api.partner.test.evil",
      "x.api.partner.test",
      "partner.test",
      "api.partner.test.127.0.0.1.nip.test",
    ].map((host) => `http://${host}:${port}/`),
  );
  await refusesAll(t, "url_invalid", (port) => [
    `http://api.partner.test%00.evil:${port}/`,
    `http://api.partner.test%0a:${port}/`,
  ]);
});

t.test("[NET-12] a rule's port is the only one", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  for (const port of [machine.port + 1, 22, 25, 80, 443, 6379, 65_535]) {
    t.equal(await outcome(world, machine, `http://api.partner.test:${port}/`), "not_allowed", String(port));
  }
  for (const port of ["0", "65536", "99999", "-1", "1e3", "0x50"]) {
    t.equal(await outcome(world, machine, `http://api.partner.test:${port}/`), "url_invalid", port);
  }
  t.equal(await outcome(world, machine, "http://api.partner.test/"), "not_allowed", "the scheme's own");
  t.equal(machine.arrivals.length, 0, "dial=0");
  t.equal(
    await outcome(world, machine, `http://api.partner.test:000${machine.port}/`),
    outside.api,
    "zeros in front are no other port",
  );
  t.match(machine.arrivals[0]?.bytes, `host: api.partner.test:${machine.port}\r\n`);
});

t.test("[NET-13] a rule's scheme is the only one, upwards and downwards", async (t) => {
  await refusesAll(t, "not_allowed", (port) => [`https://api.partner.test:${port}/`]);
  const machine = await makeMachine(t);
  const allow = [`GET https://api.partner.test:${machine.port}/*`];
  const world = makeEgress(t, machine, { allow });
  t.equal(await outcome(world, machine, `http://api.partner.test:${machine.port}/`), "not_allowed");
  t.equal(machine.arrivals.length, 0, "dial=0");
});

t.test("[NET-14] no scheme but http and https", async (t) => {
  await refusesAll(t, "scheme", (port) => [
    "file:///etc/passwd",
    "data:text/plain,x",
    `blob:http://api.partner.test:${port}/1`,
    "javascript:1",
    `ftp://api.partner.test:${port}/`,
    `gopher://api.partner.test:${port}/_GET%20/`,
    `ws://api.partner.test:${port}/`,
    `wss://api.partner.test:${port}/`,
    "about:blank",
    `dict://api.partner.test:${port}/`,
    "ldap://api.partner.test/",
    "chrome://settings",
    "view-source:http://api.partner.test/",
  ]);
});

t.test("[NET-15] no URL names a unix socket, and none is connected to", async (t) => {
  await refusesAll(t, /scheme|url_invalid|not_allowed/, () => [
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "unix:/var/run/docker.sock",
    "unix:///var/run/docker.sock:/info",
    "http://unix:/var/run/docker.sock:/info",
    "http://%2Fvar%2Frun%2Fdocker.sock/info",
    "http://\0abstract/",
    "http:///var/run/docker.sock",
  ]);
});

t.test("[NET-22] the metadata services: in no spelling, and by no name", async (t) => {
  const spellings =
    "169.254.169.254 169.254.43518 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.169.254. [::ffff:169.254.169.254] " +
    "[::169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::] [fd00:ec2::254] [fd00:0ec2:0:0::0254] ①⑥⑨.254.169.254 " +
    "metadata.google.internal metadata metadata.goog instance-data 168.63.129.16 100.100.100.200 [fe80::a9fe:a9fe] [fd20:ce::254]";
  await refusesAll(t, "not_allowed", (port) =>
    spellings.split(" ").map((host) => `http://${host}:${port}/latest/meta-data/`),
  );
  const machine = await makeMachine(t);
  const answers = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "fe80::1",
    "fd20:ce::254",
  ];
  for (const answer of answers) {
    const names = { "api.partner.test": [answer] };
    const world = makeEgress(t, machine, { names });
    t.equal(await outcome(world, machine, `http://api.partner.test:${machine.port}/`), "address_private", answer);
  }
  t.equal(machine.arrivals.length, 0, "dial=0");
});

t.test("[NET-25] methods that tunnel, echo or frame otherwise are refused before anything is dialled", async (t) => {
  const machine = await makeMachine(t);
  const world = makeEgress(t, machine);
  const url = `http://api.partner.test:${machine.port}/`;
  for (const method of [
    "CONNECT",
    "TRACE",
    "TRACK",
    "connect",
    "trace",
    "patch",
    "BREW",
    "GE T",
    "GET ",
    "",
    "GET\r\nX: y",
    "GЕT",
  ]) {
    t.equal(await outcome(world, machine, url, { method }), "method", JSON.stringify(method));
  }
  t.equal(await outcome(world, machine, url, { method: "DELETE" }), "not_allowed", "a known one needs its rule");
  t.equal(machine.arrivals.length, 0, "dial=0");
  t.equal(await outcome(world, machine, url, { method: "get" }), outside.api);
  t.match(machine.arrivals[0]?.bytes, /^GET \/ HTTP\/1\.1\r\n/, "fetch raises these to upper case");
});
