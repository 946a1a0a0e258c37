// A recorded run as the network of an author's test: by run and by exported file, with redirects, streams, failures, and
// nothing that was not recorded.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { recording, testRun } from "../../runtime/testkit/index.ts";
import { configOf, ledgerOf, makeProject, mayfly, recordOf } from "../support/cli.ts";

const body = `
  const get = async (path, init) => { const r = await fetch(input + path, init); return [r.status, r.redirected, r.url.replace(input, ""), (await r.text()).length]; };
  const first = await get("/count"); const second = await get("/count");
  const broken = await fetch(input + "/broken").then((r) => r.text()).then(() => "whole", (e) => e.code);
  return { first, second, moved: await get("/moved"), posted: await get("/post", { method: "POST", body: "b" }), large: await get("/large"), broken };`;

async function project(t: Test) {
  let counted = 0;
  const server = createServer((request, response) => {
    if (request.url === "/count") {
      counted += 1;
      response.end("x".repeat(counted));
    } else if (request.url === "/moved") response.writeHead(307, { location: "/large" }).end();
    else if (request.url === "/large") response.end(Buffer.alloc(700_000));
    else if (request.url === "/broken") {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    } else response.writeHead(201).end("made");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  t.teardown(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const network = `network: { allow: ["GET,POST ${url}/*"], privateAddresses: ["127.0.0.0/8"] }`;
  const config = configOf({ asks: `record: true, ${network}`, other: network });
  const other = 'return fetch(input + "/never").then(() => "there", (e) => e.code);';
  const here = await makeProject(t, { config, jobs: { asks: body, other } });
  const ended = await mayfly(t, here, ["run", "asks", "--input", JSON.stringify(url), "--json"]);
  t.equal(ended.code, 0, ended.stderr);
  close();
  return { here, url, record: recordOf(ended) };
}

t.test("the same answers as then, by the run and by its exported files", async (t) => {
  const { here, url, record } = await project(t);
  t.match(record.result, {
    first: [200, false, "/count", 1],
    second: [200, false, "/count", 2],
    moved: [200, true, "/large", 700_000],
  });
  t.equal((await mayfly(t, here, ["replay", record.id, "--export", "sealed.recording"])).code, 0);
  t.equal((await mayfly(t, here, ["replay", record.id, "--export", "clear.recording", "--clear"])).code, 0);
  const options = { config: join(here.directory, "sandbox.config.ts"), input: url };
  for (const source of [record.id, "sealed.recording", "./clear.recording"]) {
    const run = await testRun("asks", { ...options, network: recording(source) });
    t.equal(run.state, "succeeded", run.error?.message ?? "");
    t.same(run.result, record.result, source);
    t.equal(run.requests.filter((request) => request.url === `${url}/count`).length, 2);
    t.match(
      run.requests.find(({ method }) => method === "POST"),
      { url: `${url}/post`, body: "b" },
    );
  }
  const none = await testRun("other", { ...options, network: recording(record.id) });
  t.equal(none.result, "net_unreachable", "what it doesn't have is not there");
  const { store } = ledgerOf(here);
  const opened = store.auditEntries(1, 1_000).filter(({ event }) => event.detail === "the network of a test");
  await store.close();
  t.equal(opened.length, 2, "each look at the installation's own is in its audit");
});

t.test("a job that asks more often than was recorded; a file that is none", async (t) => {
  const { here, url, record } = await project(t);
  await here.write(
    "jobs/asks.ts",
    `import { defineJob } from "mayfly";
export default defineJob(async ({ input }) => {
  const codes = [];
  for (let n = 0; n < 3; n += 1) codes.push(await fetch(input + "/count").then((r) => r.status, (e) => e.code));
  return codes;
});\n`,
  );
  const options = { config: join(here.directory, "sandbox.config.ts"), input: url };
  const run = await testRun("asks", { ...options, network: recording(record.id) });
  t.same(run.result, [200, 200, "net_unreachable"]);
  writeFileSync(join(here.directory, "x.recording"), "{}");
  await t.rejects(testRun("asks", { ...options, network: recording("x.recording") }), { code: "recording_invalid" });
  await t.rejects(testRun("asks", { ...options, network: recording("none.recording") }), { code: "recording_unknown" });
  await t.rejects(testRun("asks", { ...options, network: recording(`run_${"0".repeat(32)}`) }), {
    code: "run_unknown",
  });
});
