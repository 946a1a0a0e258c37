// Where the peers come from, and how their parts are found in there. secure-exec is at 0.2.1: the core that its 0.3.3 names
// is not to be had, and 0.2.21 brings 1.2 GB and takes several times as long. Its packages for other platforms were not to be
// had either, and stand in the lockfile by hand, without a digest, or `npm ci` would refuse it as a whole.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeOnDemand } from "../../../test/support/on-demand.ts";

export const peers = makeOnDemand(import.meta.dirname);

/** The program that a peer has for this platform: without its install script it isn't linked to anywhere. */
export function programOf(modules: string, peer: "workerd" | "deno"): string {
  const { platform, arch } = process;
  if (peer === "deno") return join(modules, `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}/deno`);
  return join(modules, `@cloudflare/workerd-${platform}-${arch === "x64" ? "64" : arch}/bin/workerd`);
}

/** @param file of a package, with the package's name before it. */
export async function importOf<Exports>(modules: string, file: string): Promise<Exports> {
  return (await import(pathToFileURL(join(modules, file)).href)) as Exports;
}
