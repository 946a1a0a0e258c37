// Where web-platform-tests come from: a folder that is named, or the part of it that Node tests itself with, from Debian's
// source package of nodejs. That is fetched by apt from the mirror that this machine uses, checked against Debian's
// signatures, and unpacked once.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MayflyError } from "../../runtime/model/error.ts";

/** The release whose Node is nearest to ours. */
const release = "forky";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const cache = fileURLToPath(new URL("../../node_modules/.cache/web-platform-tests/", import.meta.url));
const kept = join(cache, release);

/** The folder that is named, or the one that was fetched before; undefined where there is neither. */
export function findWpt(named: string | undefined): string | undefined {
  if (named !== undefined && named !== "") return named;
  return existsSync(kept) ? kept : undefined;
}

/** @returns the folder. @throws MayflyError `usage` that says how to name one. */
export async function obtainWpt(named: string | undefined): Promise<string> {
  const found = findWpt(named);
  if (found !== undefined) return found;
  process.stderr.write(`fetching web-platform-tests from Debian's source package of nodejs (${release})\n`);
  const work = join(cache, `unfinished.${process.pid}`);
  try {
    fetchInto(work);
    const [source] = readdirSync(work).filter((name) => name.startsWith("node-v"));
    renameSync(join(work, source ?? "", "test/fixtures/wpt"), kept);
    return kept;
  } catch (cause) {
    throw new MayflyError({
      code: "usage",
      message: "web-platform-tests could not be fetched",
      found: String(cause).split("\n", 1)[0]?.slice(0, 200) ?? "",
      needed: "apt-get with a mirror of Debian's among its sources, or a checkout of web-platform-tests",
      next: "set WPT_ROOT to a folder of web-platform-tests",
      cause,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param targets lines of `label url`, as apt has them: without a label where it has not looked yet. */
export function mirrorOf(targets: string): string | undefined {
  const lines = targets.split("\n").map((line) => line.trim());
  const known =
    lines.find((line) => /^Debian https?:/.test(line)) ?? lines.find((line) => /^https?:.*\/debian\/?$/.test(line));
  return known?.replace(/^Debian /, "");
}

function fetchInto(work: string): void {
  const mirror = mirrorOf(
    execFileSync("apt-get", ["indextargets", "--format", "$(LABEL) $(REPO_URI)"], { encoding: "utf8" }),
  );
  if (mirror === undefined) throw new Error("apt has no mirror of Debian's among its sources");
  mkdirSync(join(work, "lists/partial"), { recursive: true });
  const list = join(work, "sources.list");
  writeFileSync(list, `deb-src [signed-by=${keyring}] ${mirror} ${release} main\n`);
  const options = [
    ...["-o", `Dir::Etc::sourcelist=${list}`],
    ...["-o", "Dir::Etc::sourceparts=-"],
    ...["-o", `Dir::State::lists=${join(work, "lists")}`],
  ];
  const run = (command: string, args: string[]) =>
    execFileSync(command, args, { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
  run("apt-get", [...options, "update"]);
  run("apt-get", [...options, "source", "--download-only", "nodejs"]);
  const archive = readdirSync(work).find((name) => /^nodejs_.*\.orig\.tar\.xz$/.test(name));
  if (archive === undefined) throw new Error("the package had no source archive");
  run("tar", ["-xf", archive, "--wildcards", "*/test/fixtures/wpt/*"]);
}
