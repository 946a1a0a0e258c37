#!/usr/bin/env node
// The command `mayfly`, by whatever Node it is started. From the floor on, the program runs in this process. Below it, it
// runs in the Node that was installed with the package, as a child with the same words and the same three streams, which
// gets each signal once, and whose end is the end of this process. Plain JavaScript of 2018, so that an old Node can read
// it. In a checkout the program is the source, in a package what was built of it.
"use strict";
const { spawn } = require("child_process");
const { existsSync } = require("fs");
const { dirname, join } = require("path");
const { pathToFileURL } = require("url");

/** The same as in runtime/adapters/system/versions.ts. */
const floor = "24.21.0";
const usage = 2;
const runtimeFailed = 6;
const passedOn = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"];

const root = dirname(__dirname);
const source = join(root, "runtime", "cli", "main.ts");
const program = existsSync(source) ? source : join(root, "dist", "cli", "main.js");
const pinned = `node-${process.platform}-${process.arch}`;

if (isBelow(process.versions.node, floor)) runInPinned();
else import(pathToFileURL(program).href).catch(fail);

function runInPinned() {
  const node = pinnedNode();
  if (node === undefined) refuse();
  else follow(node);
}

/** Wherever npm has put it: below this package, or beside it. */
function pinnedNode() {
  try {
    const manifest = require.resolve(`${pinned}/package.json`);
    const node = join(dirname(manifest), "bin", "node");
    return isBelow(require(manifest).version, floor) || !existsSync(node) ? undefined : node;
  } catch {
    return undefined;
  }
}

function refuse() {
  const { optionalDependencies = {} } = require(join(root, "package.json"));
  const version = optionalDependencies[pinned];
  const way = version === undefined ? "install one" : `npm install ${pinned}@${version} brings one`;
  process.stderr.write(`mayfly needs Node.js ${floor} or later, and this is ${process.versions.node}: ${way}\n`);
  process.exitCode = usage;
}

// In a session of its own: the terminal sends Ctrl-C to all of a job, so that the child would get it twice, from there and
// from here, and a second one means "at once".
function follow(node) {
  const words = process.execArgv.concat(program, process.argv.slice(2));
  const child = spawn(node, words, { stdio: "inherit", detached: true });
  for (const signal of passedOn) process.on(signal, () => child.kill(signal));
  process.on("SIGTSTP", () => {
    process.kill(-child.pid, "SIGSTOP");
    process.kill(process.pid, "SIGSTOP");
  });
  process.on("SIGCONT", () => process.kill(-child.pid, "SIGCONT"));
  child.once("error", (error) => {
    process.stderr.write(`mayfly needs Node.js ${floor} or later, and ${node} can't be started: ${error.code}\n`);
    process.exit(usage);
  });
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of passedOn) process.removeAllListeners(name);
    process.exitCode = runtimeFailed; // for a signal that doesn't end a process
    process.kill(process.pid, signal);
  });
}

function isBelow(version, least) {
  const [found, needed] = [version, least].map((text) => text.split(/[.-]/).map(Number));
  const at = needed.findIndex((number, index) => number !== found[index]);
  return at >= 0 && found[at] < needed[at];
}

function fail(error) {
  process.stderr.write(`mayfly can't be loaded: ${error.stack}\n`);
  process.exitCode = runtimeFailed;
}
