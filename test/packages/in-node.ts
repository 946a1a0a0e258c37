// The same jobs in this Node: for whoever writes one, to tell a fault of the job or of its expectation from one of ours. What
// a job has of the context is what the suite's jobs use; the token is any.
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Case, jobOf } from "./case.ts";
import { serveVendor } from "./vendor.ts";

const mayfly = `data:text/javascript,${encodeURIComponent("export const defineJob = (run) => ({ run });")}`;
const token = "a-token";

/** Runs those that are to work. @returns what went wrong, by package. */
export async function faultsInNode(parts: {
  cases: readonly Case[];
  modules: string;
  scratch: string;
}): Promise<[string, string][]> {
  const directory = join(parts.scratch, "in-node");
  mkdirSync(directory);
  symlinkSync(parts.modules, join(directory, "node_modules"));
  cpSync(join(import.meta.dirname, "jobs"), join(directory, "jobs"), { recursive: true });
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "mayfly" ? { url: mayfly, shortCircuit: true } : next(specifier, context),
  });
  const faults: [string, string][] = [];
  try {
    for (const each of parts.cases) {
      const fault =
        "yields" in each && each.notInNode === undefined ? await faultOf(each, each.yields, directory) : undefined;
      if (fault !== undefined) faults.push([each.package, fault]);
    }
  } finally {
    hooks.deregister();
  }
  return faults;
}

async function faultOf(each: Case, yields: unknown, directory: string): Promise<string | undefined> {
  const vendor = each.vendor?.((id) => (id === token ? { secretAccessKey: "any", sessionToken: null } : undefined));
  const server =
    vendor &&
    (await serveVendor(vendor, async (found) => {
      if (found !== token) throw new Error(`another token than the job's: ${found}`);
    }));
  try {
    const { default: job } = await import(join(directory, "jobs", `${jobOf(each)}.ts`));
    const given = await job.run(contextOf(join(directory, jobOf(each)), server && { origin: server.origin }));
    const result = JSON.parse(JSON.stringify(given ?? null));
    if (server !== undefined && server.problems.length > 0) return `the server found: ${server.problems.join("; ")}`;
    return isDeepStrictEqual(result, yields)
      ? undefined
      : `it gave ${JSON.stringify(result)}, and not ${JSON.stringify(yields)}`;
  } catch (error) {
    return [error instanceof Error ? error.stack : String(error), ...(server?.problems ?? [])].join("; ");
  } finally {
    await server?.close();
  }
}

function contextOf(root: string, input: object | undefined) {
  const files = {
    read: (path: string) => readFile(join(root, path)),
    readText: (path: string) => readFile(join(root, path), "utf8"),
    async write(path: string, content: string | Uint8Array) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    },
  };
  return { input: input ?? null, files, fetch, log: console, credential: { fetch: async () => token } };
}
