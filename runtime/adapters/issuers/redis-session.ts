// The connections of leased users: one a lease, opened at its first command, on which the job's commands run one after
// another. Answers for the bounds of a command (time, bytes, the caller's signal); a connection that one of them has cut
// is gone, and with it whatever was still to come. A lost connection is not opened again for the same command: whether it
// has taken effect nobody knows.
//
// A lease's connection: absent → open → busy → open … ; from any state → gone, by a bound, a failure, `end`, or the server.
import { escapeLine } from "../../model/error.ts";
import type { RunId } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import { type CommandRequest, type CommandResult, IssuerFailure } from "../../ports/credential-issuer.ts";
import { checkCommand } from "./redis-commands.ts";
import {
  openRedis,
  type RedisAddress,
  type RedisConnection,
  type RedisLogin,
  RedisTrouble,
} from "./redis-connection.ts";
import type { Reply } from "./redis-reply.ts";

export interface RedisSessions {
  /** Throws IssuerFailure: `operation_failed`, `operation_limit`, `issuer_refused`, `issuer_unavailable`, `issuer_garbage`. */
  command(run: RunId, secret: string, request: CommandRequest, signal: AbortSignal): Promise<CommandResult>;
  end(run: RunId): void;
  endAll(): void;
}

interface Session {
  /** Settled when the last command is; never rejects. */
  tail: Promise<unknown>;
  connection: RedisConnection | undefined;
  secret: string;
  /** Aborted by `end`: what is under way is cut, and what still waits gets nothing. */
  end: AbortController;
}

const errorCharsMax = 300;

export function makeRedisSessions(parts: {
  clock: Clock;
  address: RedisAddress;
  loginFor(run: RunId, secret: string): RedisLogin;
}): RedisSessions {
  const sessions = new Map<RunId, Session>();

  function sessionOf(run: RunId, secret: string): Session {
    const held = sessions.get(run);
    if (held?.secret === secret) return held;
    end(run); // it was opened with an earlier secret
    const made = { tail: Promise.resolve(), connection: undefined, secret, end: new AbortController() };
    sessions.set(run, made);
    return made;
  }

  async function runOne(session: Session, run: RunId, request: CommandRequest, signal: AbortSignal) {
    const time = new AbortController();
    const cancel = parts.clock.setTimer(request.timeMs, () => time.abort());
    const bounds = AbortSignal.any([signal, session.end.signal, time.signal]);
    try {
      if (session.connection?.isOpen() !== true) {
        session.connection = await openRedis(parts.address, parts.loginFor(run, session.secret), bounds);
      }
      const [reply] = await session.connection.ask([request.args], request.bytesMax, bounds);
      return resultOf(reply, request);
    } catch (error) {
      throw failureOf(error, request, time.signal.aborted && !signal.aborted && !session.end.signal.aborted);
    } finally {
      cancel();
      if (session.end.signal.aborted) session.connection?.destroy(); // it was being opened while the lease was ended
    }
  }

  function end(run: RunId): void {
    const session = sessions.get(run);
    sessions.delete(run);
    session?.end.abort();
    session?.connection?.destroy();
  }

  return {
    async command(run, secret, request, signal) {
      checkCommand(request.args);
      const session = sessionOf(run, secret);
      const mine = session.tail.then(() => runOne(session, run, request, signal));
      session.tail = mine.catch(() => {});
      return mine;
    },
    end,
    endAll() {
      for (const run of [...sessions.keys()]) end(run);
    },
  };
}

function resultOf(reply: Reply | undefined, { bytesMax }: CommandRequest): CommandResult {
  if (reply?.ok !== true) throw new IssuerFailure("operation_failed", escapeLine(reply?.error ?? "", errorCharsMax));
  if (Buffer.byteLength(JSON.stringify(reply.value)) > bytesMax) throw bytesLimit(bytesMax);
  return { value: reply.value };
}

function failureOf(error: unknown, request: CommandRequest, outOfTime: boolean): IssuerFailure {
  if (error instanceof IssuerFailure) return error;
  if (!(error instanceof RedisTrouble)) return new IssuerFailure("issuer_garbage", "a reply that is no JSON", error);
  const { reason, message } = error;
  if (reason === "bytes") return bytesLimit(request.bytesMax);
  if (reason === "refused") return new IssuerFailure("issuer_refused", `the leased user could not log in: ${message}`);
  if (reason === "garbage") return new IssuerFailure("issuer_garbage", message);
  if (reason === "lost") return new IssuerFailure("issuer_unavailable", `the connection was lost: ${message}`);
  if (!outOfTime) {
    const why = "its caller left, or the lease has ended";
    return new IssuerFailure("issuer_unavailable", `the command was given up: ${why}`);
  }
  const next = "whether it has taken effect is unknown; ask for less, or raise the limit in the config";
  const needed = `needed at most ${request.timeMs} ms`;
  return new IssuerFailure("operation_limit", `the command took longer than allowed: ${needed}; ${next}`);
}

function bytesLimit(bytesMax: number): IssuerFailure {
  const next = "ask for less (a range, a count), or raise the limit in the config";
  const needed = `needed at most ${bytesMax} bytes, as JSON and on the wire`;
  return new IssuerFailure("operation_limit", `the command gave more than allowed: ${needed}; ${next}`);
}
