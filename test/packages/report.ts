// What came of it: a table for the terminal, and docs/packages.md.
import { subjects } from "./cases.ts";
import type { Outcome } from "./runs.ts";

type Versions = Readonly<Record<string, string>>;

export function tableOf(outcomes: readonly Outcome[], versions: Versions): string {
  const head = ["package", "version", "what it does", "result", "ms", "bundle", "of node:*"];
  const rows = outcomes.map((outcome) => {
    const { case: each, wallMs, bundleBytes, node } = outcome;
    const sizes = [wallMs === null ? "–" : String(wallMs), sizeOf(bundleBytes)];
    return [each.package, versions[each.package] ?? "", each.does, resultOf(outcome), ...sizes, node.join(" ")];
  });
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => column === 4 || column === 5;
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  const faults = outcomes.filter(({ fault }) => fault !== undefined);
  const said = faults.map(({ case: each, fault }) => `FAILED ${each.package}: ${fault}`);
  return [...all.map(line), "", ...said, summaryOf(outcomes)].join("\n");
}

function resultOf({ case: each, fault }: Outcome): string {
  if (fault !== undefined) return "FAILED";
  return "refused" in each ? "refused" : "works";
}

export function summaryOf(outcomes: readonly Outcome[]): string {
  const count = (result: string) => outcomes.filter((each) => resultOf(each) === result).length;
  const failed = count("FAILED");
  const [works, refused] = [count("works"), count("refused")];
  const refusals = `${refused} ${refused === 1 ? "is" : "are"} refused for the reason that is named`;
  const counts = `${works} of ${outcomes.length} packages work, ${refusals}`;
  return failed === 0 ? counts : `${counts}, ${failed} failed`;
}

function sizeOf(bytes: number | null): string {
  return bytes === null ? "–" : `${Math.ceil(bytes / 1_024)} KiB`;
}

/** docs/packages.md. What depends on the machine is left out, so that it changes when a package or a result does. */
export function documentOf(outcomes: readonly Outcome[], versions: Versions): string {
  const of = new Map(outcomes.map((outcome) => [outcome.case.package, outcome]));
  const sections = subjects.map(({ subject, cases }) => {
    const found = cases.flatMap((each) => of.get(each.package) ?? []);
    return subject === "Refused" ? refusedSection(found, versions) : workingSection(subject, found, versions);
  });
  return `${intro(outcomes)}\n${sections.join("\n")}`;
}

function intro(outcomes: readonly Outcome[]): string {
  return `# Packages from npm

<!-- Written by \`npm run test:packages -- --write\`: change test/packages/ instead. -->

${summaryOf(outcomes)}.

Each row is a run, with default limits and grants of its own: a job of [\`test/packages/jobs\`](../test/packages/jobs) does one
real thing with the package, and its result is compared with what it must be. Where the package is a client, a server on loopback
speaks its API, checks what arrives, and takes the run's own credential only: the job and the package hold a placeholder for it.
\`npm run test:packages\` does all of it again; the packages are installed into a cache then, once.

*Bundle* is the size of the job with the package and what it imports. *Of \`node:*\`* is what that bundle has of
[Node's modules](node.md), a module that is refused included where the package names it and doesn't use it.
`;
}

function workingSection(subject: string, outcomes: readonly Outcome[], versions: Versions): string {
  const rows = outcomes.map((outcome) => {
    const { case: each, bundleBytes, node } = outcome;
    const result = outcome.fault === undefined ? "" : " **(fails)**";
    return row([nameOf(outcome), versions[each.package] ?? "", each.does + result, sizeOf(bundleBytes), listOf(node)]);
  });
  const head = ["package", "version", "what the job does", "bundle", "of `node:*`"];
  return [`## ${subject}\n`, row(head), "|---|---|---|--:|---|", ...rows, ""].join("\n");
}

function refusedSection(outcomes: readonly Outcome[], versions: Versions): string {
  const rows = outcomes.map((outcome) => {
    const { case: each, reason = "" } = outcome;
    const instead = "refused" in each ? each.refused.instead : "";
    return row([nameOf(outcome), versions[each.package] ?? "", each.does, textOf(reason), instead]);
  });
  const head = ["package", "version", "what the job does", "what its author reads", "instead"];
  return ["## Refused\n", row(head), "|---|---|---|---|---|", ...rows, ""].join("\n");
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const nameOf = ({ case: each }: Outcome) => `\`${each.package}\``;
const listOf = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(" ");

function textOf(reason: string): string {
  return reason.replace(/[|<>]/g, (character) => `\\${character}`);
}
