// Version floors that fail closed: below them a published advisory lets a job out of its isolate or its directory.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { MayflyError } from "../../model/error.ts";

const require = createRequire(import.meta.url);

const floors = [
  { name: "isolated-vm", floor: "7.0.1", why: "GHSA-864f-rcv7-6rh4" },
  { name: "tmp", floor: "0.2.7", why: "three advisories about paths" },
  { name: "undici", floor: "8.12.4", why: "the version that egress was tested with" },
] as const;

const nodeFloor = { name: "Node.js", floor: "24.21.0", why: "isolated-vm 7 and type stripping" };

export interface VersionFinding {
  name: string;
  found: string;
  floor: string;
  holds: boolean;
  why: string;
}

export function versionFindings(): VersionFinding[] {
  const packages = floors.map(({ name, floor, why }) => finding(name, installed(name), floor, why));
  return [finding(nodeFloor.name, process.versions.node, nodeFloor.floor, nodeFloor.why), ...packages];
}

/** @throws MayflyError `version_floor`, `platform_unsupported`. */
export function requireVersions(): void {
  if (process.platform !== "linux") {
    throw new MayflyError({
      code: "platform_unsupported",
      message: "Mayfly runs on Linux: its limits are read from /proc and raised by Linux namespaces",
      found: process.platform,
      needed: "linux",
      next: "run it in a Linux virtual machine or container",
    });
  }
  for (const { name, found, floor, holds, why } of versionFindings()) {
    if (holds) continue;
    throw new MayflyError({
      code: "version_floor",
      message: `${name} is below its floor (${why})`,
      found,
      needed: `${floor} or later`,
      next: name === "Node.js" ? "run through `npx mayfly`, which brings its own Node" : "npm ci",
    });
  }
}

function finding(name: string, found: string, floor: string, why: string): VersionFinding {
  return { name, found, floor, holds: !isBelow(found, floor), why };
}

function installed(name: string): string {
  const { version } = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), "utf8")) as { version: string };
  return version;
}

/** By the three numbers of a version; a pre-release counts as below its release. */
export function isBelow(version: string, floor: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).slice(0, 3).map(Number);
  const [left, right] = [numbers(version), numbers(floor)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return version.includes("-") && !floor.includes("-");
}
