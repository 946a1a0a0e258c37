// V8's code cache for the guest's globals, one file of the state directory's cache. What V8 takes from such a file it
// believes: it compares the source's length and its own version, and reads the rest as code. So the file's name has the
// digest of what lies in it, and only one that was tried gets its name: by a process that loads it and starts a guest from
// it, as an executor will, and never sees a job. What doesn't fit its name is removed and made anew.
//
//   guest-<digest of the script>.<digest of its maker>.<V8, its flags, this processor>.<digest of the content>.cache
import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cachedDataVersionTag } from "node:v8";
import { escapeLine, MayflyError } from "../../model/error.ts";

export interface GuestCacheParts {
  addon: string;
  /** Absolute paths: the globals' script, and the program of executor/code-cache.ts. */
  guest: string;
  maker: string;
}

/** Absolute path; half a second where it has to be made. @throws MayflyError `executor_unavailable` */
export async function keepGuestCache(parts: GuestCacheParts): Promise<string> {
  const { guest, maker } = parts;
  const directory = dirname(guest);
  const tag = `${process.arch}-${cachedDataVersionTag().toString(16)}`;
  const start = [basename(guest, ".js"), basename(maker, ".cjs").replace("code-cache-", ""), tag, ""].join(".");
  const nameOf = (content: Uint8Array) => `${start}${digestOf(content)}.cache`;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(start) || !name.endsWith(".cache")) continue;
    if (nameOf(readFileSync(join(directory, name))) === name) return join(directory, name);
    rmSync(join(directory, name), { force: true });
  }
  const unfinished = join(directory, `${start}${randomUUID()}.unfinished`);
  try {
    await step("prepared", parts, ["make", parts.addon, guest, unfinished]);
    if (!existsSync(unfinished)) throw unavailable("prepared", "it ended without a word");
    await step("tried", parts, ["try", parts.addon, guest, unfinished]);
    const path = join(directory, nameOf(readFileSync(unfinished)));
    renameSync(unfinished, path);
    return path;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function digestOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 32);
}

// The process ends itself by SIGKILL, which counts as an error here: what counts is what it said.
async function step(what: string, { maker }: GuestCacheParts, words: string[]): Promise<void> {
  const { stdout = "", stderr = "" } = await promisify(execFile)(process.execPath, [maker, ...words], {
    env: {},
    timeout: 30_000,
    killSignal: "SIGKILL",
  }).catch((error: { stdout?: string; stderr?: string }) => error);
  if (stdout !== "done\n") throw unavailable(what, stderr.trim());
}

function unavailable(what: string, found: string): MayflyError {
  return new MayflyError({
    code: "executor_unavailable",
    message: `the guest's globals could not be ${what} for this Node`,
    found: escapeLine(found, 600),
    needed: "isolated-vm with a prebuilt addon for this Node",
    next: "npm ci, and run through `npx mayfly`, which brings its own Node",
  });
}
