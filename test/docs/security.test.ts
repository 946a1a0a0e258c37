// docs/security.md makes claims. Each is linked to the tests that hold it, and those tests carry the lines that it names.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

const docs = join(import.meta.dirname, "../../docs");
const text = readFileSync(join(docs, "security.md"), "utf8");
const links = (row: string) =>
  [...row.matchAll(/\]\((\.\.\/test\/[^)]+)\)/g)].map(([, path]) => join(docs, path ?? ""));
/** Rows of the tables of claims: three columns, the last with links to tests. */
const claims = text.split("\n").filter((line) => /^\| .* \|.*\| \[.*\.test\.ts\)/.test(line));

t.test("a claim without a test that is there", async (t) => {
  t.ok(claims.length >= 25, `${claims.length} claims`);
  for (const claim of claims) {
    t.ok(links(claim).length > 0, claim);
    for (const path of links(claim)) t.ok(existsSync(path), path);
  }
  const section = text.slice(text.indexOf("## What is defended"), text.indexOf("## What is not defended"));
  const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| claim"));
  t.equal(rows.length, claims.length, "every row of that part has its link");
});

t.test("a line of the threat list that none of the linked tests carries", async (t) => {
  for (const claim of claims) {
    const tests = links(claim).map((path) => readFileSync(path, "utf8"));
    for (const [id] of claim.matchAll(/\b(?:ISO|RES|FS|NET|CRED)-\d\d\b/g))
      t.ok(
        tests.some((source) => source.includes(id)),
        `${id}: ${claim.slice(0, 80)}`,
      );
  }
});

t.test("a path that leads nowhere", async (t) => {
  for (const [, path] of text.matchAll(/\]\(([^)#]+)\)/g)) t.ok(existsSync(join(docs, path ?? "")), path ?? "");
});
