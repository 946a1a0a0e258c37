// The openssl command as an independent reader of certificates and revocation lists: what it says of a file, and whether it
// takes a certificate under an authority and its list. Every Debian has it.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface OpensslSaid {
  code: number;
  /** Both outputs. */
  text: string;
}

export function openssl(args: readonly string[]): Promise<OpensslSaid> {
  return new Promise((resolve) => {
    execFile("openssl", args, { timeout: 30_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, text: `${stdout}${stderr}` });
    });
  });
}

/** `openssl verify -crl_check`: "OK", or its reason. @param more further options, such as `-purpose sslclient`. */
export function opensslVerify(
  pem: string,
  files: { authority: string; list: string },
  more: readonly string[] = [],
): Promise<string> {
  return withFile(pem, async (file) => {
    const trust = ["-CAfile", files.authority, "-CRLfile", files.list, "-crl_check"];
    const { code, text } = await openssl(["verify", ...trust, ...more, file]);
    return code === 0 ? "OK" : (/error \d+ at \d+ depth lookup: (.*)/.exec(text)?.[1] ?? text);
  });
}

/** Calls with the path of a file that has this text. */
export async function withFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-openssl-"));
  try {
    const path = join(directory, "file.pem");
    await writeFile(path, text, { mode: 0o600 });
    return await use(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
