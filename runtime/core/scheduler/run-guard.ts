// The leak guard at the ends of a run: its result, its error, its output files, its events and its record. And what a leak
// leads to: an alert in the audit and to whoever follows the run, the end of the lease at once, and, where the grant says
// so, the end of the run. Log lines, calls and requests are guarded in core/capabilities.
import { leaseIdOf, runIdDigits } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import type { Leak, RunRecord } from "../../model/run.ts";
import type { RunEvent } from "../../model/run-event.ts";
import type { FileTree } from "../../ports/file-tree.ts";
import { type LeakGuard, makeLeakGuard, marker } from "../leases/leak-guard.ts";
import { type Ending, leakEnding } from "./endings.ts";
import type { RunOrder, RunParts } from "./run.ts";

/** Of an output file, looked at between two turns of the loop, bytes: some 5 ms. */
const sliceBytes = 4_194_304;

export interface RunGuard {
  readonly guard: LeakGuard;
  /** The run's parts, as it is to use them: what they tell and keep is guarded. */
  readonly parts: RunParts;
  /** What is kept of an ending. */
  ending(ending: Ending): Ending;
  /** What it comes to when an output leaked. */
  verdict(ending: Ending): Ending;
  record(record: RunRecord): RunRecord;
}

/** @param end ends the run, as any ending does. */
export function guardRun(order: RunOrder, given: RunParts, end: (ending: Ending) => void): RunGuard {
  const { id, spec } = order;
  const grant = spec.grants.credential;
  const about = { runId: id, job: spec.name, leaseId: leaseIdOf(id), target: grant?.issuer ?? "" };
  /** The lease's end was asked for: here, or by the teardown, which comes right behind an ending. */
  let isEnding = false;

  function alert(code: string, message: string, capability?: string): void {
    const detail = capability === undefined ? { detail: message } : { capability, detail: message };
    given.store.note({ type: "alert", ...about, code, ...detail }).catch(() => undefined);
    given.onEvent({ type: "alert", runId: id, code, message });
  }

  function onLeak(leak: Leak): void {
    alert("leak", `the credential was in the run's ${leak.sink} (${leak.form}); its lease is being ended`, leak.sink);
    if (!isEnding) void endLease();
    isEnding = true;
    if (grant?.onLeak === "end") end(leakEnding(leak));
  }

  async function endLease(): Promise<void> {
    const tellEnd = ({ issuer, state, proof, lastError }: Lease) =>
      tell({ type: "lease", runId: id, issuer, state, detail: proof ?? lastError ?? "" });
    // Should it fail, the teardown asks again, and says what is known.
    await given.broker.revoke({ run: id }, "the credential leaked", tellEnd).catch(() => undefined);
  }

  const guard = makeLeakGuard({
    isRevealed: grant?.delivery === "revealed",
    known: [id, runIdDigits(id), spec.name],
    onLeak,
    onBlind: (message) => alert("leak_blind", message),
  });
  // Log lines are clean already, and so is a record that has ended.
  const tell = (event: RunEvent) =>
    given.onEvent(event.type === "log" || event.type === "ended" ? event : guard.cleanAll(event));

  function resultOf(result: unknown): unknown {
    const form = result === null ? undefined : guard.find(JSON.stringify(result));
    if (form !== undefined) guard.report("result", form);
    return cleanResult(result, guard);
  }

  function verdict(ending: Ending): Ending {
    const [leak] = guard.leaks;
    const isOwn = ending.state === "succeeded" || ending.error?.code === "job_threw";
    return leak !== undefined && grant?.onLeak === "end" && isOwn ? leakEnding(leak) : ending;
  }

  function errorOf(error: NonNullable<Ending["error"]>): Ending["error"] {
    const clean = guard.cleanAll(error);
    const nested = (error.nested ?? []).flatMap(({ message, source }) => [message, source?.sourceLine]);
    for (const text of [error.message, error.stack, error.source?.sourceLine, error.hint, ...nested]) {
      const form = text === undefined ? undefined : guard.find(text);
      if (form !== undefined) guard.report("error", form);
    }
    return clean;
  }

  return {
    guard,
    parts: {
      ...given,
      onEvent: tell,
      archive: {
        ...given.archive,
        collect: (runId, tree, files) => given.archive.collect(runId, guardedTree(tree, guard, given), files),
      },
    },
    ending({ state, error, result }) {
      isEnding = true;
      return verdict({ state, error: error === null ? null : errorOf(error), result: resultOf(result) });
    },
    verdict,
    // What names the run and its lease is ours, whatever stands in it: under another id nobody would find the record.
    record: ({ id, job, trigger, bundle, lease, result, ...rest }) => ({
      ...{ id, job, trigger, bundle, lease, result },
      ...guard.cleanAll(rest),
      leaks: [...guard.leaks],
    }),
  };
}

/** What is kept of a result. */
export function cleanResult(result: unknown, guard: LeakGuard): unknown {
  if (result === null || guard.find(JSON.stringify(result)) === undefined) return result;
  const clean = guard.cleanAll(result);
  // It may stand across texts, or be a number: then nothing of the result is kept.
  return guard.find(JSON.stringify(clean)) === undefined ? clean : marker;
}

/** Files as they are kept. What can't be redacted, since it is compressed, is not kept. */
function guardedTree(tree: FileTree, guard: LeakGuard, { clock }: RunParts): FileTree {
  const breathe = () => new Promise<void>((resolve) => clock.setTimer(0, resolve));

  async function read(...asked: Parameters<FileTree["read"]>): Promise<Uint8Array> {
    const bytes = await tree.read(...asked);
    let isFound = false;
    let packed: string | undefined;
    const stream = guard.stream(marker, (form) => {
      isFound = true;
      guard.report("output", form);
    });
    const inspector = guard.inspector((form) => {
      packed ??= form;
    });
    if (stream === undefined || inspector === undefined) return bytes;
    const kept: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const slice = bytes.subarray(at, at + sliceBytes);
      kept.push(stream.push(slice));
      await inspector.write(slice);
      if (at + sliceBytes < bytes.length) await breathe();
    }
    kept.push(stream.end());
    await inspector.end();
    if (packed === undefined) return isFound ? Buffer.concat(kept) : bytes;
    guard.report("output", packed);
    return Buffer.from(`${marker} was in this file, compressed: it is not kept\n`);
  }

  return { ...tree, read };
}
