// Which files of web-platform-tests are run, and what each needs: its META lines (https://web-platform-tests.org/writing-tests/testharness.html).
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";

export interface TestFile {
  /** From the root, `url/url-constructor.any.js`. */
  path: string;
  /** `?1-10` of a test that is cut in parts, or "". */
  variant: string;
  /** From the root, in order; the last is the test itself. */
  scripts: string[];
  isLong: boolean;
}

export interface Skipped {
  /** Of a path. */
  files: RegExp;
  what: string;
  why: string;
}

/** The directories that the guest's web API answers for, and what of them isn't run. */
export const directories: Readonly<Record<string, { skip?: Skipped }>> = {
  FileAPI: {
    skip: {
      files: /FileReader|url\/|reading-data-section|idlharness/i,
      what: "`FileReader`, `FileList`, `blob:` URLs",
      why: "no part of ECMA-429; `Blob` has `text()`, `bytes()`, `arrayBuffer()` and `stream()`",
    },
  },
  WebCryptoAPI: {},
  compression: {},
  console: {},
  "dom/abort": {},
  "dom/events": {},
  encoding: {},
  "fetch/api/body": {},
  "fetch/api/headers": {},
  "fetch/api/request": {},
  "fetch/api/response": {},
  "hr-time": {},
  "html/webappapis": {},
  streams: {},
  url: {},
  urlpattern: {},
  "wasm/jsapi": {},
  webidl: {},
};

/** Globals that a test names when it can run without a window. */
const fitting = ["worker", "dedicatedworker", "shadowrealm", "jsshell", "window"];

export function testFiles(root: string, directory: string): TestFile[] {
  const { skip } = directories[directory] ?? {};
  return walk(join(root, directory))
    .map((file) => relative(root, file))
    .filter((path) => path.endsWith(".any.js") && !skip?.files.test(path))
    .sort()
    .flatMap((path) => filesOf(root, path));
}

function walk(directory: string): string[] {
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // this copy of the tests hasn't got it
  }
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

function filesOf(root: string, path: string): TestFile[] {
  const metas = [...readFileSync(join(root, path), "utf8").matchAll(/^\/\/ META: (\w+)=(.*)$/gm)];
  const all = (key: string) => metas.filter(([, name]) => name === key).map(([, , value = ""]) => value.trim());
  const globals = all("global").flatMap((value) => value.split(","));
  if (globals.length > 0 && !globals.some((name) => fitting.includes(name.trim()))) return [];
  const scripts = all("script").map((script) =>
    script.startsWith("/") ? script.slice(1) : posix.join(dirname(path), script),
  );
  const variants = all("variant");
  return (variants.length === 0 ? [""] : variants).map((variant) => ({
    path,
    variant,
    scripts: [...scripts, path],
    isLong: all("timeout").includes("long"),
  }));
}
