// A run's recorder with a disk of the test's: what it keeps and when, its bound at its edge, and that nothing of a slow, full
// or dead disk reaches the run.
import t from "tap";
import { systemRandom as random } from "../../../runtime/adapters/system/random.ts";
import { digestOf } from "../../../runtime/core/bundle/digest.ts";
import { makeRecorder, type RecorderParts } from "../../../runtime/core/recording/recorder.ts";
import { makeRecording } from "../../../runtime/core/recording/recording.ts";
import { noIsolateGrant } from "../../../runtime/model/grant.ts";
import { defaultLimits } from "../../../runtime/model/limits.ts";
import type { RecordingWriter } from "../../../runtime/ports/recordings.ts";
import { decodeEvents, type RecordedEnd } from "../../../runtime/protocol/recording.ts";
import { makeCanary } from "../../../runtime/testkit/canary.ts";

const MiB = 1_048_576;
const code = Buffer.from("the job's code");
const ended: RecordedEnd = { state: "succeeded", result: 7, error: null };

function open(writer: Partial<RecordingWriter> = {}, parts: Partial<RecorderParts> = {}) {
  const kept: Uint8Array[] = [];
  let closed = 0;
  let late: (() => void) | undefined;
  const recorder = makeRecorder({
    about: {
      ...{ runId: "run_1", job: "job", spiffeId: "spiffe://a", nowMs: 5, digest: digestOf(code) },
      limits: { ...defaultLimits },
      isolate: noIsolateGrant,
    },
    input: '{"a":1}',
    bundle: { code, sourceMap: "{}" },
    bytesMax: MiB,
    recordings: {
      engine: "node 1",
      create: async () => ({
        write: async (bytes) => void kept.push(bytes),
        close: async () => {
          closed += 1;
        },
        abandon: async () => {},
        ...writer,
      }),
    },
    random,
    clock: {
      nowMs: () => 5,
      monotonicMs: () => 5,
      setTimer(delayMs, call) {
        if (delayMs > 0) late = call;
        else setImmediate(call);
        return () => {};
      },
    },
    known: ["run_1", "job"],
    ...parts,
  });
  const read = async (isWhole = true) => {
    const reading = (async function* (): AsyncGenerator<Uint8Array, boolean> {
      yield* kept;
      return isWhole;
    })();
    const { events } = await decodeEvents(reading);
    return makeRecording(events, isWhole);
  };
  return { recorder, kept, read, closed: () => closed, giveUp: () => late?.() };
}

const reading = (id: number, path = "/a") => ({ id, op: "files.read", args: { path } });
const answer = (id: number, nowMs = 6) => ({ type: "reply", id, ok: true, nowMs }) as const;

t.test("what passes is kept in its order, as it was when it passed", async (t) => {
  const { recorder, read, closed } = open();
  const body = Buffer.from("content");
  recorder.called(reading(1), new Uint8Array(0));
  recorder.answered({ ...answer(1), value: { b: 2 } }, body);
  body.fill(0); // let go, and used for something else
  recorder.called({ id: 2, op: "http.credit", args: { call: 1, bytes: 1 } }, new Uint8Array(0));
  recorder.called({ id: 3, op: "log.write", args: { level: "info", text: "raw" } }, new Uint8Array(0));
  recorder.logged({ at: "", level: "warn", text: "as it is kept" });
  recorder.called({ id: 4, op: "files.write", args: { path: "/b", mode: "replace" } }, Buffer.from("up"));
  recorder.answered(
    { type: "reply", id: 4, ok: false, error: { code: "quota", message: "no" }, nowMs: 7 },
    new Uint8Array(0),
  );
  recorder.signalled("soon over", 8);
  const note = await recorder.close(ended);
  t.equal(note.cut, null);
  t.equal(closed(), 1);
  const { about, input, calls, given, lines, end, cut, bundle } = await read();
  t.match(about, { runId: "run_1", job: "job", engine: "node 1", seed: recorder.seed, nowMs: 5 });
  t.match(recorder.seed, /^[0-9a-f]{64}$/);
  t.equal(input, '{"a":1}');
  t.same(Buffer.from(bundle.code), code);
  t.match(calls, [
    { id: 1, op: "files.read", args: { path: "/a" }, digest: undefined },
    { id: 4, op: "files.write", digest: digestOf(Buffer.from("up")).replace("sha256:", "") },
  ]);
  t.equal(calls.length, 2);
  t.match(given, [
    { type: "reply", id: 1, ok: true, value: { b: 2 }, nowMs: 6 },
    { type: "reply", id: 4, ok: false, error: { code: "quota", message: "no" } },
    { type: "signal", reason: "soon over", nowMs: 8 },
  ]);
  t.equal(Buffer.from((given[0] as { body: Uint8Array }).body).toString(), "content");
  t.same(lines, [{ level: "warn", text: "as it is kept" }]);
  t.same([end, cut], [ended, null]);
});

t.test("its bound, at its edge", async (t) => {
  const whole = open();
  whole.recorder.answered(answer(1), new Uint8Array(1_000));
  const { bytes } = await whole.recorder.close(ended);
  for (const [bytesMax, cut] of [
    [bytes + 1_024, null],
    [bytes + 1_023, `its bound of ${bytes + 1_023}B is reached`],
  ] as const) {
    const { recorder, kept, read } = open({}, { bytesMax });
    recorder.answered(answer(1), new Uint8Array(1_000));
    const note = await recorder.close(ended);
    t.equal(note.cut, cut);
    t.equal(note.bytes, Buffer.concat(kept).length);
    t.ok(note.bytes <= bytesMax, "with its last word");
    t.match(await read(), { cut, isOpen: cut !== null });
  }
  const large = open({}, { bytesMax: 64 * MiB });
  large.recorder.answered({ ...answer(1), value: "v".repeat(1_000) }, new Uint8Array(16 * MiB));
  t.match(await large.recorder.close(ended), { cut: /bound/ }, "what no frame takes is not kept");
});

t.test("more than waits for the disk: cut there, and what came before is kept", async (t) => {
  const { recorder, read } = open({}, { bytesMax: 256 * MiB });
  recorder.called(reading(1), new Uint8Array(0));
  for (let id = 1; id <= 5; id += 1) recorder.answered(answer(id), new Uint8Array(9 * MiB));
  t.match(await recorder.close(ended), { cut: "it came faster than it could be written" });
  const recording = await read();
  t.equal(recording.given.length, 3, "which fit in what may wait");
  t.equal(recording.end, null);
});

t.test("a disk that refuses, at any step: the recording is cut, and closing never rejects", async (t) => {
  const refuse = () => Promise.reject(new Error("ENOSPC at /host/path"));
  const never = open({}, { recordings: { engine: "", create: refuse } });
  never.recorder.called(reading(1), new Uint8Array(0));
  t.same(await never.recorder.close(ended), { bytes: 0, cut: "it could not be begun" });
  let writes = 0;
  let abandoned = 0;
  const later = open({
    write: async () => {
      writes += 1;
      if (writes > 1) await refuse();
    },
    close: refuse,
    abandon: async () => {
      abandoned += 1;
    },
  });
  later.recorder.called(reading(1), new Uint8Array(0));
  await new Promise((resolve) => setTimeout(resolve, 20));
  later.recorder.called(reading(2), new Uint8Array(0));
  t.match(await later.recorder.close(ended), { cut: "the disk or the key refused it" });
  t.equal(abandoned, 1, "its file is let go");
  const atEnd = open({ close: refuse });
  t.match(await atEnd.recorder.close(ended), { cut: "the disk or the key refused its end" });
});

t.test("a disk that never answers: the run's end waits so long and no longer", async (t) => {
  const { recorder, giveUp } = open({ write: () => new Promise(() => {}) });
  recorder.called(reading(1), new Uint8Array(0));
  const closing = recorder.close(ended);
  await new Promise((resolve) => setImmediate(resolve));
  giveUp();
  t.match(await closing, { cut: "it was not written in time" });
});

t.test("[CRED-10] identity tokens are the run's to show, and not the recording's", async (t) => {
  const token = `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"sub":"spiffe://a"}').toString("base64url")}.${makeCanary()}${makeCanary()}`;
  const { recorder, kept, read } = open();
  recorder.called({ id: 1, op: "identity.token", args: { audience: "https://a" } }, new Uint8Array(0));
  recorder.answered({ ...answer(1), value: { token, expiresAt: 9 } }, new Uint8Array(0));
  recorder.called(
    { id: 2, op: "http.request", args: { headers: [["authorization", `Bearer ${token}`]] } },
    new Uint8Array(0),
  );
  recorder.logged({ at: "", level: "info", text: `token ${token}` });
  t.match(await recorder.close({ ...ended, result: { token } }), { cut: null });
  t.notOk(Buffer.concat(kept).includes(token.slice(-20)));
  const { given, calls, lines, end, placeholders } = await read();
  const value = (given[0] as { value: { token: string; expiresAt: number } }).value;
  t.equal(value.token, placeholders[0]);
  t.equal(value.token.length, token.length);
  t.same(value.token.split(".").slice(0, 2), token.split(".").slice(0, 2), "what it says is still there to be read");
  t.match(
    [calls[1]?.args, lines, end],
    [
      { headers: [["authorization", "Bearer [credential]"]] },
      [{ text: "token [credential]" }],
      { result: { token: "[credential]" } },
    ],
  );
});
