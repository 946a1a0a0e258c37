// Everything that a run had is taken away, in an order that shrinks power first:
//
//   gate shut → end of lease and identities begun (in parallel from here on) → process killed and seen gone →
//   sockets closed → outputs collected → directory removed → lease proven dead
//
// What could not be confirmed is reported as such; recovery and the reaper take it from there.

import type { CheckedPath } from "../../model/checked.ts";
import { MayflyError, messageOf } from "../../model/error.ts";
import type { Confirmation, Output, Teardown } from "../../model/run.ts";
import type { ExecutorProcess } from "../../ports/executor-process.ts";
import type { FileTree } from "../../ports/file-tree.ts";
import type { HttpClient } from "../../ports/http-client.ts";
import type { Gate } from "../capabilities/gate.ts";
import type { Ending } from "./endings.ts";
import type { RunOrder, RunParts } from "./run.ts";

/** SIGKILL takes 4 to 23 ms; a process in an uninterruptible read may take longer. */
const killWaitMs = 5_000;

/**
 * A job that has said its last word only waits. Taking its process down keeps the kernel busy for some milliseconds,
 * and on a small machine the revocation would wait behind it; so the lease goes first, for this long at most.
 */
const killHeldBackMsMax = 10;

export interface TeardownParts {
  order: RunOrder;
  parts: RunParts;
  held: { executor: ExecutorProcess; tree: FileTree };
  gate: Gate;
  client: HttpClient;
  outputs: () => Promise<CheckedPath[]>;
  ending: Ending;
  /** Gives the executor back for the job's next run, where the config allows that; false: it is to be killed. */
  keep: () => Promise<boolean>;
}

export interface TornDown {
  /** The ending, or what it became when its outputs could not be kept. */
  ending: Ending;
  outputs: Output[];
  teardown: Teardown;
}

/** Never rejects. */
export async function tearDown({
  order,
  parts,
  held,
  gate,
  client,
  outputs,
  ending,
  keep,
}: TeardownParts): Promise<TornDown> {
  gate.shut();
  const say = (step: string, confirmation: Confirmation): Confirmation => {
    parts.onEvent({ type: "teardown", runId: order.id, step, confirmation });
    return confirmation;
  };
  const lease = endLease(order, parts).then((confirmation) => say("lease", confirmation));
  const identities = endIdentities(order, parts);
  if (ending.state === "succeeded") await Promise.race([lease, pause(parts, killHeldBackMsMax)]);
  // What is kept for the job's next run has said that its isolate is gone; the process is nobody's in between.
  const isKept = ending.state === "succeeded" && (await keep().catch(() => false));
  const isGone = isKept || (await held.executor.kill(killWaitMs).catch(() => false));
  const isolate = isGone ? "confirmed" : "unconfirmed";
  const process = say("process", isKept ? "none" : isolate);
  const sockets = say("sockets", await confirm(client.close()));
  const collected = ending.state === "succeeded" ? await collect(order, parts, held.tree, outputs) : [];
  const directory = say("directory", (await held.tree.destroy().catch(() => false)) ? "confirmed" : "unconfirmed");
  await identities;
  const failed = Array.isArray(collected) ? undefined : collected;
  return {
    ending: failed ?? ending,
    outputs: Array.isArray(collected) ? collected : [],
    teardown: { isolate, process, directory, sockets, lease: await lease },
  };
}

function pause({ clock }: RunParts, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(ms, resolve));
}

async function endLease({ id, spec }: RunOrder, { broker, onEvent }: RunParts): Promise<Confirmation> {
  try {
    const lease = await broker.end(id);
    if (lease === undefined) return "none";
    onEvent({
      type: "lease",
      runId: id,
      issuer: lease.issuer,
      state: lease.state,
      detail: lease.proof ?? lease.lastError ?? "",
    });
    return lease.state === "revoked" ? "confirmed" : "unconfirmed";
  } catch {
    return spec.grants.credential === null ? "none" : "unconfirmed"; // the ledger can't be read or written
  }
}

// Should the ledger not take it, they expire within minutes, and the reaper tries again until then.
async function endIdentities({ id, spec }: RunOrder, { identity }: RunParts): Promise<void> {
  if (spec.grants.identity !== null) await identity.end(id).catch(() => undefined);
}

async function confirm(closing: Promise<void>): Promise<Confirmation> {
  return closing.then(
    () => "confirmed" as const,
    () => "unconfirmed" as const,
  );
}

async function collect(
  { id }: RunOrder,
  { archive }: RunParts,
  tree: FileTree,
  outputs: () => Promise<CheckedPath[]>,
): Promise<Output[] | Ending> {
  try {
    return await archive.collect(id, tree, await outputs());
  } catch (error) {
    const found = error instanceof MayflyError ? error.describe() : messageOf(error);
    return {
      state: "failed",
      result: null,
      error: {
        code: "store_unavailable",
        message: `the run succeeded, and its output files could not be kept: ${found}`,
      },
    };
  }
}
