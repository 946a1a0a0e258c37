// Somebody who knows a lease's id, or a run's, and nothing else: another user of the machine, another installation, another
// tenant's job. He reads nothing, ends nothing and prolongs nothing.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { leaseIdOf, type RunId } from "../../runtime/model/ids.ts";
import { childEnv } from "../support/child-env.ts";
import { configOf, eventually, ledgerOf, makeProject, mayfly, type Project, recordOf } from "../support/cli.ts";
import { holding, vaultProject } from "../support/holding.ts";
import { nobody, whyNobodyCanNot } from "../support/nobody.ts";
import { recordAtEnd, startMayfly } from "../support/start.ts";

const verbs = (runId: string) => {
  const leaseId = leaseIdOf(runId as RunId);
  return [["revoke", leaseId], ["revoke", runId], ["revoke", "--all", "--yes"], ["leases"], ["run-show", runId]];
};

function leaseOf(here: Project, runId: string) {
  const { store } = ledgerOf(here);
  const lease = store.lease(runId as RunId);
  void store.close();
  return lease;
}

const isRoot = process.getuid?.() === 0;
const why = isRoot ? (whyNobodyCanNot() ?? false) : "needs root, to be another user";

/** The same command lines by another user of the machine, who can read the config. */
const asNobody = { before: ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] };

t.test("[CRED-34] another user of the machine, with the id of a lease", { skip: why }, async (t) => {
  const { world, here, accepts } = await vaultProject(t);
  const started = await startMayfly(t, here, { env: world.env });
  const id = await holding(t, here);
  chmodSync(here.directory, 0o755);
  const before = leaseOf(here, id);
  for (const verb of verbs(id)) {
    const ended = await mayfly(t, here, verb, asNobody);
    t.not(ended.code, 0, verb.join(" "));
    t.notMatch(ended.stdout, /lease_|holds|issued/, verb.join(" "));
  }
  t.equal(connectsAsNobody(join(here.state, "mayfly.sock")), "EACCES", "nor by the socket");
  t.same(leaseOf(here, id), before, "nothing of it has changed, its time neither");
  t.equal(await accepts(), true);
  for (const verb of verbs(id)
    .filter(([name]) => name !== "revoke")
    .concat([["revoke", id]])) {
    const { code, stdout } = await mayfly(t, here, verb, { env: world.env });
    t.equal(code, 0, `its operator may (twin): ${verb.join(" ")}`);
    t.match(stdout, /lease_|holds|run_|vault/);
  }
  t.equal(await accepts(), false);
  await started.client.kill(id);
  await recordAtEnd(started.client, id);
});

function connectsAsNobody(socket: string): string {
  const script = `require("node:net").connect(${JSON.stringify(socket)})
    .on("error", ({ code }) => console.log(code)).on("connect", () => { console.log("connected"); process.exit(); });`;
  const options = { uid: nobody, gid: nobody, cwd: "/", env: childEnv(), encoding: "utf8" } as const;
  return spawnSync(process.execPath, ["-e", script], options).stdout.trim();
}

t.test("[CRED-34] another installation on the machine, with the same config and the same issuer", async (t) => {
  const { world, here, accepts } = await vaultProject(t);
  const started = await startMayfly(t, here, { env: world.env });
  const id = await holding(t, here);
  const other = await makeProject(t, { jobs: {} });
  for (const name of ["sandbox.config.ts", "jobs"])
    cpSync(join(here.directory, name), join(other.directory, name), { recursive: true });
  for (const verb of verbs(id).filter((verb) => verb.length === 2 && verb[1] !== undefined)) {
    const ended = await mayfly(t, other, verb, { env: world.env });
    t.equal(ended.code, 2, `${verb.join(" ")}: ${ended.stderr}`);
  }
  t.match(await mayfly(t, other, ["revoke", "--all", "--yes"], { env: world.env }), { stdout: /^(?!.*revoked)/s });
  t.equal(await accepts(), true, "and its sweep leaves what has another installation's name");
  await started.client.kill(id);
  await recordAtEnd(started.client, id);
  t.equal(await accepts(), false);
});

t.test("[CRED-34] another tenant's job, with the id as its input: there is no call that takes one", async (t) => {
  const issuer = `issuers: { partner: issuers.jwt({ audience: "https://orders.example", listen: "127.0.0.1:0" }) },`;
  const grant = `credential: { issuer: "partner", scope: ["orders:read"], ttl: "2m", delivery: "revealed", purpose: "test" }, `;
  const here = await makeProject(t, {
    config: configOf(
      { mine: `${grant} tenant: "one"`, theirs: `${grant} tenant: "two"`, none: `tenant: "two"` },
      issuer,
    ),
    jobs: {
      mine: `const token = await credential.fetch(); log.info("holds"); await new Promise((resolve) => signal.addEventListener("abort", resolve)); return token;`,
      theirs: `const [mine, byId] = [await credential.fetch(), await credential.fetch(input)];
        const subject = (token) => JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
        return { same: mine === byId, calls: Object.keys(credential).sort(), subject: subject(byId) };`,
      none: `try { await credential.fetch(input); return "given"; } catch (error) { return error.code; }`,
    },
  });
  const { client } = await startMayfly(t, here);
  const { id } = await client.submit({ job: "mine", input: null });
  const { store, archive } = ledgerOf(here);
  await eventually(async () => (await archive.logLines(id)).find(({ text }) => text === "holds"));
  const before = store.lease(id as RunId);
  const theirs = await client.submit({ job: "theirs", input: before?.id ?? "" });
  const { result } = (await recordAtEnd(client, theirs.id)) as { result: { subject: string } };
  t.match(result, { same: true, calls: Array });
  t.match(result.subject, theirs.id.replace("run_", "").slice(0, 12), "its own");
  t.notMatch(result.subject, id.replace("run_", ""));
  const none = await client.submit({ job: "none", input: before?.id ?? "" });
  t.match(await recordAtEnd(client, none.id), { result: "grant" });
  t.same(store.lease(id as RunId), before);
  await store.close();
  await client.kill(id);
  t.match(await recordAtEnd(client, id), { lease: { state: "revoked" } });
});

t.test("[CRED-33] a name that another job has, and one that nobody has: the same refusal", async (t) => {
  const ask = (audience: string) =>
    `try { await identity.token("${audience}"); return "given"; } catch (error) { return [error.code, error.message]; }`;
  const wrap = (body: string) => `import { defineJob } from "mayfly";
    export default defineJob(async ({ identity }) => { ${body} });`;
  const [theirs, nobodys] = ["https://theirs.example", "https://nobody.example"];
  const here = await makeProject(t, {
    config: configOf({ theirs: `identity: { audiences: ["${theirs}"] }`, known: "", unknown: "" }),
    jobs: { theirs: "return 1;", known: wrap(ask(theirs)), unknown: wrap(ask(nobodys)) },
  });
  const [known, unknown] = await Promise.all(
    ["known", "unknown"].map(async (job) => recordOf(await mayfly(t, here, ["run", job, "--json"]))),
  );
  t.match(known, { state: "succeeded", result: ["grant", String] });
  t.same(
    JSON.stringify([known?.result, known?.denials])
      .replaceAll(theirs, nobodys)
      .replaceAll("jobs.known", "jobs.unknown"),
    JSON.stringify([unknown?.result, unknown?.denials]),
  );
  const { store } = ledgerOf(here);
  const steps = (id: string | undefined) =>
    store.auditEntries(1, 1_000).flatMap(({ event }) => (event.runId === id ? [event.type] : []));
  t.same(steps(known?.id), steps(unknown?.id), "and the same was done for it");
  await store.close();
});
