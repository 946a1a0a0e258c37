// The suite of npm packages by itself: that a job which went wrong would be found, whatever way it went; that the table in
// docs/packages.md is that of the jobs; and, where the packages are installed, three of them in real runs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import tmp from "tmp";
import { type Case, jobOf, type Refused, type Working } from "./case.ts";
import { allCases, subjects } from "./cases.ts";
import { findInstalled, packageVersions } from "./install.ts";
import { type Found, faultOf } from "./judge.ts";
import { openPackageRuns } from "./runs.ts";
import { serveVendor, type Vendor } from "./vendor.ts";

const document = readFileSync(join(import.meta.dirname, "../../docs/packages.md"), "utf8");
const versions = packageVersions();

t.test("a job that nobody runs, or a case without its job", async (t) => {
  const files = readdirSync(join(import.meta.dirname, "jobs")).sort();
  t.same(allCases.map((each) => `${jobOf(each)}.ts`).sort(), files);
  for (const each of allCases) {
    const text = readFileSync(join(import.meta.dirname, "jobs", `${jobOf(each)}.ts`), "utf8");
    const imports = ['"', "/"].some((end) => text.includes(` from "${each.package}${end}`));
    t.ok(imports, `${jobOf(each)} imports its package`);
  }
});

t.test("a version that is not exact, or a table of other packages than these", async (t) => {
  for (const [name, version] of Object.entries(versions)) t.match(version, /^\d+\.\d+\.\d+$/, name);
  for (const { subject, cases } of subjects) {
    t.ok(document.includes(`\n## ${subject}\n`), subject);
    const names = cases.map(({ package: name }) => name);
    t.same(names, [...names].sort(), `${subject}: in order`);
    for (const each of cases) {
      const { package: name } = each;
      t.ok(
        document.includes(`\n| \`${name}\` | ${versions[name]} | ${each.does}`),
        `${name}: npm run test:packages -- --write`,
      );
    }
  }
  t.notOk(document.includes("**(fails)**"), "nothing fails in it");
  const rows = document.split("\n").filter((line) => line.startsWith("| `"));
  t.equal(rows.length, allCases.length, "no row is left of a package that has gone");
});

const working: Working = { package: "a", does: "x", yields: { sum: 3 } };
const refused: Refused = { package: "b", does: "y", refused: { at: "run", message: /no sockets/, instead: "z" } };
const atBundling: Refused = { ...refused, refused: { ...refused.refused, at: "bundle" } };
const teardown = {
  isolate: "confirmed",
  process: "confirmed",
  directory: "confirmed",
  sockets: "none",
  lease: "none",
} as const;
const succeeded = { state: "succeeded", result: { sum: 3 }, error: null, denials: [], teardown } as const;
const threw = (message: string, code = "job_threw") =>
  ({ ...succeeded, state: "failed", result: null, error: { code, message } }) as const;
const base: Found = { bundleError: undefined, record: { ...succeeded, denials: [] }, server: null };
const denial = { capability: "network", code: "net_rule", message: "no rule", target: "x" };

const verdicts: [what: string, expected: Case, found: Partial<Found>, fault: RegExp | undefined][] = [
  ["a result as it must be", working, {}, undefined],
  [
    "another result",
    working,
    { record: { ...succeeded, denials: [], result: { sum: "3" } } },
    /gave \{"sum":"3"\}, and not \{"sum":3\}/,
  ],
  ["a run that failed", working, { record: { ...threw("oh"), denials: [] } }, /failed: job_threw: oh/],
  ["no bundle", working, { bundleError: "no package", record: undefined }, /can't be bundled: no package/],
  ["a denial on the way to the result", working, { record: { ...succeeded, denials: [denial] } }, /denied: no rule/],
  [
    "what the server found wrong",
    working,
    { server: { problems: ["GET /: no token"], served: 1 } },
    /found: GET \/: no token/,
  ],
  ["a client that asks nothing", working, { server: { problems: [], served: 0 } }, /asked the server nothing/],
  [
    "an end that is not confirmed",
    working,
    { record: { ...succeeded, denials: [], teardown: { ...teardown, lease: "unconfirmed" } } },
    /not confirmed: lease/,
  ],
  ["a refusal for its reason", refused, { record: { ...threw("a job has no sockets"), denials: [] } }, undefined],
  [
    "a refusal for another reason",
    refused,
    { record: { ...threw("x is not a function"), denials: [] } },
    /another reason .*not a function/,
  ],
  ["a package that works and was to be refused", refused, {}, /was to be refused, and gave/],
  [
    "a refusal by a limit",
    refused,
    { record: { ...threw("no sockets", "timeout"), denials: [] } },
    /ended as failed: timeout/,
  ],
  [
    "a refusal when it is bundled already",
    refused,
    { bundleError: "no sockets", record: undefined },
    /refused at its run/,
  ],
  ["a refusal when it is bundled", atBundling, { bundleError: "a: no sockets", record: undefined }, undefined],
  [
    "a refusal that comes with the run only",
    atBundling,
    { record: { ...threw("no sockets"), denials: [] } },
    /at bundling/,
  ],
];

for (const [what, expected, found, fault] of verdicts) {
  t.test(`a verdict on ${what}`, async (t) => {
    const said = faultOf(expected, { ...base, ...found });
    if (fault === undefined) t.equal(said, undefined);
    else t.match(said ?? "", fault);
  });
}

t.test("a vendor's server that takes any token, or none", async (t) => {
  const vendor: Vendor = {
    ...{ allow: ["GET /*"], credential: { header: "authorization", scheme: "Bearer" } },
    answer: ({ path }) => (path === "/there" ? { json: { ok: true } } : undefined),
  };
  const server = await serveVendor(vendor, async (token) => {
    if (token !== "right") throw new Error("not the run's");
  });
  t.teardown(() => server.close());
  const ask = async (path: string, authorization?: string) =>
    (await fetch(server.origin + path, authorization === undefined ? {} : { headers: { authorization } })).status;
  t.equal(await ask("/there", "Bearer right"), 200);
  t.same([server.served(), server.problems], [1, []]);
  for (const [path, authorization, problem] of [
    ["/there", undefined, /no token in authorization/],
    ["/there", "Basic right", /begins with "Basic"/],
    ["/there", "Bearer wrong", /not the run's/],
    ["/elsewhere", "Bearer right", /no such path/],
  ] as const) {
    t.equal(await ask(path, authorization), 400);
    t.match(server.problems.at(-1), problem);
  }
  t.equal(server.served(), 1);
});

const modules = findInstalled();
const some = ["stripe", "csv-parse", "pg"];
const skip = modules === undefined && "the packages are not installed: npm run test:packages";

t.test(`real packages in real runs: ${some.join(", ")}`, { skip }, async (t) => {
  const { name: scratch, removeCallback } = tmp.dirSync({
    prefix: "mayfly-packages-",
    mode: 0o700,
    unsafeCleanup: true,
  });
  t.teardown(removeCallback);
  const cases = allCases.filter(({ package: name }) => some.includes(name));
  const runs = await openPackageRuns({ cases, modules: modules ?? "", scratch });
  t.teardown(() => runs.close());
  for (const each of cases) t.equal((await runs.run(each)).fault, undefined, each.package);
});
