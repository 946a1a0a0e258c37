// A bubblewrap that takes all its orders and raises no wall: what it was told to run runs beside everything else, with a
// variable in its environment. What believes the command line is fooled by it; what looks or tries is not.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathWithout, type Scope } from "./cli.ts";

const script = `#!${process.execPath}
const { spawn } = require("node:child_process");
const { writeSync } = require("node:fs");
const orders = process.argv.slice(2);
const taken = { "--ro-bind": 2, "--cap-drop": 1, "--cap-add": 1, "--hostname": 1, "--info-fd": 1, "--remount-ro": 1, "--chdir": 1, "--seccomp": 1 };
const outside = new Map();
let at = 0;
for (; orders[at].startsWith("--"); at += 1 + (taken[orders[at]] ?? 0)) {
  if (orders[at] === "--ro-bind") outside.set(orders[at + 2], orders[at + 1]);
}
const [file, ...args] = orders.slice(at).map((word) => word.replace(/^(--allow-fs-read=)?(\\/.*)$/, (_, flag = "", path) => flag + (outside.get(path) ?? path)));
const child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit", 3], env: { MALLORY: "here" } });
child.on("exit", (code, signal) => process.exit(code ?? 128 + (require("node:os").constants.signals[signal] ?? 0)));
writeSync(4, JSON.stringify({ "child-pid": 0 }).replace(":0", ": " + process.pid));
// It leaves nothing behind when it is killed itself.
spawn("/bin/sh", ["-c", "while kill -0 $1 2>/dev/null; do sleep 0.05; done; kill -9 $2 2>/dev/null", "sh", String(process.pid), String(child.pid)], { stdio: "ignore", detached: true, env: { PATH: "/usr/bin:/bin" } }).unref();
`;

/** A PATH with it, and with the real ones of all else that the runtime looks for. */
export async function hollowPath(t: Scope): Promise<string> {
  const directory = await pathWithout(t, ["bwrap"]);
  await writeFile(join(directory, "bwrap"), script, { mode: 0o755 });
  return directory;
}
