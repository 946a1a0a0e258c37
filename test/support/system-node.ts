// The Node that this machine has outside of the project, and a command as it is started from a person's shell: without what
// npm and the test runner put into the environment. The runner puts its hooks there again when a child is spawned, so that
// each command begins with env(1), which takes them out.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const directories = (process.env.PATH ?? "").split(delimiter).filter((each) => !/node_modules\/\.bin\/?$/.test(each));

/** What npm may need of its own settings: where its cache and its registry are. */
const kept = /^npm_config_(?:cache|registry|userconfig|globalconfig|cafile|ca|proxy|https_proxy|noproxy)$/i;
const added = /^(?:npm_|NODE$|NODE_OPTIONS$|TAP|_TAPJS|INIT_CWD$)/i;

/** @returns the path of the first Node on PATH whose version is `wanted`, project folders left out. */
export function systemNode(wanted: (version: string) => boolean): string | undefined {
  return directories
    .map((directory) => join(directory, "node"))
    .filter((path) => existsSync(path))
    .find((path) => {
      const { stdout } = spawnSync(...plainly(path, ["--version"]), { env: cleanEnv(), encoding: "utf8" });
      return stdout.startsWith("v") && wanted(stdout.trim().slice(1));
    });
}

/** The first two arguments of a spawn; what it starts becomes the command, under the same id. */
export function plainly(command: string, words: readonly string[]): [string, string[]] {
  return ["/usr/bin/env", ["-u", "NODE_OPTIONS", command, ...words]];
}

export function cleanEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => kept.test(name) || !added.test(name));
  return { ...(Object.fromEntries(entries) as Record<string, string>), PATH: directories.join(delimiter) };
}
