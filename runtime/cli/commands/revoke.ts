// `mayfly revoke`: ends credentials now, whatever their runs do. A running `mayfly start` is asked, since it holds the
// secrets of its runs; without one, this process ends them itself. Their runs go on, and find their credential ended.
// stdout: the leases; stderr: progress. Exit code 0: all are proven dead; 5: some are not, and go on being tried.
import { createInterface } from "node:readline/promises";
import { makeControlClient } from "../../adapters/system/control-client.ts";
import { openLedger, openRevocation } from "../../compose.ts";
import type { Config } from "../../config.ts";
import { readTarget, runIdOf, type Target } from "../../core/leases/selection.ts";
import { escapeLine, exitCodes, MayflyError, nearestWord, quote } from "../../model/error.ts";
import { isIrrevocable, type Lease } from "../../model/lease.ts";
import type { Store } from "../../ports/store.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { printJson, printResult, say, table, warn } from "../print.ts";

export interface RevokeOptions extends ConfigOption {
  all?: boolean;
  reason: string;
  json?: boolean;
  yes?: boolean;
}

export async function revoke(name: string | undefined, options: RevokeOptions): Promise<void> {
  const config = await loadConfig(options);
  const { store, state } = openLedger(config);
  let target: Target;
  try {
    target = targetOf(name, options, config, store);
    if ("all" in target && !options.yes) await confirmAll(store.openLeases().length);
  } finally {
    await store.close();
  }
  const reason = escapeLine(options.reason, 500);
  const ended = new Map<string, Lease>();
  const onEnd = (lease: Lease) => {
    ended.set(lease.id, lease);
    say(`${lease.state.padEnd(11)} ${lease.id} of ${lease.job} at ${lease.issuer}: ${proofOf(lease)}`);
  };
  try {
    for await (const lease of makeControlClient(state.socket).revoke({ target, reason })) onEnd(lease);
  } catch (error) {
    if (!(error instanceof MayflyError) || error.code !== "start_absent") throw error;
    await revokeHere(config, target, reason, onEnd);
  }
  await report([...ended.values()], options);
}

// A living run's process notices at its next use that the ledger says so.
async function revokeHere(
  config: Config,
  target: Target,
  reason: string,
  onEnd: (lease: Lease) => void,
): Promise<void> {
  const { broker, close } = await openRevocation(config, process.env, warn);
  try {
    await broker.revoke(target, `revoked: ${reason}`, onEnd);
  } finally {
    await close();
  }
}

async function report(leases: Lease[], { json }: RevokeOptions): Promise<void> {
  if (json) await printJson(leases);
  else if (leases.length === 0) say("nothing to revoke: no lease of that name is open");
  else
    await printResult(table(leases.map((lease) => [lease.id, lease.job, lease.issuer, lease.state, proofOf(lease)])));
  const open = leases.filter(({ state }) => state !== "revoked").length;
  if (open === 0) return;
  say(`${open} of ${leases.length} are not proven dead; they are tried again by \`mayfly start\` (see mayfly leases)`);
  process.exitCode = exitCodes.unconfirmed;
}

function proofOf(lease: Lease): string {
  const found = lease.proof ?? lease.lastError ?? "its issuer has not answered yet";
  return isIrrevocable(lease) ? `irrevocable: ${found}` : found;
}

/** @throws MayflyError `usage` without exactly one target, `lease_unknown` with the nearest name. */
function targetOf(name: string | undefined, { all }: RevokeOptions, config: Config, store: Store): Target {
  if ((name === undefined) === (all !== true)) {
    throw new MayflyError({
      code: "usage",
      message: "revoke what?",
      found: name === undefined ? "neither a name nor --all" : `both ${quote(name)} and --all`,
      needed: "a lease, a run, a job, an issuer, or --all",
    });
  }
  if (name === undefined) return { all: true };
  const open = store.openLeases();
  const jobs = new Set([...Object.keys(config.jobs), ...open.map(({ job }) => job)]);
  const issuers = new Set([...Object.keys(config.issuers), ...open.map(({ issuer }) => issuer)]);
  const meant = readTarget(name, { jobs, issuers });
  if (meant.length === 1 && meant[0] !== undefined && isThere(meant[0], store)) return meant[0];
  if (meant.length > 1) {
    throw new MayflyError({
      code: "usage",
      message: `${quote(name)} is the name of a job and of an issuer`,
      needed: `job:${name} or issuer:${name}`,
    });
  }
  throw unknown(name, [...jobs, ...issuers, ...open.flatMap(({ id, runId }) => [id, runId])]);
}

function isThere(target: Target, store: Store): boolean {
  if (!("lease" in target || "run" in target)) return true;
  const runId = runIdOf(target);
  return runId !== undefined && (store.lease(runId) !== undefined || store.run(runId) !== undefined);
}

function unknown(name: string, known: readonly string[]): MayflyError {
  const near = nearestWord(name, known);
  return new MayflyError({
    code: "lease_unknown",
    message: "there is no lease, run, job or issuer of that name",
    found: quote(name),
    needed: "one that `mayfly leases` or the config names",
    ...(near === undefined ? {} : { next: `did you mean ${near}?` }),
  });
}

async function confirmAll(count: number): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return; // a program has said what it means
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await prompt.question(`End all ${count} open leases? Their runs go on without them. [y/N] `);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    prompt.close();
  }
  throw new MayflyError({ code: "usage", message: "nothing was revoked", needed: "yes, or --yes" });
}
