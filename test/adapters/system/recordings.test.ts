// Recordings on a real disk: sealed for their run and place, readable as far as they were written, and told from what was
// altered, exchanged or sealed elsewhere.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import tmp from "tmp";
import { readRecordingFile, writeRecordingFile } from "../../../runtime/adapters/system/recording-file.ts";
import { makeRecordings } from "../../../runtime/adapters/system/recordings.ts";
import { event, type RecordedEvent } from "../../../runtime/protocol/recording.ts";
import { secretBoxIn } from "../../support/signing-keys.ts";

const runA = `run_${"a".repeat(32)}`;
const runB = `run_${"b".repeat(32)}`;
const words = "what the server answered, canary-5d1c";

function open(t: Test) {
  const { name: directory, removeCallback } = tmp.dirSync({ unsafeCleanup: true, mode: 0o700 });
  t.teardown(removeCallback);
  const box = secretBoxIn(directory);
  const recordings = makeRecordings({ stateDirectory: directory, box });
  return { directory, box, recordings, path: (name: string) => join(directory, "recordings", name) };
}

async function textOf(reading: AsyncGenerator<Uint8Array, boolean>): Promise<{ text: string; isWhole: boolean }> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { value, done } = await reading.next();
    if (done === true) return { text: Buffer.concat(pieces).toString(), isWhole: value };
    pieces.push(value);
  }
}

t.test("pieces come back in their order; no byte of them is on the disk", async (t) => {
  const { recordings, path } = open(t);
  const writer = await recordings.create(runA);
  for (const piece of ["one ", words, " three"]) await writer.write(Buffer.from(piece));
  t.same(
    await textOf(recordings.read(runA)),
    { text: `one ${words} three`, isWhole: false },
    "while it is written, too",
  );
  await writer.close();
  t.same(readdirSync(path("..")).filter((name) => name === "recordings").length, 1);
  t.same(readdirSync(path("")), [`${runA}.recording`]);
  t.same(await textOf(recordings.read(runA)), { text: `one ${words} three`, isWhole: true });
  t.equal(statSync(path(`${runA}.recording`)).mode & 0o777, 0o600);
  t.equal(statSync(path("")).mode & 0o777, 0o700);
  t.notOk(readFileSync(path(`${runA}.recording`)).includes(words.slice(0, 8)));
  t.ok(Buffer.from(words).includes(words.slice(0, 8)), "the twin: in the clear it would have been seen");
  t.equal(await recordings.size(runA), readFileSync(path(`${runA}.recording`)).length);
  t.equal(await recordings.size(runB), undefined);
  await t.rejects(textOf(recordings.read(runB)), { code: "recording_unknown" });
});

t.test(
  "a file that is torn at each of its bytes gives the pieces before, and never says that it is whole",
  async (t) => {
    const { recordings, path } = open(t);
    const writer = await recordings.create(runA);
    for (const piece of ["one ", "two ", "three"]) await writer.write(Buffer.from(piece));
    await writer.close();
    const whole = readFileSync(path(`${runA}.recording`));
    const seen = new Set<string>();
    for (let length = 0; length < whole.length; length += 1) {
      writeFileSync(path(`${runA}.recording`), whole.subarray(0, length));
      const { text, isWhole } = await textOf(recordings.read(runA));
      t.equal(isWhole, false);
      seen.add(text);
    }
    t.same([...seen], ["", "one ", "one two ", "one two three"]);
  },
);

t.test("altered, exchanged, put in another's place, of another installation: none of it opens", async (t) => {
  const { recordings, path } = open(t);
  for (const run of [runA, runB]) {
    const writer = await recordings.create(run);
    for (const piece of ["one ", "two "]) await writer.write(Buffer.from(piece));
    await writer.close();
  }
  const [a, b] = [runA, runB].map((run) => readFileSync(path(`${run}.recording`))) as [Buffer, Buffer];
  for (const at of [20, 60, a.length - 1]) {
    const altered = Buffer.from(a);
    altered[at] = (altered[at] ?? 0) ^ 1;
    writeFileSync(path(`${runA}.recording`), altered);
    await t.rejects(textOf(recordings.read(runA)), { code: "sealed_invalid" }, `byte ${at}`);
  }
  writeFileSync(path(`${runA}.recording`), b);
  await t.rejects(textOf(recordings.read(runA)), { code: "sealed_invalid" }, "another run's");
  const elsewhere = open(t);
  mkdirSync(elsewhere.path(""));
  writeFileSync(elsewhere.path(`${runA}.recording`), a);
  await t.rejects(textOf(elsewhere.recordings.read(runA)), {
    code: "sealed_invalid",
    message: /recording can't be opened/,
  });
  writeFileSync(path(`${runA}.recording`), a);
  t.same(await textOf(recordings.read(runA)), { text: "one two ", isWhole: true }, "as it was, it does");
});

t.test("a run that is launched anew after a crash begins its recording anew", async (t) => {
  const { recordings } = open(t);
  const first = await recordings.create(runA);
  await first.write(Buffer.from("before the crash, and a good deal longer than what comes"));
  await first.abandon();
  const second = await recordings.create(runA);
  await second.write(Buffer.from("after"));
  await second.close();
  t.same(await textOf(recordings.read(runA)), { text: "after", isWhole: true });
});

const events: RecordedEvent[] = [
  event({ type: "call", id: 1, op: "files.read" }, { path: "/a" }),
  event({ type: "reply", id: 1, ok: true, nowMs: 5 }, undefined, Buffer.from(words)),
  event({ type: "reply", id: 2, ok: true, nowMs: 6 }, { a: 1 }, Uint8Array.of(0xff, 0xfe, 0)),
  event({ type: "end" }, { state: "succeeded", result: null, error: null }),
];
const plain = (all: readonly RecordedEvent[]) =>
  all.map(({ head, data, bytes }) => ({ head, data, bytes: Buffer.from(bytes).toString("latin1") }));

t.test("exported: sealed, and in the clear when that was asked for, with a word that it is", async (t) => {
  const { directory, box } = open(t);
  const sealed = join(directory, "a.recording");
  const clear = join(directory, "b.recording");
  await writeRecordingFile(sealed, events, box);
  await writeRecordingFile(clear, events, null);
  for (const path of [sealed, clear]) {
    t.equal(statSync(path).mode & 0o777, 0o600);
    const read = await readRecordingFile(path, () => box);
    t.same(plain(read.events), plain(events));
    t.equal(read.isWhole, true);
    await t.rejects(writeRecordingFile(path, events, box), { code: "usage", found: /is there already/ });
  }
  t.notOk(readFileSync(sealed).includes("canary-5d1c"));
  const text = readFileSync(clear, "utf8");
  t.match(text.split("\n")[0], /"mayfly\.recording".*"In the clear: what servers and files answered/);
  t.ok(text.includes(words), "readable for people");
  await t.rejects(
    readRecordingFile(sealed, () => open(t).box),
    { code: "sealed_invalid" },
  );
  await t.rejects(
    readRecordingFile(join(directory, "none"), () => box),
    { code: "recording_unknown" },
  );
  await t.rejects(writeRecordingFile(join(directory, "no/such/place"), events, null), { code: "usage" });
  t.notOk(existsSync(join(directory, "no")));
});

t.test("a file that is no recording, or one by another version", async (t) => {
  const { directory, box } = open(t);
  const path = join(directory, "x");
  const first = JSON.stringify({ type: "mayfly.recording", version: 1 });
  for (const text of [
    "{",
    "{}",
    '{"type":"mayfly.recording","version":2}',
    `${first}\nno json`,
    `${first}\n7`,
    `${first}\n{"type":"unknown"}`,
    `${first}\n{"type":"call","id":0,"op":"x"}`,
    `${first}\n{"type":"call","id":1,"op":"x","more":1}`,
    `${first}\n{"type":"about","version":2}`,
    `${first}\n{"type":"__proto__"}`,
  ]) {
    writeFileSync(path, text);
    await t.rejects(
      readRecordingFile(path, () => box),
      { name: "RecordingInvalid" },
      text,
    );
  }
  writeFileSync(path, "neither sealed nor a line");
  t.match(await readRecordingFile(path, () => box), { events: [], isWhole: false });
  renameSync(path, join(directory, "y"));
});
