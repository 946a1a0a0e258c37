// Where the packages come from: npm, as the lockfile beside this file has them, once, into a cache that is outside of the
// checkout, or they would find its packages where theirs are missing. No install script of theirs is run.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MayflyError } from "../../runtime/model/error.ts";

const here = import.meta.dirname;
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mayfly-packages");
const files = ["package.json", "package-lock.json"];

/** Exact versions, by name. */
export function packageVersions(): Record<string, string> {
  return (JSON.parse(readFileSync(join(here, "package.json"), "utf8")) as { dependencies: Record<string, string> })
    .dependencies;
}

function place(): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(here, file)));
  return join(cache, hash.digest("hex").slice(0, 16));
}

/** Their node_modules; undefined when they aren't installed, or are those of another lockfile. */
export function findInstalled(): string | undefined {
  const modules = join(place(), "node_modules");
  return existsSync(modules) ? modules : undefined;
}

/**
 * Installs them, which takes a minute or so. Nothing is left of what was interrupted.
 * @param parts.say one line of progress.
 * @returns their node_modules. Rejects with MayflyError `usage`, and with the signal's reason.
 */
export async function install({ say, stop }: { say(line: string): void; stop: AbortSignal }): Promise<string> {
  const work = join(cache, `unfinished.${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    for (const file of files) copyFileSync(join(here, file), join(work, file));
    const { packages } = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8")) as { packages: object };
    say(`installing ${Object.keys(packages).length - 1} packages into ${place()}, once`);
    await npmCi(work, stop);
    if (!existsSync(place())) renameSync(work, place()); // another process may have been faster
    return join(place(), "node_modules");
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function npmCi(directory: string, stop: AbortSignal): Promise<void> {
  stop.throwIfAborted();
  const child = spawn("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: directory,
    stdio: ["ignore", 2, 2], // its progress is no result
  });
  const end = () => void child.kill("SIGTERM");
  stop.addEventListener("abort", end, { once: true });
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  stop.removeEventListener("abort", end);
  stop.throwIfAborted();
  if (code === 0) return;
  throw new MayflyError({
    code: "usage",
    message: "the packages of the suite could not be installed",
    found: `npm ci ended with ${code}`,
    needed: "npm and its registry",
    next: "see what npm says above, and try again",
  });
}
