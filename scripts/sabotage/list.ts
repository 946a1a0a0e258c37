// All sabotages: an area is a file `<area>.ts` in this folder that exports `<area>Sabotages`. And what can be said of them
// without running anything: whether they still fit the source.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Sabotage } from "./sabotage.ts";

/** Of all areas, areas in alphabetical order. @throws Error for ids that are there twice. */
export async function allSabotages(): Promise<Sabotage[]> {
  const found: Sabotage[] = [];
  for (const file of readdirSync(import.meta.dirname).sort()) {
    const area = basename(file, ".ts");
    const module = (await import(join(import.meta.dirname, file))) as Record<string, readonly Sabotage[] | undefined>;
    found.push(...(module[`${area}Sabotages`] ?? []));
  }
  const twice = found.map(({ id }) => id).filter((id, index, ids) => ids.indexOf(id) !== index);
  if (twice.length > 0) throw new Error(`sabotages with the same id: ${twice.join(", ")}`);
  return found;
}

/** Why this entry no longer fits the tree at `root`; undefined when it does. */
export function whyStale(root: string, { file, find, replace, caughtBy }: Sabotage): string | undefined {
  if (!existsSync(join(root, file))) return `there is no ${file}`;
  const count = readFileSync(join(root, file), "utf8").split(find).length - 1;
  if (find === "" || count !== 1) return `its text occurs ${count} times in ${file}, needed: once`;
  if (find === replace) return "it changes nothing";
  if (caughtBy.length === 0) return "it names no test file";
  const absent = caughtBy.find((test) => !existsSync(join(root, test)));
  return absent === undefined ? undefined : `there is no ${absent}`;
}
