// Kinds whose executor doesn't keep to the protocol, as one would whose isolate was escaped from. One stand-in program for
// all of them, behind the real walls: what it does, the launched input says.
import { impostor } from "../executor/impostor.ts";
import { type Kind, pick } from "./kind.ts";

// `impostor` acts on the launch without its input: that is read here, from the first frame. What acts is asynchronous
// and begins a turn later.
const readLaunch = `
let asked, launchHeld = Buffer.alloc(0);
pipe.on("data", (chunk) => {
  if (asked !== undefined) return;
  launchHeld = Buffer.concat([launchHeld, chunk]);
  while (launchHeld.length >= 8) {
    const h = launchHeld.readUInt32BE(0), total = 8 + h + launchHeld.readUInt32BE(4);
    if (launchHeld.length < total) return;
    const header = JSON.parse(launchHeld.subarray(8, 8 + h).toString());
    launchHeld = launchHeld.subarray(total);
    if (header.type === "launch") { asked = JSON.parse(header.input); return; }
  }
});
`;

const acts = `
await null;
const stay = () => setInterval(() => {}, 1e6);
const bytes = Buffer.from(asked.bytes ?? "", "base64");
switch (asked.act) {
  case "bytes": raw(bytes); stay(); break;
  case "mutated": {
    const good = Buffer.concat([frame({ type: "call", id: 1, op: "files.stat", args: { path: "/output" } }), frame({ type: "call", id: 2, op: "log.write", args: { level: "info", text: "x" } }), frame({ type: "done" }, "[1]")]);
    for (let i = 0; i + 1 < bytes.length; i += 2) good[bytes[i] % good.length] = bytes[i + 1];
    raw(good); stay(); break;
  }
  case "half": raw(frame({ type: "done" }, "[]").subarray(0, asked.size)); stay(); break;
  case "exit": process.exit(asked.size);
  case "abort": process.abort();
  case "twice": done(1); done(2); say({ type: "failed", name: "E", message: "m", stack: "", kind: "threw" }); stay(); break;
  case "flood": for (let id = 1; ; id++) say({ type: "call", id: id % 7, op: asked.op, args: asked.args });
  case "deep": say({ type: "call", id: 1, op: "files.stat", args: JSON.parse("[".repeat(asked.size) + "]".repeat(asked.size)) }); stay(); break;
  case "large": for (let n = 0; n < 4; n++) say({ type: "call", id: n + 1, op: "files.write", args: { path: "/output/x", mode: "replace" } }, Buffer.alloc(asked.size)); done("large"); break;
  case "deaf": pipe.pause(); stay(); for (let id = 1; id < 50; id++) say({ type: "call", id, op: "files.list", args: { path: "/output" } }); break;
  case "result": say({ type: "done" }, bytes); stay(); break;
  default: say({ type: "failed", name: "E".repeat(asked.size), message: "\\u001b[2J", stack: "s".repeat(asked.size), kind: "threw" }); stay();
}
`;

/** Stands in the place of the executor's script. */
export const impostorScript: string = impostor(acts, readLaunch);

const wallMs = 120;
const base64 = (random: { below(end: number): number }, bytesMax: number) =>
  Buffer.from(Array.from({ length: 1 + random.below(bytesMax) }, () => random.below(256))).toString("base64");

type Act = Pick<Kind, "name" | "endsBy" | "input">;

const kinds: Act[] = [
  { name: "garbage", input: (random) => ({ act: "bytes", bytes: base64(random, 200) }), endsBy: ["crash"] },
  {
    name: "mutated-frames",
    input: (random) => ({ act: "mutated", bytes: base64(random, 12) }),
    endsBy: ["crash", "ok", "job_threw"],
  },
  { name: "half-a-frame", input: (random) => ({ act: "half", size: 1 + random.below(20) }), endsBy: ["crash"] },
  { name: "exits", input: (random) => ({ act: "exit", size: random.below(256) }), endsBy: ["crash"] },
  { name: "aborts", input: () => ({ act: "abort" }), endsBy: ["crash"] },
  { name: "speaks-twice", input: () => ({ act: "twice" }), endsBy: ["ok"] },
  {
    name: "frame-flood",
    input: (random) => ({
      act: "flood",
      ...pick(random, [
        { op: "files.stat", args: { path: "/output" } },
        { op: "none", args: {} },
        { op: "log.write", args: { level: "info", text: "\n".repeat(50) } },
        { op: "http.request", args: {} },
        { op: "credential.fetch", args: {} },
      ]),
    }),
    endsBy: ["calls", "logs", "crash", "cpu", "memory"],
  },
  { name: "deep-header", input: (random) => ({ act: "deep", size: 10 + random.below(60_000) }), endsBy: ["crash"] },
  {
    name: "large-bodies",
    input: (random) => ({ act: "large", size: random.below(8_000_000) }),
    endsBy: ["ok", "memory", "crash"],
  },
  { name: "deaf", input: () => ({ act: "deaf" }), endsBy: ["crash"] },
  {
    name: "result-bytes",
    input: (random) => ({ act: "result", bytes: base64(random, 300) }),
    endsBy: ["crash", "ok", "output"],
  },
  {
    name: "failure-text",
    input: (random) => ({ act: "failure", size: random.below(70_000) }),
    endsBy: ["job_threw", "crash"],
  },
];

export const impostors: readonly Kind[] = kinds.map((kind) => ({ ...kind, body: "return 1;", wallMs }));
