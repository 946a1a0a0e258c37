// The door of a replay, with a guest whose words are the test's: what goes down, when, and in which order.
import { createHash } from "node:crypto";
import t from "tap";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { type DoorParts, makeDoor } from "../../../runtime/core/recording/door.ts";
import type { Given, RecordedCall, Recording } from "../../../runtime/core/recording/recording.ts";
import { makeRedactor } from "../../../runtime/core/recording/redactor.ts";
import { noIsolateGrant } from "../../../runtime/model/grant.ts";
import { defaultLimits } from "../../../runtime/model/limits.ts";

const empty = new Uint8Array(0);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const settle = () => new Promise((resolve) => setImmediate(resolve));

function recordingOf(calls: RecordedCall[], given: Given[], more: Partial<Recording> = {}): Recording {
  const about = {
    runId: "run_1",
    job: "job",
    spiffeId: "",
    nowMs: 1_000,
    seed: "",
    digest: "",
    limits: {},
    isolate: noIsolateGrant,
    engine: "",
  };
  return {
    ...{ about, input: "null", placeholders: [], calls, given, sent: new Map(), lines: [] },
    bundle: { code: empty, digest: "", sourceMap: "{}", inputs: [] },
    ...{ end: { state: "succeeded", result: null, error: null }, cut: null, isOpen: false, limits: defaultLimits },
    ...more,
  };
}

const read = (id: number, path: string): RecordedCall => ({ id, op: "files.read", args: { path }, digest: undefined });
const wait = (id: number, delayMs: number): RecordedCall => ({
  id,
  op: "timer.set",
  args: { timer: id, delayMs },
  digest: undefined,
});
const reply = (id: number, nowMs: number, behind = 0): Given => ({
  type: "reply",
  id,
  ok: true,
  value: id,
  body: empty,
  nowMs,
  behind,
});

function open(recording: Recording, parts: Partial<DoorParts> = {}) {
  const down: string[] = [];
  const stuck: boolean[] = [];
  let seq = 0;
  const door = makeDoor({
    recording,
    redactor: makeRedactor({ known: [], random }),
    callsMax: 1_000,
    log: () => {},
    send: (header, body = empty) => {
      if (header.type === "sync") seq = header.seq;
      else if (header.type === "reply")
        down.push(`${header.id} ${header.ok ? `ok ${header.value ?? ""}` : header.error?.code} @${header.nowMs}`);
      else if (header.type === "piece") down.push(`${header.id} ${body.length} bytes${header.last ? ", last" : ""}`);
      else down.push(header.type === "pull" ? `${header.id} pull ${header.seq}` : header.type);
    },
    drained: async () => {},
    onLimit: (limit) => void down.push(`limit ${limit}`),
    onStuck: (beyond) => void stuck.push(beyond),
    ...parts,
  });
  door.open();
  const say = async (op: string, id: number, args: object, body = empty) => {
    door.handle({ header: { type: "call", id, op, args }, body });
    await settle();
  };
  const idle = async () => {
    door.idle(seq);
    await settle();
  };
  return { door, down, stuck, say, idle };
}

t.test("answers keep their order, also when their calls come in another", async (t) => {
  const { down, say, idle } = open(
    recordingOf([read(1, "/a"), read(2, "/b"), read(3, "/c")], [reply(2, 2), reply(1, 3), reply(3, 4)]),
  );
  await say("files.read", 7, { path: "/a" });
  t.same(down, [], "/b was answered first");
  await say("files.read", 8, { path: "/c" });
  t.same(down, []);
  await say("files.read", 9, { path: "/b" });
  t.same(down, ["9 ok 2 @2", "7 ok 1 @3", "8 ok 3 @4"]);
  await idle();
});

t.test("an answer to what is never asked is passed over once the guest is idle, and not before", async (t) => {
  const { door, down, say, idle } = open(recordingOf([read(1, "/a"), read(2, "/b")], [reply(1, 2), reply(2, 3)]));
  await say("files.read", 1, { path: "/b" });
  t.same(down, []);
  door.idle(0);
  await settle();
  t.same(down, [], "an old word of idleness says nothing");
  await idle();
  t.same(down, ["1 ok 2 @3"]);
  await say("files.read", 2, { path: "/a" });
  t.same(down, ["1 ok 2 @3", "2 ok 1 @2"], "asked later it is answered later");
});

t.test("a call that isn't there fails at once; of the same calls each is answered once", async (t) => {
  const { door, down, say } = open(recordingOf([read(1, "/a"), read(2, "/a")], [reply(1, 2), reply(2, 3)]));
  await say("files.read", 1, { path: "/x" });
  await say("files.read", 2, { path: "/a" });
  await say("files.read", 3, { path: "/a" });
  await say("files.read", 4, { path: "/a" });
  await say("files.read", 5, { path: 7 });
  t.same(down, ["1 replay_diverged @1000", "2 ok 1 @2", "3 ok 2 @3", "4 replay_diverged @3", "5 replay_diverged @3"]);
  t.same(
    door.divergences.map(({ made, recorded }) => [made?.op, recorded?.id]),
    [
      ["files.read", 1],
      ["files.read", undefined],
      ["bridge", undefined],
    ],
  );
});

t.test(
  "timers: the recorded ones when they were due, others in between, the rest when nothing else is left",
  async (t) => {
    const recording = recordingOf([wait(1, 50), read(2, "/a"), wait(3, 900)], [reply(1, 1_060), reply(2, 1_200)]);
    const { down, stuck, say, idle } = open(recording);
    await say("timer.set", 1, { timer: 1, delayMs: 50 });
    t.same(down, ["1 ok 1 @1060"]);
    await say("timer.set", 2, { timer: 2, delayMs: 100 });
    await say("timer.set", 3, { timer: 3, delayMs: 900 });
    await say("timer.set", 4, { timer: 4, delayMs: 5 });
    await say("timer.clear", 5, { timer: 4 });
    await say("files.read", 6, { path: "/a" });
    t.same(down.slice(1), [], "there may be more that is due before");
    await idle();
    t.same(down.slice(1), ["2 ok  @1160", "6 ok 2 @1200"], "one of the job's own, at its time");
    await idle();
    t.same(down.slice(3), ["3 ok  @1960"], "it was never due then: it is last");
    await idle();
    t.same(stuck, [false]);
    await say("timer.set", 7, { timer: 7, delayMs: 2_000_000 });
    await idle();
    t.same(down.length, 4, "beyond the run's own time none is due");
  },
);

t.test("a response goes down as there is room for it; a body goes up as it was asked for", async (t) => {
  const request = (id: number, body: string): RecordedCall => ({
    ...{ id, op: "http.request", digest: undefined },
    args: { url: "http://a/", method: "POST", headers: [], redirect: "follow", body, bodyBytes: 5 },
  });
  const piece = (bytes: number, last: boolean): Given => ({
    type: "piece",
    id: 1,
    body: new Uint8Array(bytes),
    last,
    nowMs: 2,
    behind: 1,
  });
  const recording = recordingOf(
    [request(1, "stream")],
    [
      { type: "pull", id: 1, seq: 1, again: false, nowMs: 1, behind: 0 },
      ...[reply(1, 2, 1), piece(200_000, false), piece(100_000, false), piece(1, true)],
    ],
    { sent: new Map([[1, [{ seq: 1, last: true, digest: sha256(Uint8Array.of(1)) }]]]) },
  );
  const asks = { url: "http://a/", method: "POST", headers: [], redirect: "follow", body: "stream", bodyBytes: null };
  const { door, down, say, idle } = open(recording);
  await say("http.request", 4, asks);
  t.same(down, ["4 pull 1"], "the length of a body is not compared, and nothing is answered before it has come");
  await say("http.piece", 5, { call: 4, seq: 1, last: true }, Uint8Array.of(1));
  t.same(down.slice(1), ["4 ok 1 @2", "4 200000 bytes", "4 100000 bytes"], "then the window is full");
  await idle();
  t.equal(down.length, 4);
  await say("http.credit", 6, { call: 4, bytes: 100_000 });
  t.same(down.slice(4), ["4 1 bytes, last"]);
  t.same(door.divergences, []);

  for (const [bytes, last] of [
    [Uint8Array.of(2), true],
    [Uint8Array.of(1), false],
  ] as const) {
    const other = open(recording);
    await other.say("http.request", 4, asks);
    await other.say("http.piece", 5, { call: 4, seq: 1, last }, bytes);
    t.same(other.down, ["4 pull 1", "4 replay_diverged @1"]);
    t.match(other.door.divergences, [{ kind: "body", made: { id: 4 }, recorded: { id: 1 } }]);
    await other.idle();
    t.equal(other.down.length, 2, "and no more of it is answered");
  }
});

t.test("at the end of a recording whose run went on: no divergence, and no answer", async (t) => {
  const { door, down, stuck, say, idle } = open(
    recordingOf([read(1, "/a")], [reply(1, 2)], { isOpen: true, cut: "its bound", end: null }),
  );
  await say("files.read", 1, { path: "/a" });
  await say("files.read", 2, { path: "/b" });
  await say("timer.set", 3, { timer: 1, delayMs: 5 });
  await idle();
  t.same(down, ["1 ok 1 @2"]);
  t.same(stuck, [true]);
  t.same(door.divergences, []);
});

t.test("a call whose answer the run didn't live to see fails once nothing else is left", async (t) => {
  const { door, down, stuck, say, idle } = open(recordingOf([read(1, "/a"), read(2, "/b")], [reply(1, 2)]));
  await say("files.read", 1, { path: "/b" });
  await say("files.read", 2, { path: "/a" });
  t.same(down, ["2 ok 1 @2"]);
  await idle();
  t.same(down, ["2 ok 1 @2", "1 replay_diverged @2"]);
  t.match(door.divergences, [{ kind: "not answered", made: { id: 1 } }]);
  await idle();
  t.same(stuck, [false]);
});

t.test("calls are counted as in a run, and after its end nobody is heard", async (t) => {
  const { door, down, say } = open(recordingOf([], []), { callsMax: 2 });
  await say("files.read", 1, { path: "/a" });
  await say("timer.set", 2, { timer: 1, delayMs: 1 });
  await say("log.write", 3, { level: "info", text: "" });
  await say("files.read", 4, { path: "/a" });
  t.same(down, ["1 replay_diverged @1000", "limit calls"]);
  door.shut();
  await say("files.read", 5, { path: "/a" });
  t.equal(down.length, 2);
});
