// The one door, with operations that only note what they were asked: decode → authorise → record → act → record → reply,
// in this order and no other, and shut for good once the run has ended.
import t from "tap";
import { Denied, Failed, type Operation } from "../../../runtime/core/capabilities/capability.ts";
import { callsAtOnceMax, type GateParts, makeGate, type Operations } from "../../../runtime/core/capabilities/gate.ts";
import type { AuditEvent } from "../../../runtime/model/audit-event.ts";
import { noUsage } from "../../../runtime/model/run.ts";
import type { ReplyHeader } from "../../../runtime/protocol/channel.ts";

const empty = new Uint8Array(0);
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function open(operation: Partial<Operation<unknown, unknown>> = {}, parts: Partial<GateParts> = {}) {
  const story: string[] = [];
  const replies: ReplyHeader[] = [];
  const bodies: Uint8Array[] = [];
  const records: AuditEvent[] = [];
  const base: Operation<unknown, unknown> = {
    authorize: () => {
      story.push("authorise");
      return "plan";
    },
    target: () => "target",
    act: async (plan) => {
      story.push(`act ${plan}`);
      return { value: "value", body: Uint8Array.of(1) };
    },
    ...operation,
  };
  const operations = new Proxy({} as Operations, { get: () => base });
  const gate = makeGate({
    runId: "run_1",
    job: "job",
    operations,
    log: { write: ({ text }) => void story.push(`log ${text}`) },
    timers: null,
    usage: { ...noUsage },
    callsMax: 1_000_000,
    drained: async () => {},
    listen: () => {},
    reply: (header, body) => {
      if (header.type !== "reply") return;
      story.push(`reply ${header.ok ? "ok" : header.error?.code}`);
      replies.push(header);
      bodies.push(body);
    },
    record: async (event) => {
      story.push(`record ${event.type}`);
      records.push(event);
    },
    onDenied: () => void story.push("denied"),
    onLimit: (limit) => void story.push(`limit ${limit}`),
    ...parts,
  });
  const call = (op: string, args: object = {}, id: unknown = 1, body = empty) =>
    gate.handle({ header: { type: "call", id, op, args }, body });
  return { gate, story, replies, bodies, records, call };
}

t.test("a call that is allowed: recorded before it is done, answered after", async (t) => {
  const { call, story, replies, bodies, records } = open();
  call("files.read", { path: "/a" });
  await nextTurn();
  t.same(story, ["authorise", "record allow", "act plan", "reply ok"]);
  t.same(replies, [{ type: "reply", id: 1, ok: true, value: "value" }]);
  t.same(bodies, [Uint8Array.of(1)]);
  t.match(records, [{ type: "allow", capability: "files.read", target: "target", runId: "run_1", job: "job" }]);
});

t.test("a call that is denied: nothing is done, the denial is recorded and kept", async (t) => {
  const { call, story, replies, gate } = open({
    authorize: () => {
      throw new Denied("grant", "not\nyours", "there");
    },
  });
  call("files.read", { path: "/a" });
  await nextTurn();
  t.same(story, ["record deny", "denied", "reply grant"]);
  t.same(replies[0]?.error, { code: "grant", message: "not\\u{a}yours" }, "on one line");
  t.same(gate.denials, [{ capability: "files.read", code: "grant", message: "not\nyours", target: "there" }]);
});

t.test("no record, no action: the audit can't be written", async (t) => {
  const { call, story, replies } = open({}, { record: () => Promise.reject(new Error("disk full at /host/path")) });
  call("files.write", { path: "/a", mode: "replace" });
  await nextTurn();
  t.notMatch(story.join(), /act/);
  t.match(replies[0], { ok: false, error: { code: "internal" } });
  t.notMatch(replies[0]?.error?.message, /host|disk/, "and its reason is the operator's");
});

t.test("an effect that fails is told to the job; our own fault is not, and is recorded", async (t) => {
  const failing = open({ act: () => Promise.reject(new Failed("not_found", "no such file")) });
  failing.call("files.read", { path: "/a" });
  await nextTurn();
  t.same(failing.replies[0]?.error, { code: "not_found", message: "no such file" });
  t.same(failing.gate.denials, [], "a failure is no denial");
  for (const thrown of [new TypeError("x of /home/host is undefined"), "text", null]) {
    const faulty = open({ act: () => Promise.reject(thrown) });
    faulty.call("files.read", { path: "/a" });
    await nextTurn();
    t.match(faulty.replies[0]?.error, { code: "internal", message: /operator's record/ });
    t.match(faulty.records.at(-1), { type: "alert", code: "internal" });
  }
});

t.test("a call of a wrong shape: denied by its id, or passed over when it has none", async (t) => {
  const { call, story, replies } = open();
  call("files.read", { path: 1 }, 7);
  call("files.read", {}, "7");
  call("nothing", {}, 8);
  await nextTurn();
  t.same(
    replies.map(({ id, error }) => [id, error?.code]),
    [
      [7, "call_invalid"],
      [8, "call_invalid"],
    ],
  );
  t.notMatch(story.join(), /authorise|act/);
});

t.test("the run ends between a decision and its act: nothing is done", async (t) => {
  const recorded = Promise.withResolvers<void>();
  const { call, gate, story } = open({}, { record: () => recorded.promise });
  call("files.write", { path: "/a", mode: "replace" });
  gate.shut();
  recorded.resolve();
  await nextTurn();
  t.same(
    story.filter((step) => step.startsWith("act") || step.startsWith("reply")),
    [],
  );
  t.match(gate.denials, [{ code: "ended" }]);
});

t.test("the run ends while a call is under way: it is aborted, and not answered", async (t) => {
  let aborted = false;
  const { call, gate, replies } = open({
    act: (_plan, _body, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          resolve({});
        });
      }),
  });
  call("http.request", {
    url: "http://a/",
    method: "GET",
    headers: [],
    redirect: "follow",
    body: "none",
    bodyBytes: null,
  });
  await nextTurn();
  gate.shut();
  await nextTurn();
  t.ok(aborted);
  t.same(replies, []);
});

t.test("calls after the end: not decoded, not recorded, not answered", async (t) => {
  const { call, gate, story } = open();
  gate.shut();
  gate.shut();
  for (const op of ["files.read", "log.write", "nothing"]) call(op, { path: "/a", level: "info", text: "x" });
  await nextTurn();
  t.same(story, []);
});

t.test("a guest that gives one call up: that one is aborted, others go on", async (t) => {
  const aborted: number[] = [];
  const { call } = open({
    act: (_plan, body, { signal }) =>
      new Promise(() => signal.addEventListener("abort", () => aborted.push(body[0] ?? 0))),
  });
  const request = { url: "http://a/", method: "GET", headers: [], redirect: "follow", body: "none", bodyBytes: null };
  call("http.request", request, 1, Uint8Array.of(1));
  call("http.request", request, 2, Uint8Array.of(2));
  await nextTurn();
  call("http.abort", { call: 2 }, 3);
  call("http.abort", { call: 99 }, 4);
  await nextTurn();
  t.same(aborted, [2]);
});

t.test("more calls than the run may make: the limit, and nothing more is done", async (t) => {
  const { call, story } = open({}, { callsMax: 2 });
  for (let id = 1; id <= 4; id += 1) call("log.write", { level: "info", text: String(id) }, id);
  t.same(story, ["log 1", "log 2", "limit calls", "limit calls"], "calls of a wrong shape would count too");
});

t.test("more calls at once than are served: told to wait, and served when others have ended", async (t) => {
  const held: (() => void)[] = [];
  const { call, replies } = open({ act: () => new Promise((resolve) => held.push(() => resolve({}))) });
  for (let id = 1; id <= callsAtOnceMax + 1; id += 1) call("files.stat", { path: "/a" }, id);
  await nextTurn();
  t.match(replies, [{ id: callsAtOnceMax + 1, ok: false, error: { code: "busy" } }]);
  held[0]?.();
  await nextTurn();
  call("files.stat", { path: "/a" }, 5_000);
  await nextTurn();
  t.equal(held.length, callsAtOnceMax + 1, "one ended, one more was taken");
});

t.test("an id that is under way already: the second call is not served in the first one's name", async (t) => {
  const { call, replies, story } = open({ act: () => new Promise(() => {}) });
  call("files.stat", { path: "/a" }, 1);
  call("files.stat", { path: "/b" }, 1);
  await nextTurn();
  t.match(replies, [{ id: 1, ok: false, error: { code: "busy" } }]);
  t.equal(story.filter((step) => step === "authorise").length, 1);
});

t.test("ten thousand denials: a hundred are kept in the record, all are in the audit", async (t) => {
  const { call, gate, records } = open({
    authorize: () => {
      throw new Denied("path", "no", "");
    },
  });
  for (let id = 1; id <= 300; id += 1) call("files.read", { path: "/a" }, id);
  await nextTurn();
  t.equal(gate.denials.length, 100);
  t.equal(records.filter((event) => event.type === "deny").length, 300);
});

t.test("timers of a test's clock: answered when due, with the guest's time; without such a clock never", async (t) => {
  const due = Promise.withResolvers<void>();
  const cleared: number[] = [];
  const timers = { set: () => due.promise, clear: (timer: number) => void cleared.push(timer), nowMs: () => 42 };
  const withClock = open({}, { timers });
  withClock.call("timer.set", { timer: 5, delayMs: 10 }, 3);
  withClock.call("timer.clear", { timer: 6 }, 4);
  await nextTurn();
  t.same(withClock.replies, []);
  due.resolve();
  await nextTurn();
  t.same(withClock.replies, [{ type: "reply", id: 3, ok: true, nowMs: 42 }]);
  t.same(cleared, [6]);
  const without = open();
  without.call("timer.set", { timer: 5, delayMs: 10 }, 3);
  await nextTurn();
  t.same(without.replies, []);
});

t.test(
  "a guest whose time is ours: timers and turns are counted apart from its calls, and bounded as they are",
  async (t) => {
    const timers = { set: () => new Promise<void>(() => {}), clear: () => {}, nowMs: () => 42 };
    const { call, replies, story } = open({}, { timers, callsMax: 3 });
    for (let id = 1; id <= 3; id += 1) call("timer.set", { timer: id, delayMs: 1 }, id);
    for (let id = 4; id <= 6; id += 1) call("files.read", { path: "/a" }, id);
    await nextTurn();
    t.equal(replies.length, 3, "its calls have not become fewer");
    call("turn", {}, 7);
    t.match(story.at(-1), "limit calls");
    const turns = open({}, { timers });
    turns.call("turn", {}, 1);
    t.same(turns.replies, [{ type: "reply", id: 1, ok: true, nowMs: 42 }], "a turn has come when it is asked for");
  },
);

t.test("whoever records is told of each call before anything is done for it, of those that are none too", async (t) => {
  const told: string[] = [];
  const { call, story } = open(
    {},
    { onCall: ({ op, id }, body) => void told.push(`${id} ${op} ${body.length}, ${story.length}`) },
  );
  call("files.write", { path: "/a", mode: "replace" }, 1, Uint8Array.of(1, 2));
  call("nothing", {}, 2);
  call("files.read", { path: "/a" }, "no id");
  t.same(told, ["1 files.write 2, 0", "2 bridge 0, 1"]);
  await nextTurn();
});
