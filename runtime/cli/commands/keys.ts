// `mayfly keys`: which keys there are and what each wraps; new ones in their place; root credentials, sealed.
import { readInputFile } from "../../adapters/system/input-file.ts";
import type { KeyList } from "../../compose/keys.ts";
import type { Ledger } from "../../compose/ledger.ts";
import { rootKeyName, rootKeyPrefix } from "../../compose/secrets.ts";
import { openLedger } from "../../compose.ts";
import type { AuditEvent } from "../../model/audit-event.ts";
import { MayflyError, quote } from "../../model/error.ts";
import { isoTime } from "../../model/units.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, printResult, say, table } from "../print.ts";

interface KeysOptions extends ConfigOption {
  json?: boolean;
}

export async function list(options: KeysOptions): Promise<void> {
  const ledger = openLedger(await loadConfig(options));
  try {
    const keys = await ledger.keys.list();
    if (options.json) await printJson(keys);
    else await printResult(table([["KEY", "ID", "MADE", "STATE"], ...rows(keys)]));
  } finally {
    await ledger.close();
  }
}

function rows({ wrapping, data, signing, sealed }: KeyList): string[][] {
  const at = (ms: number | null) => (ms === null ? "unknown" : isoTime(ms));
  return [
    ...wrapping.map(({ provider, id, madeAt, wraps }) => {
      const state = wraps.length === 0 ? "wraps nothing" : `wraps data keys ${wraps.join(", ")}`;
      return [`wrapping (${provider})`, id, at(madeAt), state];
    }),
    ...data.map(({ id, madeAt, seals, provider, wrappedBy }) => {
      const state = `${seals ? "seals and opens" : "opens"}; wrapped by ${wrappedBy} (${provider})`;
      return ["data", id, at(madeAt), state];
    }),
    ...signing.map(({ port, kid, state, madeAt, activeAt, retiredAt }) => {
      const since = state === "next" ? null : state === "active" ? activeAt : retiredAt;
      return [`signing (port ${port})`, kid, at(madeAt), since === null ? state : `${state} since ${isoTime(since)}`];
    }),
    ...sealed.map((name) => {
      const isRoot = name.startsWith(rootKeyPrefix);
      return [isRoot ? "root credential" : "secret", isRoot ? name.slice(rootKeyPrefix.length) : name, "-", "sealed"];
    }),
  ];
}

export async function rotate(options: KeysOptions): Promise<void> {
  const ledger = openLedger(await loadConfig(options));
  try {
    await record(ledger, { type: "keys.rotating" });
    const rotated = await ledger.keys.rotate();
    const { wrapping, data, signing } = rotated;
    const detail = [
      `wrapping ${wrapping}`,
      `data ${data}`,
      ...signing.map(({ port, kid }) => `signing ${port} ${kid}`),
    ];
    await record(ledger, { type: "keys.rotated", detail: detail.join("; ") });
    if (options.json) await printJson(rotated);
    else await printResult(detail.join("\n"));
    const unused = (await ledger.keys.list()).wrapping.filter(
      ({ provider, wraps }) => wraps.length === 0 && provider === "file",
    );
    if (unused.length > 0)
      say("keys in wrapping.json that wrap nothing are kept for the sake of older backups; without those, remove them");
  } finally {
    await ledger.close();
  }
}

/** Before the effect, as everywhere: what can't be recorded isn't done. */
async function record(ledger: Ledger, audit: AuditEvent): Promise<void> {
  await ledger.audited();
  await ledger.store.commit([{ audit }]);
}

/** Reads the credential from standard input, or from a file: never from the command line, which others can see. */
export async function importRoot(name: string, options: ConfigOption & { file?: string }): Promise<void> {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name))
    throw new MayflyError({
      code: "usage",
      message: "a sealed credential can't have that name",
      found: quote(name),
      needed: "a lower-case letter, then at most 62 of a–z, 0–9 and -",
    });
  const config = await loadConfig(options);
  const secret = (await readInputFile(options.file ?? "-")).trim();
  if (secret === "")
    throw new MayflyError({
      code: "usage",
      message: "there is nothing to import",
      found: "an empty input",
      needed: "the root credential",
      next: `mayfly keys import ${name} < file, or from a pipe`,
    });
  const ledger = openLedger(config);
  try {
    await record(ledger, { type: "keys.importing", target: name });
    await ledger.keys.store.replace(rootKeyName(name), new TextEncoder().encode(secret));
    say(`sealed as ${name}: name it in the config as { sealed: "${name}" }, and remove where it came from`);
  } finally {
    await ledger.close();
  }
}
