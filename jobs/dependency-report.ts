// What does this repository depend on? Reads package-lock.json through a read-only mount and writes /output/report.json
// and /output/report.md: packages by licence, names with several versions, packages that run scripts when they are
// installed, and the size of the tree. It has no network and no credential: the lockfile knows all of this.
import { defineJob } from "mayfly";

const lockfilePath = "/repo/package-lock.json";

export default defineJob(async ({ files, log }) => {
  const packages = readPackages(await files.readText(lockfilePath));
  const report = summarise(packages);
  log.info("read the lockfile", { packages: packages.length });
  await files.write("/output/report.json", `${JSON.stringify(report, null, 2)}\n`);
  await files.write("/output/report.md", toMarkdown(report));
  const { tree, duplicates, installScripts, unknownLicences } = report;
  return {
    packages: tree.packages,
    licences: report.licences.length,
    duplicates: duplicates.length,
    installScripts: installScripts.length,
    unknownLicences: unknownLicences.length,
    outputs: ["/output/report.json", "/output/report.md"],
  };
});

interface Package {
  name: string;
  version: string;
  /** SPDX expression, or undefined where the lockfile has none. */
  licence: string | undefined;
  /** 1 for node_modules/a, 2 for node_modules/a/node_modules/b. */
  depth: number;
  kind: "production" | "development" | "optional";
  hasInstallScript: boolean;
}

interface Report {
  tree: { packages: number; names: number; depth: number; production: number; development: number; optional: number };
  licences: { licence: string; packages: number }[];
  unknownLicences: string[];
  duplicates: { name: string; versions: string[] }[];
  installScripts: string[];
}

/** Lockfiles of versions 2 and 3 list packages by place, which is all that is read here; version 1 doesn't. */
function readPackages(text: string): Package[] {
  const lockfile = asObject(JSON.parse(text));
  const version = lockfile.lockfileVersion;
  if (version !== 2 && version !== 3) {
    throw new Error(
      `lockfileVersion ${JSON.stringify(version)} found, 2 or 3 needed: run "npm install" with npm 7 or later`,
    );
  }
  const packages: Package[] = [];
  for (const [place, value] of Object.entries(asObject(lockfile.packages))) {
    const entry = asObject(value);
    // The rest are the repository itself, its workspaces and the links to them.
    if (place.includes("node_modules/") && entry.link !== true) packages.push(toPackage(place, entry));
  }
  return packages;
}

function toPackage(place: string, entry: Record<string, unknown>): Package {
  const names = place.split("node_modules/").slice(1);
  return {
    // An alias is installed under a name that isn't its own.
    name: typeof entry.name === "string" ? entry.name : (names.at(-1) ?? place),
    version: typeof entry.version === "string" ? entry.version : "unknown",
    licence: readLicence(entry.license),
    depth: names.length,
    kind:
      entry.dev === true || entry.devOptional === true
        ? "development"
        : entry.optional === true
          ? "optional"
          : "production",
    hasInstallScript: entry.hasInstallScript === true,
  };
}

/** A string today; an object or a list of them in packages from before SPDX expressions. */
function readLicence(value: unknown): string | undefined {
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  if (Array.isArray(value)) {
    const all = value.map(readLicence).filter((each) => each !== undefined);
    return all.length === 0 ? undefined : all.join(" OR ");
  }
  return typeof value === "object" && value !== null && "type" in value ? readLicence(value.type) : undefined;
}

function summarise(packages: readonly Package[]): Report {
  const byName = Map.groupBy(packages, ({ name }) => name);
  const byLicence = Map.groupBy(packages, ({ licence }) => licence ?? "unknown");
  const count = (kind: Package["kind"]) => packages.filter((each) => each.kind === kind).length;
  return {
    tree: {
      packages: packages.length,
      names: byName.size,
      depth: packages.reduce((deepest, { depth }) => Math.max(deepest, depth), 0),
      production: count("production"),
      development: count("development"),
      optional: count("optional"),
    },
    licences: [...byLicence]
      .map(([licence, those]) => ({ licence, packages: those.length }))
      .sort((a, b) => b.packages - a.packages || compare(a.licence, b.licence)),
    unknownLicences: labels(packages.filter(({ licence }) => licence === undefined)),
    duplicates: [...byName]
      .map(([name, those]) => ({ name, versions: sortedUnique(those.map(({ version }) => version)) }))
      .filter(({ versions }) => versions.length > 1)
      .sort((a, b) => b.versions.length - a.versions.length || compare(a.name, b.name)),
    installScripts: labels(packages.filter(({ hasInstallScript }) => hasInstallScript)),
  };
}

function toMarkdown(report: Report): string {
  const { tree, licences, duplicates, installScripts, unknownLicences } = report;
  return [
    "# Dependencies",
    "",
    `${tree.packages} packages of ${tree.names} names, ${tree.depth} deep: ${tree.production} for production, ` +
      `${tree.development} for development, ${tree.optional} optional.`,
    "",
    "## Licences",
    "",
    "| licence | packages |",
    "|---|---:|",
    ...licences.map(({ licence, packages }) => `| ${cell(licence)} | ${packages} |`),
    ...section("Without a licence", unknownLicences),
    ...section("Run scripts when they are installed", installScripts),
    ...section(
      "In several versions",
      duplicates.map(({ name, versions }) => `${name}: ${versions.join(", ")}`),
    ),
    "",
  ].join("\n");
}

function section(title: string, items: readonly string[]): string[] {
  const lines = items.length === 0 ? ["None."] : items.map((item) => `- ${cell(item)}`);
  return ["", `## ${title}`, "", ...lines];
}

/** Text of the lockfile in a line of Markdown: it may hold anything. */
function cell(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\|<>`*_[\]]/g, "\\$&");
}

function labels(packages: readonly Package[]): string[] {
  return sortedUnique(packages.map(({ name, version }) => `${name}@${version}`));
}

function sortedUnique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort(compare);
}

/** By code units: the same order in every locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error("the lockfile is not in npm's format");
}
