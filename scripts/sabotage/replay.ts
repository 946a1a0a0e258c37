// Sabotages of recordings: what keeps credentials out of them and strangers from them, and what bounds them.
import type { Sabotage } from "./sabotage.ts";

const recording = "runtime/core/recording";
const credentials = ["test/recording/credentials.test.ts", "test/core/recording/redactor.test.ts"];
const disk = ["test/adapters/system/recordings.test.ts"];
const cut = ["test/recording/cut.test.ts"];

export const replaySabotages: readonly Sabotage[] = [
  {
    id: "replay-not-armed",
    defence: "the recorder is told of a credential before the job is",
    threats: ["CRED-10"],
    file: "runtime/core/scheduler/run.ts",
    find: "      recorder?.arm(live.parts);\n",
    replace: "",
    caughtBy: credentials,
  },
  {
    id: "replay-content-as-it-came",
    defence: "content that goes down is cleaned before it is kept",
    threats: ["CRED-10"],
    file: `${recording}/recorded-events.ts`,
    find: "const out = [await stream.push(bytes)];",
    replace: "const out = [bytes];",
    caughtBy: credentials,
  },
  {
    id: "replay-arguments-as-they-came",
    defence: "arguments of calls are cleaned before they are kept",
    threats: ["CRED-10"],
    file: `${recording}/recorded-events.ts`,
    find: "...digest }, redactor.compared(args));",
    replace: "...digest }, args);",
    caughtBy: credentials,
  },
  {
    id: "replay-compressed-kept",
    defence: "what is compressed around a credential is not kept",
    threats: ["CRED-10"],
    file: `${recording}/redactor.ts`,
    find: "if (packed !== undefined) throw",
    replace: "if (false) throw",
    caughtBy: credentials,
  },
  {
    id: "replay-blind",
    defence: "a credential that can't be looked for cuts the recording",
    threats: ["CRED-12"],
    file: `${recording}/redactor.ts`,
    find: "if (isBlind) throw",
    replace: "if (false) throw",
    caughtBy: credentials,
  },
  {
    id: "replay-recording-of-any-run",
    defence: "a recording is sealed for its run",
    threats: ["CRED-17"],
    file: "runtime/adapters/system/recordings.ts",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    find: "`recording ${runId}`",
    replace: '"recording"',
    caughtBy: disk,
  },
  {
    id: "replay-torn-is-whole",
    defence: "a recording whose end is missing is said to be cut",
    threats: ["CRED-17"],
    file: "runtime/adapters/keys/sealed-pieces.ts",
    find: "if (last !== undefined) return true;\n  }\n  return false;",
    replace: "if (last !== undefined) return true;\n  }\n  return true;",
    caughtBy: disk,
  },
  {
    id: "replay-no-bound",
    defence: "a recording ends at its bound",
    threats: ["RES-12"],
    file: `${recording}/recorder.ts`,
    find: "bytes + encoded.length > bytesMax - lastWordBytes",
    replace: "false",
    caughtBy: cut,
  },
  {
    id: "replay-disk-fails-the-run",
    defence: "a disk that refuses a recording costs the run nothing",
    threats: ["RES-28"],
    file: `${recording}/recorder.ts`,
    find: '      cutOff("the disk or the key refused it");',
    replace: '      throw new Error("the disk refused it");',
    caughtBy: cut,
  },
  {
    id: "replay-in-the-clear",
    defence: "recordings are sealed",
    threats: ["CRED-17"],
    file: "runtime/adapters/system/recordings.ts",
    find: "Buffer.concat(await seal(bytes, isLast))",
    replace: "bytes",
    caughtBy: disk,
  },
];
