// docs/web-platform.md, from what a whole pass has found. The same tests give the same text, on any machine.
import { directories } from "./corpus.ts";
import { groupsOf } from "./reasons.ts";
import { type Failure, percentOf, type Row, sumOf } from "./report.ts";

export function documentOf(rows: readonly Row[], failures: readonly Failure[]): string {
  return `${intro(rows)}\n${tableSection(rows)}\n${notRunSection(rows)}\n${failingSection(failures)}\n${howSection}`;
}

function intro(rows: readonly Row[]): string {
  const { tests, ours, node, files } = sumOf(rows);
  return `# The web platform in a run

<!-- Written by \`npm run conformance -- --write\`: change scripts/conformance/ instead. -->

A job finds the minimum common web API (ECMA-429). How much of it is right, is measured with
[web-platform-tests](https://web-platform-tests.org/), the tests that browsers share: **${ours} of ${tests} pass in a run
(${percentOf(ours, tests)})**, and ${node} (${percentOf(node, tests)}) in Node ${process.versions.node} on the same ${files} files.
`;
}

function tableSection(rows: readonly Row[]): string {
  const lines = [...rows, sumOf(rows)].map(({ directory, files, tests, ours, node }) => {
    const name = directory === "all" ? "**all**" : `\`${directory}\``;
    return row([name, files, tests, `${ours} (${percentOf(ours, tests)})`, `${node} (${percentOf(node, tests)})`]);
  });
  const head = ["directory", "files", "tests", "Mayfly", `Node ${process.versions.node}`];
  return [row(head), "|---|--:|--:|--:|--:|", ...lines, ""].join("\n");
}

function notRunSection(rows: readonly Row[]): string {
  const skips = Object.entries(directories).flatMap(([name, { skip }]) =>
    skip === undefined ? [] : [row([`\`${name}\``, skip.what, skip.why])],
  );
  const absent = Object.keys(directories).filter((name) => !rows.some(({ directory }) => directory === name));
  const left = absent.map((name) => `\`${name}\``).join(", ");
  const absentNote = `
The copy of the tests that this was measured with has nothing of
${left}.
With a whole checkout of web-platform-tests they run too.
`;
  return `## What is not run

The files that run are those for any kind of global (\`.any.js\`), but for those that say that they need a service worker. Of a
document there is none.
${absent.length === 0 ? "" : absentNote}
${[row(["directory", "tests", "why"]), "|---|---|---|", ...skips, ""].join("\n")}`;
}

function failingSection(failures: readonly Failure[]): string {
  const { groups, others } = groupsOf(failures);
  const lines = groups.map(({ reason, failures: all }) =>
    row([all.length, reason.what, reason.why, nodePasses(all.filter(({ node }) => node).length, all.length)]),
  );
  const rest = others.map(({ file, test, node }) =>
    row([1, `\`${file}\`: ${test}`, "not looked at", node ? "yes" : "no"]),
  );
  const head = row(["tests", "what they ask for", "why it is not there", "in Node"]);
  return [`## What doesn't pass`, "", head, "|--:|---|---|---|", ...lines, ...rest, ""].join("\n");
}

function nodePasses(passing: number, all: number): string {
  if (passing === 0) return "no";
  return passing === all ? "yes" : `${passing} of them`;
}

const howSection = `## How it is measured

Each file is a run of its own, with all that a run has: a process behind the operating system's walls, an isolate, the gate. Its
job fetches the test from a server on loopback, under a grant for that server alone, and WebAssembly and shared memory by
grant. Beside it the same file runs in a process of this Node. A test counts when either side has named it.

\`\`\`
npm run conformance                                   # all of it: some minutes
npm run conformance -- --only url,streams --failures  # some directories, and each test that did not pass
npm run conformance -- --write                        # all of it, and this document
\`\`\`

The tests come from Debian's source package of nodejs, which has those that Node tests itself with, and is fetched once; or from
the folder that \`WPT_ROOT\` names. The exit code is 1 where a run passes fewer tests of a directory than Node.

The directory \`url\` asks what a job's own \`URL\` makes of a text, international names among them (\`toascii.json\`, \`IdnaTestV2.json\`).
That no URL is decided on as one thing and dialled as another is another question, and
[\`test/fuzz/urls.test.ts\`](../test/fuzz/urls.test.ts) asks it (NET-40): with URLs of its own at any time, and with those of
\`urltestdata.json\` and the names of both other files where the tests are at hand.
`;

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
}
