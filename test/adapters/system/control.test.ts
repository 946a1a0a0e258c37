// The submission socket: who may open it, what it takes, and what it says of what it doesn't take. Real sockets.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeControlClient } from "../../../runtime/adapters/system/control-client.ts";
import { type ControlHandlers, serveControl } from "../../../runtime/adapters/system/control-server.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { RunEvent } from "../../../runtime/model/run-event.ts";
import { submissionBytesMax } from "../../../runtime/protocol/control.ts";
import { newRunId, rowOf } from "../../core/leases/world.ts";

const id = newRunId();
const { record } = rowOf(id, "me", "succeeded");

async function serve(t: Test, changes: Partial<ControlHandlers> = {}) {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-control-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "mayfly.sock");
  const submitted: { job: string; input: string; key?: string }[] = [];
  const handlers: ControlHandlers = {
    async submit(asked) {
      submitted.push(asked);
      return { id, isNew: true };
    },
    follow(_id, onEvent) {
      onEvent({ type: "ended", runId: id, record });
      return () => {};
    },
    kill: () => true,
    revoke: async () => {},
    status: () => ({ running: 1, waiting: 2, pid: 3 }),
    ...changes,
  };
  const server = await serveControl(path, handlers);
  t.teardown(() => server.close());
  return { path, submitted, server, client: makeControlClient(path) };
}

function raw(path: string, method: string, url: string, body: string | Buffer = "") {
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const asked = request({ socketPath: path, method, path: url }, async (response) => {
      resolve({ status: response.statusCode, body: Buffer.concat(await response.toArray()).toString() });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

t.test("nobody but this user may open it, from its first moment", async (t) => {
  const { path } = await serve(t);
  t.equal(statSync(path).mode & 0o777, 0o600);
});

t.test("a submission arrives as it was sent", async (t) => {
  const { client, submitted } = await serve(t);
  t.same(await client.submit({ job: "sync", input: { a: [1, null] }, key: "k" }), { id, isNew: true });
  await client.submit({ job: "sync", input: null });
  t.same(submitted, [
    { job: "sync", input: '{"a":[1,null]}', key: "k" },
    { job: "sync", input: "null" },
  ]);
  t.same(await client.status(), { running: 1, waiting: 2, pid: 3 });
  t.same(await client.kill(id), { killed: true });
});

const invalid: Record<string, string> = {
  "no JSON": "{",
  "no object": "7",
  "no job": '{"input": 1}',
  "a job that is no text": '{"job": 7, "input": 1}',
  "a key that is empty": '{"job": "sync", "input": 1, "key": ""}',
  "a key that is too long": JSON.stringify({ job: "sync", input: 1, key: "k".repeat(257) }),
  "a key nobody knows": '{"job": "sync", "input": 1, "grants": ["everything"]}',
  "bytes that are no UTF-8": "\xff\xfe",
};

for (const [what, body] of Object.entries(invalid)) {
  t.test(`a submission with ${what} is refused and reaches nobody`, async (t) => {
    const { path, submitted } = await serve(t);
    const answer = await raw(path, "POST", "/v1/runs", Buffer.from(body, "latin1"));
    t.equal(answer.status, 400);
    t.match(JSON.parse(answer.body), { error: { code: "input_invalid", needed: /"job"/ } });
    t.same(submitted, []);
  });
}

t.test("the largest submission is taken, and one byte more is not", async (t) => {
  const { path, submitted } = await serve(t);
  const shell = JSON.stringify({ job: "sync", input: "" }).length;
  const body = (bytes: number) => JSON.stringify({ job: "sync", input: "x".repeat(bytes - shell) });
  t.equal((await raw(path, "POST", "/v1/runs", body(submissionBytesMax))).status, 202);
  t.equal((await raw(path, "POST", "/v1/runs", body(submissionBytesMax + 1))).status, 400);
  t.equal(submitted.length, 1);
});

t.test("what the scheduler refuses is told with its code, status and next step", async (t) => {
  const codes = { job_unknown: 404, key_conflict: 409, store_unavailable: 503, bundle_failed: 400 } as const;
  for (const [code, status] of Object.entries(codes)) {
    const { path, client } = await serve(t, {
      submit: async () => {
        throw new MayflyError({ code: code as "job_unknown", message: "no", found: "f", needed: "n", next: "x" });
      },
    });
    await t.rejects(client.submit({ job: "sync", input: 1 }), { code, found: "f", needed: "n", next: "x" });
    t.equal((await raw(path, "POST", "/v1/runs", '{"job":"sync","input":1}')).status, status);
  }
});

t.test("a failure of ours says nothing of our inside", async (t) => {
  const { path } = await serve(t, {
    submit: async () => {
      throw new TypeError("cannot read /root/secret");
    },
  });
  const { body } = await raw(path, "POST", "/v1/runs", '{"job":"sync","input":1}');
  t.match(JSON.parse(body), { error: { code: "internal" } });
  t.notMatch(body, /secret/);
});

t.test("routes that don't exist, and ids that are none, are refused", async (t) => {
  const { path } = await serve(t);
  const urls = ["/", "/v1/runs/..%2f/events", "/v1/runs/run_0/kill", `/v1/runs/${id}/events?x`, "/v1/status/"];
  for (const url of urls) t.equal((await raw(path, "GET", url)).status, 400, url);
  t.equal((await raw(path, "DELETE", "/v1/runs")).status, 400);
});

t.test("who follows a run gets each event as it comes, and the end as the last", async (t) => {
  let tell: (event: RunEvent) => void = () => {};
  const { client } = await serve(t, {
    follow(_id, onEvent) {
      tell = onEvent;
      onEvent({ type: "accepted", runId: id, job: "sync" });
      return () => {};
    },
  });
  const seen: string[] = [];
  for await (const event of client.events(id)) {
    seen.push(event.type);
    if (event.type === "accepted") tell({ type: "log", runId: id, level: "info", text: "a\nb", at: "" });
    if (event.type === "log") tell({ type: "ended", runId: id, record });
  }
  t.same(seen, ["accepted", "log", "ended"]);
});

t.test("who stops following is forgotten", async (t) => {
  const stopped = Promise.withResolvers<void>();
  const { client } = await serve(t, {
    follow(_id, onEvent) {
      onEvent({ type: "accepted", runId: id, job: "sync" });
      return () => stopped.resolve();
    },
  });
  for await (const _ of client.events(id)) break;
  await stopped.promise;
  t.pass();
});

t.test("a run that nobody knows: the follower is told so", async (t) => {
  const { client } = await serve(t, {
    follow() {
      throw new MayflyError({ code: "run_unknown", message: "there is no such run" });
    },
  });
  await t.rejects(
    async () => {
      for await (const _ of client.events(id)) t.fail("an event of nothing");
    },
    { code: "run_unknown" },
  );
});

t.test("what a dead `start` left at the path is replaced", async (t) => {
  const { path, server } = await serve(t);
  await server.close();
  writeFileSync(path, "");
  const again = await serveControl(path, {
    submit: async () => ({ id, isNew: false }),
    follow: () => undefined,
    kill: () => false,
    revoke: async () => {},
    status: () => ({ running: 0, waiting: 0, pid: 0 }),
  });
  t.same(await makeControlClient(path).submit({ job: "sync", input: 1 }), { id, isNew: false });
  await again.close();
});

t.test("closed, it is gone, and with it those who still followed", async (t) => {
  const { path, client, server } = await serve(t, { follow: () => () => {} });
  const following = (async () => {
    for await (const _ of client.events(id)) t.fail("an event of nothing");
  })();
  const idle = connect(path);
  const closed = new Promise((resolve) => idle.once("close", resolve));
  idle.on("error", () => {});
  await new Promise((resolve) => idle.once("connect", resolve));
  await server.close();
  await Promise.allSettled([following, closed]);
  t.notOk(existsSync(path));
  await t.rejects(client.status(), { code: "start_absent", next: /mayfly start/ });
});

t.test("a path that no unix socket can have is refused with the way out", async (t) => {
  const path = join(tmpdir(), "x".repeat(120), "mayfly.sock");
  const handlers = { submit: async () => ({ id, isNew: true }), follow: () => undefined, kill: () => false };
  const more = { revoke: async () => {}, status: () => ({ running: 0, waiting: 0, pid: 0 }) };
  await t.rejects(serveControl(path, { ...handlers, ...more }), {
    code: "state_directory",
    next: /state:/,
  });
});
