// The policy itself: configs that say nothing, too much or the wrong thing about the network allow nothing, or are
// refused; and the policy of a run is the one that it began with.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { ConfigInvalid, parseConfig } from "../../runtime/config.ts";
import { configOf, launch, makeProject, recordOf } from "../support/cli.ts";
import { openRuns } from "../support/runs.ts";

const file = { directory: "/srv/app", path: "/srv/app/sandbox.config.ts" };

/** What the job may reach; or where the config's problems are. */
function allowed(network: Record<string, unknown>): readonly string[] | string {
  try {
    const { jobs } = parseConfig({ jobs: { sync: { entry: "./sync.ts", ...network } } }, file);
    return (jobs.sync?.grants.network.allow ?? []).map(({ text }) => text);
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems.map(({ path }) => path).join(", ");
    throw error;
  }
}

t.test("[NET-01] an allow-list that is empty, missing, null or misspelt allows nothing, or is refused", async (t) => {
  t.strictSame(allowed({}), [], "no network");
  t.strictSame(allowed({ network: { allow: [] } }), [], "an empty list");
  t.strictSame(allowed({ network: null }), [], "null");
  for (const network of ["", "*", [], {}, true, { allow: null }, { allow: "" }, { allow: "*" }, { allow: {} }]) {
    t.match(allowed({ network }), /^jobs\.sync\.network/, JSON.stringify(network));
  }
  for (const allow of [[""], [null], [[]], [{}], ["*"], [undefined]]) {
    t.match(allowed({ network: { allow } }), "jobs.sync.network.allow[0]", JSON.stringify(allow));
  }
  t.match(
    allowed({ network: { allow: [], alow: ["GET https://a.test/"] } }),
    "jobs.sync.network.alow",
    "an unknown key",
  );
  t.match(allowed({ networks: { allow: ["GET https://a.test/"] } }), "jobs.sync.networks", "a misspelt one");
  t.strictSame(
    allowed({ network: { allow: ["GET https://a.test/"] } }),
    ["GET https://a.test/"],
    "the twin: a rule is one",
  );
});

t.test("[NET-01] a job with no network, and one with an empty list, reach nothing", async (t) => {
  let requests = 0;
  const { port } = await serve(t, () => {
    requests += 1;
  });
  const body = `return c.fetch("http://127.0.0.1:${port}/").then((r) => r.status, (e) => e.code);`;
  const runs = await openRuns({
    none: { body },
    empty: { body, network: [] },
    rule: { body, network: [`GET http://127.0.0.1:${port}/`] },
  });
  t.strictSame([(await runs.run("none")).result, (await runs.run("empty")).result], ["not_allowed", "not_allowed"]);
  t.equal(requests, 0, "dial=0");
  t.equal((await runs.run("rule")).result, 200, "the twin");
  await runs.end(t);
});

t.test("[NET-02] [NET-12] patterns wider than a host, a port or a path stop the start", async (t) => {
  const hosts = [
    "*",
    "*.com",
    "*.test",
    "a.*",
    "**",
    "*.*",
    "a*.test",
    "[*]",
    "api.test:0",
    "api.test:*",
    "api.test:65536",
  ];
  for (const host of hosts) {
    t.match(allowed({ network: { allow: [`GET https://${host}/`] } }), "jobs.sync.network.allow[0]", host);
  }
  for (const rule of [
    "https://*",
    "*://api.test/",
    "GET https://https://api.test/",
    "GET https://api.test/*/a",
    "GET https://api.test/**",
    "* https://api.test/",
  ]) {
    t.match(allowed({ network: { allow: [rule] } }), "jobs.sync.network.allow[0]", rule);
  }
});

t.test("[NET-39] a config that changes while a run goes on: the run keeps its own, whole", async (t) => {
  const [first, second] = [await serve(t), await serve(t)];
  const rule = (port: number) =>
    `network: { allow: ["GET http://127.0.0.1:${port}/*"] }, files: { mounts: { "/bell": "./bell" } }`;
  const ask = (port: number) => `await fetch("http://127.0.0.1:${port}/").then((r) => r.status, (error) => error.code)`;
  const both = `[${ask(first.port)}, ${ask(second.port)}]`;
  const project = await makeProject(t, {
    config: configOf({ job: rule(first.port) }),
    jobs: {
      job: `const before = ${both}; log.info("asked");
        while ((await files.stat("/bell/rung")) === null) await new Promise((resolve) => setTimeout(resolve, 10));
        return { before, after: ${both} };`,
    },
  });
  await project.write("bell/.keep", "");
  const running = launch(t, project, ["run", "job", "--json"]);
  await running.says(/asked/);
  const other = configOf({ job: rule(second.port) });
  await project.write(
    "sandbox.config.ts",
    `import { defineConfig } from "mayfly";\nexport default defineConfig(${other});\n`,
  );
  await project.write(join("bell", "rung"), "");
  const old = [200, "not_allowed"];
  t.strictSame(recordOf(await running.ended).result, { before: old, after: old });
  const next = recordOf(await launch(t, project, ["run", "job", "--json"]).ended);
  const changed = ["not_allowed", 200];
  t.strictSame(next.result, { before: changed, after: changed }, "the next run has the new one, whole");
});

async function serve(t: Test, onRequest: () => void = () => {}): Promise<{ port: number }> {
  const server = createServer((_, response) => {
    onRequest();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port };
}
