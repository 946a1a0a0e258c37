// Sealed root credentials: put there by `mayfly keys import`, and opened for the issuer that names them, when it is opened.
import { sealedVariable } from "../adapters/system/secret-source.ts";
import type { KeyStore } from "../ports/key-store.ts";

/** In the key store, apart from signing keys and authorities. */
export const rootKeyPrefix = "root-";

export function rootKeyName(name: string): string {
  return `${rootKeyPrefix}${name}`;
}

/** What `{ sealed: "…" }` anywhere in `config` stands for, as `readSecret` looks it up. Rejects with MayflyError. */
export async function openSealed(config: unknown, store: KeyStore): Promise<Record<string, string>> {
  const opened: Record<string, string> = {};
  for (const name of new Set(sealedNames(config))) {
    const secret = await store.read(rootKeyName(name));
    if (secret !== undefined) opened[sealedVariable(name)] = new TextDecoder().decode(secret);
  }
  return opened;
}

function sealedNames(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const { sealed } = value as { sealed?: unknown };
  if (typeof sealed === "string") return [sealed];
  return Object.values(value).flatMap(sealedNames);
}
