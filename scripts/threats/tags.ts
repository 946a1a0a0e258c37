// A test says which lines of the threat list it proves by their ids in brackets in its title: `[ISO-03] …`. Reads such
// tags, from titles and from the sources of test files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, testFiles } from "../tap/run.ts";

const tag = /\[([A-Z]+-\d{2})\]/g;

/** Ids in brackets, each once. */
export function tagsIn(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(tag), ([, id = ""]) => id))];
}

/** Id to the test files whose source has it as a tag, comments left out. */
export function taggedFiles(files: readonly string[] = testFiles()): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of files) {
    const source = readFileSync(join(projectRoot, file), "utf8").replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, "");
    for (const id of tagsIn(source)) found.set(id, [...(found.get(id) ?? []), file]);
  }
  return found;
}
