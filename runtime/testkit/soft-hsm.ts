// SoftHSM 2, a PKCS#11 module in software, with a token of its own in a directory of its own. The module finds its
// configuration by a variable of the process that loads it: `env`, for child processes; a test that loads it itself sets it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SoftHsm {
  /** Path of the shared library. */
  module: string;
  token: string;
  pin: string;
  env: { SOFTHSM2_CONF: string };
  /** Where it keeps its objects. */
  directory: string;
  remove(): void;
}

const modules = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
/** What installs it on Debian; with it, and the addon compiled, the tests of PKCS#11 run. */
export const softHsmHint = "apt-get install softhsm2, and npm run build:pkcs11";

/** Why it can't be had here, or undefined. */
export async function softHsmMissing(): Promise<string | undefined> {
  if (!modules.some((path) => existsSync(path))) return `SoftHSM is not installed: ${softHsmHint}`;
  try {
    await import("pkcs11js");
    return undefined;
  } catch {
    return `the addon pkcs11js is not compiled: ${softHsmHint}`;
  }
}

export function makeSoftHsm(): SoftHsm {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-hsm-"));
  const tokens = join(directory, "tokens");
  mkdirSync(tokens, { mode: 0o700 });
  const conf = join(directory, "softhsm2.conf");
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const env = { SOFTHSM2_CONF: conf };
  const [token, pin] = ["mayfly-test", "1234"];
  const args = ["--init-token", "--free", "--label", token, "--so-pin", "56785678", "--pin", pin];
  execFileSync("softhsm2-util", args, { env: { ...env, PATH: "/usr/bin:/usr/local/bin" }, stdio: "ignore" });
  return {
    module: modules.find((path) => existsSync(path)) ?? "",
    ...{ token, pin, env, directory: tokens },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
