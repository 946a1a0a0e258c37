// The figures as a table: tests that passed by directory, here and in Node, of all tests that either of them knew.

export interface Outcome {
  harness: number;
  message: string | null;
  tests: { name: string; status: number; message?: string | null }[];
}

export interface Row {
  directory: string;
  files: number;
  /** Names that either side reported, at least one a file; a side that ended early has passed none of the rest. */
  tests: number;
  ours: number;
  node: number;
}

export interface Failure {
  file: string;
  test: string;
  message: string;
  /** Whether Node passes it. */
  node: boolean;
}

const passed = (outcome: Outcome) =>
  new Set(outcome.tests.filter(({ status }) => status === 0).map(({ name }) => name));

export function count(
  file: string,
  ours: Outcome,
  node: Outcome,
): { tests: number; ours: number; node: number; failures: Failure[] } {
  const named = [...ours.tests, ...node.tests].map(({ name }) => name);
  // A file that broke on both sides before it named one counts as one.
  const names = new Set(named.length > 0 ? named : ["the whole file"]);
  const [here, there] = [passed(ours), passed(node)];
  const messages = new Map(ours.tests.map(({ name, message }) => [name, message]));
  const failures = [...names]
    .filter((name) => !here.has(name))
    .map((test) => ({
      file,
      test,
      node: there.has(test),
      message: messages.get(test) ?? ours.message ?? "not reported",
    }));
  return { tests: names.size, ours: here.size, node: there.size, failures };
}

/** All rows as one, named `all`. */
export function sumOf(rows: readonly Row[]): Row {
  return rows.reduce(
    (sum, row) => ({
      directory: "all",
      files: sum.files + row.files,
      tests: sum.tests + row.tests,
      ours: sum.ours + row.ours,
      node: sum.node + row.node,
    }),
    { directory: "all", files: 0, tests: 0, ours: 0, node: 0 },
  );
}

export function percentOf(part: number, whole: number): string {
  return whole === 0 ? "–" : `${((part / whole) * 100).toFixed(1)} %`;
}

export function tableOf(rows: readonly Row[]): string {
  const cells = [...rows, sumOf(rows)].map(({ directory, files, tests, ours, node }) => [
    directory,
    String(files),
    String(tests),
    `${ours} (${percentOf(ours, tests)})`,
    `${node} (${percentOf(node, tests)})`,
    ours >= node ? "" : `${node - ours} fewer`,
  ]);
  const head = ["directory", "files", "tests", "Mayfly", `Node ${process.versions.node}`, ""];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return [line(head), ...cells.map(line)].map((text) => text.trimEnd()).join("\n");
}
