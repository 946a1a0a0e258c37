// Looks at where a root credential is, without reading it further than to see that it is there: whether it is safe to take,
// who could put another in its place, and whether a commit would carry it away.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { quote } from "../../model/error.ts";
import type { SecretSource } from "../../model/issuer.ts";
import { adviceFor, placeOf, unsafeReason } from "./secret-source.ts";

export interface SecretPlace {
  /** "environment variable PG_URL" */
  place: string;
  state: "there" | "missing" | "refused";
  /** What was found; null when there is nothing to say. */
  detail: string | null;
  /** What to do; null when nothing. */
  next: string | null;
  warnings: string[];
}

const gitMs = 2_000;

export function makeSecretInspector(parts: {
  env: Readonly<Record<string, string | undefined>>;
  /** Where a sealed one would lie. */
  sealedFile: (name: string) => string;
}): (source: SecretSource) => SecretPlace {
  return (source) => {
    const found = "file" in source ? inspectFile(source.file, parts.env.PATH ?? "") : inspectNamed(source, parts);
    const next = found.state === "there" ? null : (found.next ?? adviceFor(source));
    return { warnings: [], detail: null, ...found, place: placeOf(source), next };
  };
}

type Found = Pick<SecretPlace, "state"> & Partial<SecretPlace>;

function inspectNamed(
  source: Exclude<SecretSource, { file: string }>,
  { env, sealedFile }: { env: Readonly<Record<string, string | undefined>>; sealedFile: (name: string) => string },
): Found {
  if ("env" in source) return { state: (env[source.env] ?? "").trim() === "" ? "missing" : "there" };
  return { state: existsSync(sealedFile(source.sealed)) ? "there" : "missing" };
}

function inspectFile(path: string, searchPath: string): Found {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? { state: "missing" } : { state: "refused", detail: `it can't be looked at (${code})` };
  }
  const reason = unsafeReason(stat);
  if (reason !== undefined) {
    const detail = `found ${reason.found}, needed ${reason.needed}`;
    return { state: "refused", detail, next: "chmod 600 it, and change the credential if it has been so for a while" };
  }
  if (stat.size === 0) return { state: "missing", detail: "an empty file" };
  return { state: "there", warnings: [...directoryWarnings(path), ...gitWarnings(path, searchPath)] };
}

/** Whoever may write to a directory above can put another file in this one's place, unless only owners may (sticky). */
function directoryWarnings(path: string): string[] {
  const warnings: string[] = [];
  for (let at = dirname(path); ; at = dirname(at)) {
    const { mode, uid } = lstatSync(at);
    const isShared = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    if (isShared) warnings.push(`others may write to ${quote(at, 300)}: chmod go-w it`);
    if (uid !== 0 && uid !== process.getuid?.()) warnings.push(`${quote(at, 300)} belongs to uid ${uid}`);
    if (at === dirname(at)) return warnings;
  }
}

function gitWarnings(path: string, searchPath: string): string[] {
  if (!isBelowGit(dirname(path))) return [];
  const git = (...args: string[]) =>
    spawnSync("git", ["-C", dirname(path), ...args, "--", basename(path)], {
      ...{ env: { PATH: searchPath, LC_ALL: "C" }, stdio: "ignore", timeout: gitMs },
    }).status;
  if (git("ls-files", "--error-unmatch") === 0)
    return ["it is in git: change the credential, and take the file out of the repository and its history"];
  return git("check-ignore", "-q") === 1 ? ["git doesn't ignore it: name it in .gitignore before it is committed"] : [];
}

function isBelowGit(directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return true;
    if (at === dirname(at)) return false;
  }
}
