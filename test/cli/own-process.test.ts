// The supervisor's own memory, with credentials in it: what a signal, a debugger, a crash, a report or a fault of ours
// writes of it. Real processes; the same look finds the credential where one of them is allowed to write it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { allocatorSettings, youngSpaceFlag } from "../../runtime/adapters/system/own-memory.ts";
import { openToOthers } from "../../runtime/adapters/system/own-process.ts";
import { childEnv } from "../support/child-env.ts";
import { configOf, eventually, launch, ledgerOf, makeProject, mayfly, type Project } from "../support/cli.ts";
import { holding, vaultProject } from "../support/holding.ts";
import { recordAtEnd, startMayfly } from "../support/start.ts";

const telltale = [
  ...["--inspect=127.0.0.1:0", "--heapsnapshot-signal=SIGUSR2", "--heapsnapshot-near-heap-limit=1"],
  ...["--abort-on-uncaught-exception", "--tls-keylog=/nowhere/keys", "--trace-tls"],
];

/** How a `start` with this variable ends; should it serve, it is ended. */
async function refusal(t: Test, here: Project, variable: string) {
  const running = launch(t, here, ["start", "--allow-missing-sandbox"], { before: [variable] });
  await running.says(/^ready: /m).then(
    () => running.signal("SIGTERM"),
    () => undefined,
  );
  return running.ended;
}

/** Files that the process wrote into its working directory since. */
function written(here: Project, before: readonly string[]): string[] {
  return readdirSync(here.directory).filter((name) => !before.includes(name));
}

t.test(
  "[CRED-15] a process that serves isn't started with its memory, its traffic or its keys laid open",
  async (t) => {
    const here = await makeProject(t, { config: configOf({ holds: "" }), jobs: { holds: "return 1;" } });
    for (const option of telltale) {
      const ended = await refusal(t, here, `NODE_OPTIONS=${option}`);
      t.match(ended, { code: 2, stderr: /what it holds can leave it/ }, option);
      t.match(ended.stderr, option.split("=")[0] ?? "");
    }
    for (const variable of ["NODE_DEBUG=http", "SSLKEYLOGFILE=/nowhere/keys"])
      t.match(await refusal(t, here, variable), { code: 2, stderr: variable.split("=")[0] });
    const warned = await mayfly(t, here, ["run", "holds"], { before: ["NODE_OPTIONS=--heapsnapshot-signal=SIGUSR2"] });
    t.match(warned, { code: 0, stderr: /warning: --heapsnapshot-signal: what this process holds can leave it/ });
    t.same(openToOthers(["--import", "x"], { NODE_OPTIONS: "--max-old-space-size=64", NODE_DEBUG: "" }), []);
    t.same(openToOthers(["--heapsnapshot_signal=SIGUSR2"], {}), ["--heapsnapshot-signal"], "V8 takes underscores too");
  },
);

t.test("[RES-10] a process that serves has its memory settled, under the id that it was started with", async (t) => {
  const here = await makeProject(t, { config: configOf({ holds: "" }), jobs: { holds: "return 1;" } });
  const running = await startMayfly(t, here, { env: { MALLOC_ARENA_MAX: "3" } });
  const own = readFileSync(`/proc/${running.pid}/environ`, "utf8").split("\0");
  for (const [name, value] of Object.entries({ ...allocatorSettings, MALLOC_ARENA_MAX: "3" }))
    t.ok(own.includes(`${name}=${value}`), name);
  t.ok(readFileSync(`/proc/${running.pid}/cmdline`, "utf8").split("\0").includes(youngSpaceFlag));
  t.equal((await running.client.status()).pid, running.pid);
});

/** Loaded into the supervisor: on a signal it fails as a defect of ours would, with a secret in its words. */
const faulty = (secret: string) => `
  process.on("SIGWINCH", () => {
    Promise.reject(new TypeError("rejected: ${secret}\\n    at ${secret}"));
    setTimeout(() => { throw new RangeError("thrown: ${secret}"); });
    setImmediate(() => Promise.reject("${secret}"));
  });`;

async function faultySupervisor(t: Test) {
  const { world, here, accepts } = await vaultProject(t);
  const root = world.env.WORLD_VAULT_TOKEN ?? "";
  const module = join(here.directory, "faulty.mjs");
  writeFileSync(module, faulty(root));
  const options = `NODE_OPTIONS=--import=${module} --report-on-signal --report-directory=${here.directory}`;
  const started = await startMayfly(t, here, { env: world.env, before: [options] });
  return { world, here, accepts, root, started };
}

t.test(
  "[CRED-15] [CRASH-18] signals, reports and faults of our own: nobody exits, no run is lost, and no secret is written",
  async (t) => {
    const { world, here, accepts, root, started } = await faultySupervisor(t);
    const id = await holding(t, here);
    const secrets = [root, ...world.issued()];
    t.ok(secrets.length > 1 && secrets.every((secret) => secret.length > 10));
    const before = readdirSync(here.directory);

    started.signal("SIGUSR1"); // a debugger, anywhere else
    started.signal("SIGUSR2"); // a report
    started.signal("SIGWINCH"); // our defects
    await started.says(/a fault of Mayfly's own[^\n]*RangeError at/);
    await started.says(/a fault of Mayfly's own[^\n]*TypeError at/);
    await started.says(/a fault of Mayfly's own[^\n]*a rejection that is no error/);
    const [report = ""] = await eventually(() => {
      const reports = written(here, before).filter((name) => name.endsWith(".json"));
      return reports.length > 0 ? reports : undefined;
    });
    const text = await eventually(() => {
      const now = readFileSync(join(here.directory, report), "utf8");
      return now.trimEnd().endsWith("}") ? now : undefined;
    });
    for (const secret of secrets) {
      t.notMatch(text, secret, "the report");
      t.notMatch(started.stderr(), secret, "what it said");
    }
    t.notMatch(started.stderr(), /Debugger listening/);
    t.match(readFileSync(`/proc/${started.pid}/limits`, "utf8"), /^Max core file size +1 +1 /m);

    t.equal(await accepts(), true, "the run has its credential still");
    await started.client.kill(id);
    t.match(await recordAtEnd(started.client, id), { state: "killed", lease: { state: "revoked" } });
    t.equal(await accepts(), false);
    started.signal("SIGTERM");
    t.match(await started.ended, { code: 0 });
    const { store } = ledgerOf(here);
    const faults = store.auditEntries(1, 1_000).filter(({ event }) => event.code === "internal");
    await store.close();
    t.equal(faults.length, 3, "each is in the audit");
    t.notMatch(JSON.stringify(faults), root);
  },
);

t.test("[CRED-15] the same look, where the memory may be written: it finds the credential (twin)", async (t) => {
  const { world, here } = await vaultProject(t);
  const running = launch(t, here, ["run", "holds"], {
    env: world.env,
    before: ["NODE_OPTIONS=--heapsnapshot-signal=SIGUSR2"],
  });
  await running.says(/^log +holds/m);
  const before = readdirSync(here.directory);
  running.signal("SIGUSR2");
  const secret = world.issued().at(-1) ?? "";
  await eventually(() => {
    const [file] = written(here, before).filter((name) => name.endsWith(".heapsnapshot"));
    return file !== undefined && readFileSync(join(here.directory, file)).includes(secret) ? true : undefined;
  });
  running.signal("SIGINT");
  t.match(await running.ended, { code: 130 });
});

t.test("[CRASH-18] without the policy the same fault ends its process (twin)", async (t) => {
  const script = `${faulty("x")} setInterval(() => {}, 1_000); process.stdout.write("ready");`;
  const bare = spawn(process.execPath, ["-e", script], { env: childEnv(), stdio: ["ignore", "pipe", "ignore"] });
  await once(bare.stdout, "data");
  bare.kill("SIGWINCH");
  const [code] = await once(bare, "exit");
  t.equal(code, 1);
});
