// Packages that only a suite or a benchmark needs, and that are too many or too large for everybody's node_modules: from npm,
// as the lockfile in their directory has them, once, into a cache that is outside of the checkout, or they would find its
// packages where theirs are missing. No install script of theirs is run.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MayflyError } from "../../runtime/model/error.ts";

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mayfly-packages");
const files = ["package.json", "package-lock.json"];

export interface OnDemand {
  /** Exact versions, by name. */
  versions(): Record<string, string>;
  /** Their node_modules; undefined when they aren't installed, or are those of another lockfile. */
  findInstalled(): string | undefined;
  /**
   * Installs them, which takes a minute or so. Nothing is left of what was interrupted.
   * @param parts.say one line of progress.
   * @returns their node_modules. Rejects with MayflyError `usage`, and with the signal's reason.
   */
  install(parts: { say(line: string): void; stop: AbortSignal }): Promise<string>;
}

/** @param directory where their package.json and package-lock.json are. */
export function makeOnDemand(directory: string): OnDemand {
  const place = () => {
    const hash = createHash("sha256");
    for (const file of files) hash.update(readFileSync(join(directory, file)));
    return join(cache, hash.digest("hex").slice(0, 16));
  };
  const read = <Content>(file: string) => JSON.parse(readFileSync(join(directory, file), "utf8")) as Content;
  return {
    versions: () => read<{ dependencies: Record<string, string> }>("package.json").dependencies,
    findInstalled() {
      const modules = join(place(), "node_modules");
      return existsSync(modules) ? modules : undefined;
    },
    async install({ say, stop }) {
      const work = join(cache, `unfinished.${process.pid}`);
      const remove = () => rmSync(work, { recursive: true, force: true });
      process.once("exit", remove); // of a program that ends before this does
      mkdirSync(work, { recursive: true });
      try {
        for (const file of files) copyFileSync(join(directory, file), join(work, file));
        const { packages } = read<{ packages: object }>("package-lock.json");
        say(`installing ${Object.keys(packages).length - 1} packages into ${place()}, once`);
        await npmCi(work, stop);
        if (!existsSync(place())) renameSync(work, place()); // another process may have been faster
        return join(place(), "node_modules");
      } finally {
        remove();
        process.off("exit", remove);
      }
    },
  };
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
    message: "the packages could not be installed",
    found: `npm ci ended with ${code}`,
    needed: "npm and its registry",
    next: "see what npm says above, and try again",
  });
}
