// The words of an SSH issuer, and their refusals.
import t from "tap";
import { ConfigInvalid, issuers, parseConfig } from "../runtime/config.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const commands = { "disk-usage": { run: "df -P /", principal: "ops" } };
const words = { host: "db1.example", hostKey, commands };

function parse(changes: object, job?: object) {
  const jobs = job === undefined ? {} : { report: { entry: "./jobs/report.ts", ...job } };
  return parseConfig({ issuers: { ops: { kind: "ssh", ...words, ...changes } }, jobs }, file);
}

function problems(changes: object, job?: object): string[] {
  try {
    parse(changes, job);
  } catch (error) {
    if (error instanceof ConfigInvalid)
      return error.problems.map(({ path, found, needed, next }) => `${path}: ${found} / ${needed} / ${next}`);
    throw error;
  }
  return [];
}

t.test("what stands there is what is meant; who logs in is the principal unless it says so", async (t) => {
  const { ops } = parseConfig({ issuers: { ops: issuers.ssh(words) }, jobs: {} }, file).issuers;
  t.match(ops, { kind: "ssh", name: "ops", host: "db1.example", port: 22, hostKey, sourceAddresses: [] });
  const of = (changes: object) => {
    const issuer = parse(changes).issuers.ops;
    return issuer?.kind === "ssh" ? issuer : undefined;
  };
  t.strictSame([...(of({})?.commands ?? [])], [["disk-usage", { run: "df -P /", principal: "ops", user: "ops" }]]);
  const named = { backup: { run: "tar c /srv | zstd", principal: "backup@eu", user: "root" } };
  t.strictSame([...(of({ commands: named })?.commands ?? [])], [["backup", named.backup]]);
  t.equal(of({ hostKey: `${hostKey} root@db1` })?.hostKey, hostKey, "a comment is no part of a key");
  const sources = ["192.0.2.7", "10.0.0.0/8", "2001:DB8::1", "2001:db8::/32"];
  t.strictSame(of({ sourceAddresses: sources })?.sourceAddresses, [
    ...["192.0.2.7/32", "10.0.0.0/8", "2001:db8::1/128", "2001:db8::/32"],
  ]);
});

t.test("hosts: names, addresses, ports", async (t) => {
  for (const [host, found] of Object.entries({
    "db1.example:2222": { host: "db1.example", port: 2222 },
    "192.0.2.1": { host: "192.0.2.1", port: 22 },
    "[2001:DB8::1]": { host: "2001:db8::1", port: 22 },
    "[::1]:65535": { host: "::1", port: 65_535 },
    a: { host: "a", port: 22 },
  }))
    t.match(parse({ host }).issuers.ops, found, host);
  for (const host of [
    ...["", "-oProxyCommand=id", "root@db1", "db1:0", "db1:65536", "db1:", "db1:22:22", "2001:db8::1", "[db1]", "db 1"],
    ...["db1;id", "ssh://db1", "*.example", "db1..example", "db1-", "a".repeat(254), "db1\n", "%h"],
  ])
    t.match(
      problems({ host }).join(),
      /^issuers\.ops\.host: .*needed|^issuers\.ops\.host: .*a host/,
      JSON.stringify(host),
    );
});

t.test("a host's key is one of the types that sshd has, and says so itself", async (t) => {
  const [, base64 = ""] = hostKey.split(" ");
  for (const bad of [
    ...[
      "",
      base64,
      `ssh-rsa ${base64}`,
      `ssh-ed25519 ${base64.slice(0, -1)}`,
      `ssh-ed25519 ${base64}!`,
      `ssh-dss ${base64}`,
    ],
    ...[
      `db1 ${hostKey}`,
      `${hostKey.replace(" ", "  ")}`,
      `@cert-authority ${hostKey}`,
      "SHA256:abc",
      `ssh-ed25519 AAAA`,
    ],
    ...[`ssh-ed25519-cert-v01@openssh.com ${base64}`, `ssh-ed25519 ${base64}\n${hostKey}`],
  ])
    t.match(problems({ hostKey: bad }).join(), /issuers\.ops\.hostKey: .*cat \/etc\/ssh/, JSON.stringify(bad));
  t.notOk(problems({ hostKey: `${hostKey} root@db1` }).length);
});

t.test(
  "[CRED-31] principals without wildcards, commands in one line, users that no option could be made of",
  async (t) => {
    const of = (changes: object) => problems({ commands: { c: { ...commands["disk-usage"], ...changes } } }).join();
    for (const principal of [
      "",
      "*",
      "op?",
      "ops,root",
      "!ops",
      "-l",
      "o ps",
      "ops\n",
      "öps",
      "x".repeat(65),
      undefined,
      ["ops"],
    ])
      t.match(of({ principal }), /issuers\.ops\.commands\.c\.principal/, JSON.stringify(principal));
    for (const run of ["", "  ", "id\nid", "id\0", "id\r", "x".repeat(1_025), undefined, ["df"]])
      t.match(of({ run }), /issuers\.ops\.commands\.c\.run/, JSON.stringify(run));
    for (const user of ["", "-oX=1", "a b", "root@x", "a;b", "x".repeat(33)])
      t.match(of({ user }), /issuers\.ops\.commands\.c\.user/, JSON.stringify(user));
    t.match(of({ principal: "backup@eu" }), /commands\.c\.user: nothing \/ the user to log in as/);
    t.match(of({ principle: "ops" }), /principle.*did you mean `principal`/);
    for (const fits of [{ principal: "x".repeat(64), user: "x".repeat(32) }, { run: "x".repeat(1_024) }])
      t.equal(of(fits), "");
  },
);

t.test("between one command and sixty-four, each with a name", async (t) => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`c${at}`, commands["disk-usage"]]));
  t.match(problems({ commands: {} }).join(), /commands: 0 commands \/ 1 to 64/);
  t.match(problems({ commands: many(65) }).join(), /65 commands/);
  t.strictSame(problems({ commands: many(64) }), []);
  t.match(problems({ commands: { "Disk Usage": commands["disk-usage"] } }).join(), /a name/);
  t.match(problems({ commands: [] }).join(), /commands by name/);
});

t.test(
  "an empty list of source addresses would stand for anywhere: refused, as are host bits and more than sixteen",
  async (t) => {
    t.match(problems({ sourceAddresses: [] }).join(), /an empty list \/ 1 to 16/);
    for (const source of ["10.0.0.1/8", "*", "db1.example", "10.0.0.0/33", "10.0.0.0/8,0.0.0.0/0", "!10.0.0.1", ""])
      t.match(problems({ sourceAddresses: [source] }).join(), /sourceAddresses\[0\]/, JSON.stringify(source));
    const many = (count: number) => Array.from({ length: count }, (_, at) => `10.0.0.${at}`);
    t.strictSame(problems({ sourceAddresses: many(16) }), []);
    t.match(problems({ sourceAddresses: many(17) }).join(), /17 of them/);
  },
);

t.test(
  "its credentials are operations of the supervisor: neither sealed nor revealed, and they have no place",
  async (t) => {
    const credential = { issuer: "ops", scope: ["disk-usage"], ttl: "2m", purpose: "report" };
    t.strictSame(problems({}, { credential: { ...credential, delivery: "exec" } }), []);
    for (const delivery of ["sealed", "revealed", "query", "command", undefined]) {
      const found = problems({}, { credential: { ...credential, delivery } }).join("\n");
      t.match(found, /credential\.delivery: .* \/ "exec" with a ssh issuer \/ a job has no sockets/, String(delivery));
    }
    const placed = { ...credential, delivery: "exec", place: { header: "authorization" } };
    t.match(problems({}, { credential: placed }).join(), /credential\.place/);
  },
);
