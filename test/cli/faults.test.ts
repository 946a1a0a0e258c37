// Issuers that are down, slow, or no issuers at all, and a disk that is full, seen from the command line: the job gets an
// answer in bounded time, the run gets its end, and what can't be proven is said.
import { existsSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { freePort } from "../crash/random.ts";
import {
  configOf,
  type Ended,
  eventually,
  ledgerOf,
  makeProject,
  mayfly,
  type Project,
  recordOf,
} from "../support/cli.ts";
import { smallDisk } from "../support/small-disk.ts";
import { startMayfly } from "../support/start.ts";

const job = `return await credential.query("SELECT 1").then(() => "allowed", (error) => error.code);`;
const credential = `{ issuer: "warehouse", scope: ["select:public.sales"], ttl: "1m", delivery: "query", purpose: "test" }`;

function projectWith(t: Test): Promise<Project> {
  return makeProject(t, {
    config: configOf(
      { query: `credential: ${credential}, limits: { wall: "5s" }`, plain: "" },
      `issuers: { warehouse: issuers.postgres({ url: { env: "PG" } }) },`,
    ),
    jobs: { query: job, plain: "return 1;" },
  });
}

const urlAt = (port: number) => ({ PG: `postgres://postgres:hunter2-secret@127.0.0.1:${port}/postgres` });

/** A server that does with each connection as it is told. */
async function serve(t: Test, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

/** The job was told no; the lease can't be proven dead, which outweighs how the run ended. */
function saidUnconfirmed(t: Test, ended: Ended): void {
  const record = recordOf(ended);
  t.match(record, { teardown: { lease: "unconfirmed", process: "confirmed", directory: "confirmed" } });
  t.match(record.lease, { state: "unconfirmed" });
  t.equal(ended.code, 5, ended.stderr);
  t.match(ended.stderr, /unconfirmed: lease/);
  t.notMatch(ended.stderr + ended.stdout, /hunter2/, "the root credential is in no message");
}

t.test("an issuer that is down: the job hears it, the run ends, and the lease is said to be unproven", async (t) => {
  const here = await projectWith(t);
  const ended = await mayfly(t, here, ["run", "query", "--json"], { env: urlAt(await freePort()) });
  t.match(recordOf(ended), { state: "succeeded", result: "issuer_unavailable" });
  saidUnconfirmed(t, ended);
});

t.test("an issuer that answers garbage", async (t) => {
  const port = await serve(t, (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nI am no database\u0000\u0001"));
  const ended = await mayfly(t, await projectWith(t), ["run", "query", "--json"], { env: urlAt(port) });
  t.match(recordOf(ended).result, /^issuer_/);
  saidUnconfirmed(t, ended);
});

t.test("an issuer that never answers: the run's own limit ends it, and the end is bounded too", async (t) => {
  const port = await serve(t, () => {});
  const ended = await mayfly(t, await projectWith(t), ["run", "query", "--json"], { env: urlAt(port) });
  t.match(recordOf(ended).state, /^(limit|succeeded)$/);
  saidUnconfirmed(t, ended);
});

t.test("an issuer without a root credential: secret_missing names the variable, and other jobs run", async (t) => {
  const here = await projectWith(t);
  t.match(await mayfly(t, here, ["run", "query"]), {
    code: 2,
    stdout: "",
    stderr: /variable PG is empty[\s\S]*secret_missing[\s\S]*set PG/,
  });
  t.match(await mayfly(t, here, ["run", "plain"]), { code: 0, stdout: "1\n" });
});

t.test("`start` with an issuer that is down serves all the same, and says what it could not ask", async (t) => {
  const here = await projectWith(t);
  const started = await startMayfly(t, here, { env: urlAt(await freePort()) });
  t.match(started.stderr(), /issuer warehouse could not be asked for forgotten leases/);
  const { id } = await started.client.submit({ job: "query", input: null });
  const { store } = ledgerOf(here);
  const row = await eventually(() => (store.run(id as never)?.record.endedAt ? store.run(id as never) : undefined));
  t.match(row, { tornDown: false, record: { state: "succeeded", teardown: { lease: "unconfirmed" } } });
  const tries = store.lease(id as never)?.attempts ?? 0;
  await eventually(() => ((store.lease(id as never)?.attempts ?? 0) > tries ? true : undefined));
  t.pass("it goes on trying");
  await store.close();
  t.match(await mayfly(t, here, ["submit", "plain", "--wait"]), { code: 0, stdout: "1\n" });
});

t.test(
  "a full disk: no run is accepted, no credential issued, the error names the way out; with space it goes on",
  async (t) => {
    const disk = smallDisk(t, 6_291_456);
    if (disk === undefined) return t.plan(0, "no tmpfs can be mounted");
    const here = await makeProject(t, {
      config: configOf(
        { leased: `credential: { issuer: "partner", scope: ["a"], ttl: "1m", delivery: "revealed", purpose: "test" }` },
        `state: "${disk.directory}/state", issuers: { partner: issuers.jwt({ audience: "https://x.example", listen: "127.0.0.1:0" }) },`,
      ),
      jobs: { leased: `await credential.fetch(); return "leased";` },
    });
    const started = await startMayfly(t, { ...here, state: join(disk.directory, "state") });
    t.match(await mayfly(t, here, ["submit", "leased", "--wait"]), { code: 0, stdout: '"leased"\n' });
    disk.fill();
    // What the ledger had set aside is used up by and by: each answer before that is a run that ends, and none is lost.
    const full = await eventually(async () => {
      const ended = await mayfly(t, here, ["submit", "leased"]);
      return ended.code === 0 ? undefined : ended;
    });
    t.match(full, { code: 6, stdout: "", stderr: /store_unavailable[\s\S]*free space/ });
    disk.free();
    t.match(await mayfly(t, here, ["submit", "leased", "--wait"]), { code: 0, stdout: '"leased"\n' });
    t.match(await mayfly(t, here, ["audit", "verify"]), { code: 0 });
    await eventually(async () => {
      const runs = JSON.parse((await mayfly(t, here, ["runs", "--json"])).stdout) as { endedAt: string | null }[];
      return runs.every(({ endedAt }) => endedAt !== null) ? true : undefined;
    });
    const leases = JSON.parse((await mayfly(t, here, ["leases", "--json"])).stdout) as { state: string }[];
    t.ok(leases.every(({ state }) => state === "revoked"));
    started.signal("SIGTERM");
    t.equal((await started.ended).code, 0);
  },
);

t.test("a state directory that is a link, or a file: refused before anything is written there", async (t) => {
  const here = await projectWith(t);
  await mkdir(join(here.directory, "elsewhere"));
  await symlink("elsewhere", here.state);
  const linked = await mayfly(t, here, ["run", "plain"]);
  t.match(linked, { code: 2, stdout: "", stderr: /state_directory[\s\S]*symbolic link[\s\S]*next:/ });
  t.notOk(existsSync(join(here.directory, "elsewhere", "ledger.db")));
  await rm(here.state);
  await writeFile(here.state, "");
  t.match(await mayfly(t, here, ["run", "plain"]), { code: 2, stderr: /state_directory/ });
});
