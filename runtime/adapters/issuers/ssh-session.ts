// What the supervisor does over SSH for a lease: one program after another, with the run's certificate. Answers for the order
// (one at a time a lease: a job can't make the supervisor start a hundred clients), for ending what is under way when the
// lease ends, and for what an outcome means in IssuerFailure's words.
import { escapeLine } from "../../model/error.ts";
import type { RunId } from "../../model/ids.ts";
import { type ExecRequest, type ExecResult, IssuerFailure } from "../../ports/credential-issuer.ts";
import { runSsh, type SshClientParts, type SshLogin, type SshOutcome } from "./ssh-client.ts";

export interface LeaseSessions {
  /** Throws IssuerFailure: `operation_limit`, `issuer_refused`, `issuer_unavailable`. */
  exec(run: RunId, login: () => SshLogin, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  /** The clients are gone when it resolves. */
  end(run: RunId): Promise<void>;
  endAll(): Promise<void>;
}

/** What is under way or waits for one lease. */
interface Queue {
  ended: AbortController;
  /** Settled when the last of it is; never rejects. */
  tail: Promise<unknown>;
}

export function makeLeaseSessions(client: SshClientParts): LeaseSessions {
  const queues = new Map<RunId, Queue>();

  async function runOne(queue: Queue, login: () => SshLogin, request: ExecRequest, signal: AbortSignal) {
    const stop = AbortSignal.any([signal, queue.ended.signal]);
    if (stop.aborted) throw givenUp();
    let outcome: SshOutcome;
    try {
      outcome = await runSsh(client, login(), request, stop);
    } catch (error) {
      throw new IssuerFailure("issuer_unavailable", "the SSH client could not be started", error);
    }
    return resultOf(outcome, request);
  }

  async function end(run: RunId): Promise<void> {
    const queue = queues.get(run);
    if (queue === undefined) return;
    queues.delete(run);
    queue.ended.abort();
    await queue.tail;
  }

  return {
    async exec(run, login, request, signal) {
      const queue = queues.get(run) ?? { ended: new AbortController(), tail: Promise.resolve() };
      queues.set(run, queue);
      const mine = queue.tail.then(() => runOne(queue, login, request, signal));
      const settled = mine.then(
        () => undefined,
        () => undefined,
      );
      queue.tail = settled;
      try {
        return await mine;
      } finally {
        if (queue.tail === settled && queues.get(run) === queue) queues.delete(run);
      }
    },
    end,
    async endAll() {
      await Promise.all([...queues.keys()].map(end));
    },
  };
}

function resultOf(outcome: SshOutcome, { bytesMax, timeMs }: ExecRequest): ExecResult {
  const { exitCode, stdout, stderr, cut } = outcome;
  if (cut === "time") {
    const next = "give it less to do, or raise credential.operation.time in the config";
    throw new IssuerFailure("operation_limit", `the program took longer than allowed: at most ${timeMs} ms; ${next}`);
  }
  if (cut === "bytes") {
    const next = "let it write less, or raise credential.operation.bytes in the config";
    throw new IssuerFailure("operation_limit", `the program wrote more than ${bytesMax} bytes; ${next}`);
  }
  if (cut !== null || exitCode === null) throw givenUp();
  if (exitCode !== 255 || outcome.said === "") return { exitCode, stdout, stderr };
  throw failureOf(outcome);
}

/** The client failed; this says at what. */
export function failureOf({ said, wasRefused }: Pick<SshOutcome, "said" | "wasRefused">): IssuerFailure {
  const shown = escapeLine(said.replaceAll(/\s+/g, " "), 300);
  if (wasRefused) return new IssuerFailure("issuer_refused", `the host refused the certificate: ${shown}`);
  if (/Host key verification failed\.?$/.test(said)) {
    const next = "see whether the host was replaced, and correct hostKey in the config";
    return new IssuerFailure("issuer_unavailable", `the host has another key than the config says; ${next}`);
  }
  return new IssuerFailure("issuer_unavailable", `the connection to the host failed: ${shown}`);
}

function givenUp(): IssuerFailure {
  return new IssuerFailure("issuer_unavailable", "the program was given up: its caller left, or the lease has ended");
}
