// Fuzzes the paths that a guest may name, against a model that knows nothing of the parser: whatever a path is made of,
// reading it either refuses it with one code, or gives names that can't lead out of the root they are opened from; and a
// mount is reached by its own name alone.
import { posix } from "node:path";
import fc from "fast-check";
import { Denied } from "../../runtime/core/capabilities/capability.ts";
import { makeMountTable, readPath } from "../../runtime/core/capabilities/files-path.ts";
import { foreign, hostPlaces, traversals, unnameable } from "../files/hostile-paths.ts";
import type { Fuzzer, FuzzOptions, FuzzReport } from "./fuzzer.ts";

const mounts = { "/data": "/host/data", "/data/sub": "/host/sub", "/in/deep": "/host/deep" };
const table = makeMountTable(mounts);

const piece = fc.oneof(
  fc.constantFrom(
    "..",
    ".",
    "/",
    "//",
    "\\",
    "%2e",
    "%2F",
    "%00",
    "\0",
    "~",
    "a",
    "data",
    "DATA",
    "sub",
    "in",
    "deep",
    "output",
  ),
  fc.constantFrom(
    "file:",
    "C:",
    "\u202e",
    "\u2028",
    "\ud800",
    "e\u0301",
    "é",
    "．．",
    "／",
    "\u200b",
    " ",
    "\t",
    "-",
    "...",
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
  fc.integer({ min: 250, max: 260 }).map((length) => "n".repeat(length)),
);

/** Known attacks, and what grows from their pieces. */
const anyPath = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...traversals, ...foreign, ...unnameable, ...hostPlaces) },
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")) },
  { weight: 3, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("/")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
);

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Throws what is wrong with what the parser makes of one path. */
export function checkPath(text: string, read: (text: string) => { names: readonly string[] } = readPath): void {
  let names: readonly string[];
  try {
    names = read(text).names;
  } catch (error) {
    expectThat(error instanceof Denied && error.code === "path", "a refusal that is none");
    const { message, target } = error as Denied;
    expectThat(!/[\p{Cc}\p{Cs}\u202a-\u202e]/u.test(message + target), "a refusal of more than one line");
    return;
  }
  for (const name of names) {
    expectThat(name !== "" && name !== "." && name !== "..", `the name ${JSON.stringify(name)}`);
    expectThat(!/[/\\\0]/.test(name) && !/\p{Cc}/u.test(name), "a name that is more than a name");
    expectThat(Buffer.byteLength(name) <= 255 && Buffer.from(name).toString() === name, "a name that no disk has");
  }
  // By Node's own idea of paths, too, it stays below whatever root it is put behind, and is what it says.
  const joined = posix.join("/root", ...names);
  expectThat(joined === ["/root", ...names].join("/"), "names that resolve to something else");
  expectThat(posix.resolve("/root", ...names).startsWith("/root"), "a way out of the root");
  checkMount(names);
}

/** The longest mount whose names begin the path, found here by comparing texts. */
function checkMount(names: readonly string[]): void {
  const text = `/${names.join("/")}/`;
  const wanted = Object.keys(mounts)
    .filter((mount) => text.startsWith(`${mount}/`))
    .sort((a, b) => b.length - a.length)[0];
  const { root, names: below, writable } = table.locate({ names, text });
  expectThat(root === (wanted ?? "private"), `the root ${root}`);
  expectThat(writable === (wanted === undefined), "what may be written");
  expectThat([wanted ?? "", ...below].join("/") === ["", ...names].join("/"), "other names than were asked for");
}

/** A stranger's eye: what it refuses for certain must be refused. */
export function checkRefusal(text: string, read: (text: string) => unknown = readPath): void {
  const segments = text.split(/[/\\]/);
  const isWayUp = segments.some((segment) => segment === "..") || /%2e|%2f|%5c/i.test(text) || text.includes("\0");
  if (!isWayUp) return;
  try {
    read(text);
  } catch {
    return;
  }
  throw new Error("a way up was let through");
}

export const pathFuzzer: Fuzzer = { name: "paths", about: "paths that a guest names", run: fuzzPaths };

/** @throws Error with the smallest failing path. */
export async function fuzzPaths({ seed, cases, withinMs }: FuzzOptions): Promise<FuzzReport> {
  let tried = 0;
  const property = fc.property(anyPath, (text) => {
    tried += 1;
    checkPath(text);
    checkRefusal(text);
  });
  fc.assert(property, { seed, numRuns: cases, interruptAfterTimeLimit: withinMs, markInterruptAsFailure: false });
  return { cases: tried };
}
