// The administrator's connection: one, opened when it is first needed and again when it is gone. Answers for bounded time
// and bytes, for telling "it said no" from "it can't be asked", and for order: what was given up on a connection must not
// happen after what is asked on the next one. So a connection that went down with a question open is ended at the server
// too, by its number, before anything else is asked: bytes of it that the server hasn't read yet are never read.
import { escapeLine } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { type Command, openRedis, type RedisAddress, type RedisConnection, RedisTrouble } from "./redis-connection.ts";
import type { RedisValue, Reply } from "./redis-reply.ts";

export interface RedisAdmin {
  /** One reply for each command, in order. Rejects with IssuerFailure. The commands must be safe to repeat. */
  ask(what: string, commands: readonly Command[], signal: AbortSignal): Promise<Reply[]>;
  close(): void;
}

// The broker gives an issuer ten seconds for an answer; these come first, also when a connection that was open turns out
// to be dead and the question is asked again on a new one.
const connectMs = 3_000;
const answerMs = 4_000;
/** The largest answer is the list of clients: 10,000, a server's usual most, take some 4 MiB. */
const answerBytesMax = 33_554_432;
const fencedMax = 16;

export function makeRedisAdmin(parts: {
  address: RedisAddress;
  admin: { user: string; password: string };
  /** Of the connection, in the server's list of clients. */
  name: string;
}): RedisAdmin {
  const { address, admin, name } = parts;
  let current: Promise<RedisConnection> | undefined;
  /** Numbers of connections that went down with a question open. */
  let fenced: number[] = [];
  let closed = false;

  async function open(): Promise<RedisConnection> {
    const signal = AbortSignal.timeout(connectMs);
    const connection = await openRedis(address, { ...admin, name }, signal);
    const before = fenced;
    // The numbers begin anew when the server does: no other user's connection may be hit.
    const kills = before.map((id) => ["CLIENT", "KILL", "ID", String(id), "USER", admin.user]);
    try {
      if (kills.length > 0) for (const reply of await connection.ask(kills, answerBytesMax, signal)) answerOf(reply);
    } catch (error) {
      connection.destroy();
      throw error;
    }
    fenced = fenced.filter((id) => !before.includes(id));
    if (closed) connection.destroy();
    return connection;
  }

  async function connection(): Promise<RedisConnection> {
    const held = current;
    const found = await held?.catch(() => undefined);
    if (found?.isOpen() === true) return found;
    if (current === held || current === undefined) current = open(); // else another caller has begun anew
    return current;
  }

  async function askOnce(on: RedisConnection, commands: readonly Command[], signal: AbortSignal): Promise<Reply[]> {
    try {
      return await on.ask(commands, answerBytesMax, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]));
    } catch (error) {
      if (!on.isOpen() && !fenced.includes(on.id)) fenced = [...fenced, on.id].slice(-fencedMax);
      throw error;
    }
  }

  return {
    async ask(what, commands, signal) {
      try {
        if (signal.aborted) throw new RedisTrouble("signal", "given up");
        const first = await connection();
        try {
          return await askOnce(first, commands, signal);
        } catch (error) {
          // It may have been dead for long: nobody looks at a connection that is not used.
          if (!(error instanceof RedisTrouble) || error.reason !== "lost" || closed) throw error;
          return await askOnce(await connection(), commands, signal);
        }
      } catch (error) {
        throw issuerFailure(what, error);
      }
    },
    close() {
      closed = true;
      current?.then(
        (held) => held.destroy(),
        () => undefined,
      );
    },
  };
}

/** @throws IssuerFailure with what the server said. */
export function answerOf(reply: Reply | undefined): RedisValue {
  if (reply?.ok === true) return reply.value;
  const text = reply?.error ?? "nothing";
  // Replies of a server that may say otherwise in a moment.
  const isShort = /^(?:LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|OOM|MISCONF|READONLY|NOREPLICAS)\b/.test(text);
  throw new IssuerFailure(isShort ? "issuer_unavailable" : "issuer_refused", escapeLine(text, 300));
}

/** Any failure of an administrative step as the port's own. */
function issuerFailure(what: string, error: unknown): IssuerFailure {
  const said = `Redis could not ${what}`;
  if (error instanceof IssuerFailure) return new IssuerFailure(error.code, `${said}: ${error.message}`, error);
  if (!(error instanceof RedisTrouble)) return new IssuerFailure("issuer_unavailable", said, error);
  const codes = { refused: "issuer_refused", garbage: "issuer_garbage", bytes: "issuer_garbage" } as const;
  const code = error.reason in codes ? codes[error.reason as keyof typeof codes] : "issuer_unavailable";
  return new IssuerFailure(code, `${said}: ${error.message}`, error);
}
