// Sabotages of what is used more than once: executors that serve again, and the code caches that V8 believes.
import type { Sabotage } from "./sabotage.ts";

const runs = ["test/executor/reuse.test.ts"];
const keys = ["test/core/scheduler/reuse.test.ts"];
const endings = ["test/core/scheduler/teardown.test.ts"];
const waiting = ["test/adapters/system/executor-reuse.test.ts"];
const bundles = ["test/executor/code-cache.test.ts"];
const globals = ["test/adapters/system/guest-cache.test.ts"];

export const reuseSabotages: readonly Sabotage[] = [
  {
    id: "reuse-any-tenant",
    defence: "an executor serves runs of one tenant",
    threats: ["ISO-20"],
    file: "runtime/core/scheduler/reuse.ts",
    find: "[spec.tenant, spec.name, bundle.digest]",
    replace: "[spec.name, bundle.digest]",
    caughtBy: keys,
  },
  {
    id: "reuse-any-bundle",
    defence: "an executor serves runs of one job and bundle",
    threats: ["ISO-20"],
    file: "runtime/core/scheduler/reuse.ts",
    find: "[spec.tenant, spec.name, bundle.digest]",
    replace: "[spec.tenant]",
    caughtBy: runs,
  },
  {
    id: "reuse-after-denials",
    defence: "a run that tried doors leaves no executor",
    threats: ["ISO-20"],
    file: "runtime/core/scheduler/reuse.ts",
    find: "gate.denials.length <= denialsMax && ",
    replace: "",
    caughtBy: runs,
  },
  {
    id: "reuse-after-any-end",
    defence: "a run that ended badly leaves no executor",
    threats: ["ISO-20"],
    file: "runtime/core/scheduler/teardown.ts",
    find: 'const isKept = ending.state === "succeeded" && ',
    replace: "const isKept = ",
    caughtBy: [...runs, ...endings],
  },
  {
    id: "reuse-without-number",
    defence: "an executor serves its number of runs and no more",
    threats: ["ISO-20"],
    file: "runtime/adapters/system/executor-reuse.ts",
    find: "runs >= runsMax || ",
    replace: "",
    caughtBy: runs,
  },
  {
    id: "reuse-grown",
    defence: "an executor whose memory has grown is not kept",
    threats: ["RES-05"],
    file: "runtime/adapters/system/executor-reuse.ts",
    find: "    if (stat.rssBytes > firstRssBytes + driftBytesMax) return false;\n",
    replace: "",
    caughtBy: waiting,
  },
  {
    id: "reuse-any-ready",
    defence: "that it is renewed, only the executor can say",
    threats: ["ISO-20"],
    file: "runtime/adapters/system/sandboxed-process.ts",
    find: " && frame.header.word === this.#renewal.word",
    replace: "",
    caughtBy: waiting,
  },
  {
    id: "reuse-guest-lives-on",
    defence: "what the guest before left going has ended",
    threats: ["ISO-19"],
    file: "runtime/executor/inhabitant.ts",
    find: "    hasEnded = true;\n    for (const timer of timers.values()) clearTimeout(timer);\n",
    replace: "",
    caughtBy: runs,
  },
  {
    id: "cache-of-changed-bundle",
    defence: "a bundle is compiled for later runs when it is what its digest says",
    threats: ["ISO-17"],
    file: "runtime/core/bundle/code-cache.ts",
    find: "    verifiedDigest(bundle);\n",
    replace: "",
    caughtBy: bundles,
  },
  {
    id: "cache-by-length",
    defence: "a code cache is kept under the digest of its bundle",
    threats: ["ISO-17"],
    file: "runtime/core/bundle/code-cache.ts",
    find: "const key = bundle.digest;",
    replace: "const key = String(bundle.code.length);",
    caughtBy: bundles,
  },
  {
    id: "cache-by-running",
    defence: "the executor that compiles a bundle runs nothing of it",
    threats: ["ISO-17"],
    file: "runtime/executor/isolate.ts",
    find: "    const { cachedData } = compiled as {",
    replace: "    compiled.runSync(isolate.createContextSync());\n    const { cachedData } = compiled as {",
    caughtBy: bundles,
  },
  {
    id: "cache-as-it-lies",
    defence: "a code cache that is not what its name says is not used",
    threats: ["ISO-17"],
    file: "runtime/adapters/system/guest-cache.ts",
    find: "if (nameOf(readFileSync(join(directory, name))) === name)",
    replace: "if (name !== nameOf(new Uint8Array(0)))",
    caughtBy: globals,
  },
  {
    id: "cache-untried",
    defence: "a code cache is tried before an executor gets it",
    threats: ["ISO-17"],
    file: "runtime/adapters/system/guest-cache.ts",
    find: '    await step("tried", parts, ["try", parts.addon, guest, unfinished]);\n',
    replace: "",
    caughtBy: globals,
  },
];
