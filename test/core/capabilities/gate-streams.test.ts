// What follows a call or its answer through the gate: pieces as the window and the pipe allow, pulls for an upload, and
// bounds on what a run can make the supervisor hold, whatever it sends.
import t from "tap";
import { Denied, Failed, type Operation } from "../../../runtime/core/capabilities/capability.ts";
import { makeGate, type Operations } from "../../../runtime/core/capabilities/gate.ts";
import type { AuditEvent } from "../../../runtime/model/audit-event.ts";
import { noUsage } from "../../../runtime/model/run.ts";
import { pieceBytesMax, windowBytes } from "../../../runtime/protocol/bridge.ts";
import type { PieceHeader, PullHeader, ReplyHeader } from "../../../runtime/protocol/channel.ts";

const empty = new Uint8Array(0);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const request = { url: "http://a/", method: "POST", headers: [], redirect: "follow", body: "stream", bodyBytes: null };

function open(act: Operation<unknown, unknown>["act"], drained = async () => {}) {
  const sent: { header: ReplyHeader | PieceHeader | PullHeader; bytes: number }[] = [];
  const listening: boolean[] = [];
  const records: AuditEvent[] = [];
  const operation: Operation<unknown, unknown> = { authorize: () => "plan", act };
  const gate = makeGate({
    runId: "run_1",
    job: "job",
    operations: new Proxy({} as Operations, { get: () => operation }),
    log: { write() {} },
    timers: null,
    usage: { ...noUsage },
    callsMax: 1_000_000,
    reply: (header, body) => void sent.push({ header, bytes: body.length }),
    drained,
    listen: (wanted) => void listening.push(wanted),
    record: async (event) => void records.push(event),
    onDenied: () => {},
    onLimit: () => {},
  });
  const say = (op: string, args: object, id: number, body: Uint8Array = empty) =>
    gate.handle({ header: { type: "call", id, op, args }, body });
  const types = () => sent.map(({ header }) => header.type);
  return { gate, sent, listening, records, say, types };
}

async function* endless() {
  for (;;) yield new Uint8Array(65_536);
}

t.test("pieces follow the answer until the window is full, and go on as the guest consumes", async (t) => {
  const { say, sent, types } = open(async () => ({ value: 1, stream: endless() }));
  say("http.request", request, 1);
  await turn();
  const inWindow = windowBytes / 65_536;
  t.strictSame(types(), ["reply", ...new Array(inWindow).fill("piece")]);
  await turn();
  t.equal(sent.length, 1 + inWindow, "and no more, however long it takes");
  say("http.credit", { call: 1, bytes: 65_536 }, 2);
  await turn();
  t.equal(sent.length, 2 + inWindow);
  say("http.abort", { call: 1 }, 3);
  await turn();
  t.match(sent.at(-1)?.header, { type: "piece", id: 1, error: { code: "aborted" } });
});

t.test("a pipe that isn't read holds the stream up, whatever the guest gives credit for", async (t) => {
  let free: (() => void) | undefined;
  const blocked = new Promise<void>((resolve) => {
    free = resolve;
  });
  const { say, sent } = open(
    async () => ({ stream: endless() }),
    () => blocked,
  );
  say("http.request", request, 1);
  await turn();
  say("http.credit", { call: 1, bytes: Number.MAX_SAFE_INTEGER }, 2);
  await turn();
  t.equal(sent.length, 2, "the answer and one piece");
  free?.();
  await turn();
  t.ok(sent.length > 2);
});

t.test("a stream that fails says so in its place, and its last word is its last", async (t) => {
  const failing: [Error, string][] = [
    [new Failed("response_size", "too large"), "response_size"],
    [new Denied("request_size", "too much", "there"), "request_size"],
    [new Error("EIO /host/path"), "internal"],
  ];
  for (const [error, code] of failing) {
    async function* stream() {
      yield Uint8Array.of(1);
      throw error;
    }
    const { say, sent, types } = open(async () => ({ stream: stream() }));
    say("http.request", request, 1);
    await turn();
    t.strictSame(types(), ["reply", "piece", "piece"]);
    const last = sent.at(-1)?.header as PieceHeader;
    t.equal(last.error?.code, code);
    t.notMatch(last.error?.message, /host/);
  }
});

t.test("no piece leaves once the run has ended", async (t) => {
  const { gate, say, sent } = open(async () => ({ stream: endless() }));
  say("http.request", request, 1);
  await turn();
  const before = sent.length;
  gate.shut();
  say("http.credit", { call: 1, bytes: windowBytes }, 2);
  await turn();
  t.equal(sent.length, before);
});

t.test("an upload is pulled piece by piece; a piece out of turn, or too large, ends the call", async (t) => {
  const got: number[] = [];
  const upload: Operation<unknown, unknown>["act"] = async (_plan, _body, context) => {
    for await (const piece of context.upload(false)) got.push(piece.length);
    return { value: got };
  };
  const honest = open(upload);
  honest.say("http.request", request, 1);
  await turn();
  t.match(honest.sent.at(-1)?.header, { type: "pull", id: 1, seq: 1, again: false });
  honest.say("http.piece", { call: 1, seq: 1, last: false }, 2, new Uint8Array(pieceBytesMax));
  await turn();
  honest.say("http.piece", { call: 1, seq: 2, last: true }, 3, Uint8Array.of(1));
  await turn();
  t.match(honest.sent.at(-1)?.header, { type: "reply", id: 1, ok: true });
  t.strictSame(got, [pieceBytesMax, 1]);
  for (const [seq, bytes] of [
    [2, 1],
    [1, pieceBytesMax + 1],
  ] as const) {
    const hostile = open(upload);
    hostile.say("http.request", request, 1);
    await turn();
    hostile.say("http.piece", { call: 1, seq, last: false }, 2, new Uint8Array(bytes));
    await turn();
    t.match(hostile.records, [{ type: "deny", code: "call_invalid" }]);
    t.match(
      hostile.sent.map(({ header }) => header).find((header) => header.type === "reply" && header.id === 1),
      { ok: false, error: { code: "aborted" } },
    );
  }
});

t.test("content that waits for the disk is bounded: above 1 MiB the pipe is left unread", async (t) => {
  const finish: (() => void)[] = [];
  const { say, listening } = open(() => new Promise((resolve) => finish.push(() => resolve({}))));
  const write = (id: number) => say("files.write", { path: "/a", mode: "replace" }, id, new Uint8Array(400_000));
  write(1);
  write(2);
  t.strictSame(listening, []);
  write(3);
  t.strictSame(listening, [false]);
  await turn();
  finish[0]?.();
  await turn();
  t.strictSame(listening, [false, true]);
});

t.test("answers with content are made one at a time, and the next one when the last has left", async (t) => {
  let leave: (() => void) | undefined;
  const { say, types } = open(
    async () => ({ body: new Uint8Array(1_048_576) }),
    () =>
      new Promise((resolve) => {
        leave = resolve;
      }),
  );
  for (let id = 1; id <= 100; id += 1) say("files.read", { path: "/large" }, id);
  await turn();
  t.equal(types().length, 1);
  leave?.();
  await turn();
  t.equal(types().length, 2);
});
