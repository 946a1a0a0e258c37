// Root credentials of issuers: read from where the config points, when an issuer is first needed, and from nowhere else.
import { readFileSync } from "node:fs";
import { MayflyError } from "../../model/error.ts";

export type SecretSource = { env: string } | { file: string };

/** @throws MayflyError `secret_missing` that names the variable; never a value. */
export function readSecret(
  from: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
  issuer: string,
  needed = "postgres://user:password@host:port/database",
): string {
  const found = ("env" in from ? env[from.env] : readOptional(from.file))?.trim() ?? "";
  if (found !== "") return found;
  const where = "env" in from ? `environment variable ${from.env}` : "the file that the config names";
  throw new MayflyError({
    code: "secret_missing",
    message: `issuer ${issuer} has no root credential: ${where} is empty or missing`,
    needed,
    next:
      "env" in from
        ? `set ${from.env}${needed.startsWith("postgres:") ? "; for a try, `npm run postgres` starts a server and prints it" : ""}`
        : "write it there, mode 0600",
  });
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
