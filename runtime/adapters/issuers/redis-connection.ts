// One connection to a Redis server, logged in. Answers for where a server is (its URL, read strictly), for the handshake,
// for bounded time and bytes, and for saying how it ended. Nothing here reconnects or repeats: who asked decides that.
//
// A connection: connecting → open → gone, by a failure, a bound, a signal, `destroy`, or the server. Gone is for ever.
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";
import { isUsable, type Transport } from "../../model/issuer.ts";
import { readTlsOptions, type TlsOptions } from "./issuer-tls.ts";
import { makeReplyReader, type RedisValue, type Reply } from "./redis-reply.ts";

export interface RedisAddress {
  host: string;
  port: number;
  /** null: plaintext. */
  tls: TlsOptions | null;
}

export interface RedisLogin {
  user: string;
  password: string;
  /** Of the connection, in the server's list of clients. */
  name: string;
}

export type Command = readonly string[];

/** Why there is no answer. `refused`: the server said no to the login. */
export type TroubleReason = "lost" | "garbage" | "bytes" | "signal" | "refused";

export class RedisTrouble extends Error {
  override readonly name = "RedisTrouble";
  readonly reason: TroubleReason;
  constructor(reason: TroubleReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface RedisConnection {
  /** The server's number for it. */
  readonly id: number;
  isOpen(): boolean;
  /**
   * Sends the commands at once, without waiting for others' answers; resolves with the reply of each. A reply that says
   * no is a reply. When `signal` aborts, or the replies pass `bytesMax`, the connection is destroyed.
   * @throws RedisTrouble
   */
  ask(commands: readonly Command[], bytesMax: number, signal: AbortSignal): Promise<Reply[]>;
  destroy(): void;
}

/** Selectors, and key patterns within them. */
const majorMin = 7;
/** HELLO's reply, with a server's modules in it. */
const helloBytesMax = 65_536;

/**
 * Reads `redis://user:password@host:port` or `rediss://…`, which is TLS.
 * @throws MayflyError `config_invalid`; the message doesn't show the URL, which has a password in it.
 */
export function parseRedisUrl(text: string, transport: Transport, clientKey: string | null) {
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol)) throw badUrl("something else");
  const isTls = url.protocol === "rediss:";
  const [user, password] = [decode(url.username), decode(url.password)];
  if (url.hostname === "" || !user || !password) throw badUrl("a part that is missing");
  if (!/^(?:\/0?)?$/.test(url.pathname)) throw badUrl("a database: users are of all databases, and leases use 0");
  if (url.search !== "" || url.hash !== "") throw badUrl("parameters");
  if (!isUsable(url, transport)) {
    const next =
      'Use rediss://, or say plaintext: "allowed" in the issuer if whoever is on the way may read credentials.';
    throw badUrl("redis://, which is plaintext, and no loopback address", next);
  }
  if (!isTls && (transport.ca !== null || transport.client !== null)) {
    throw badUrl("redis://, which is plaintext, with `tls` in the issuer");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const address: RedisAddress = {
    ...{ host, port: url.port === "" ? 6_379 : Number(url.port) },
    tls: isTls ? readTlsOptions(transport, clientKey, host) : null,
  };
  return { address, admin: { user, password } };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badUrl(found: string, next = "Correct the URL where the config takes it from."): MayflyError {
  return new MayflyError({
    code: "config_invalid",
    message: "the administrator's URL of the Redis issuer can't be used",
    found,
    needed: "redis://user:password@host:port (plaintext) or rediss://user:password@host:port (TLS)",
    next,
  });
}

/** @throws RedisTrouble */
export async function openRedis(
  address: RedisAddress,
  { user, password, name }: RedisLogin,
  signal: AbortSignal,
): Promise<RedisConnection> {
  const { ask, isOpen, destroy } = await dial(address, signal);
  try {
    const hello = ["HELLO", "3", "AUTH", user, password, "SETNAME", name];
    const [reply] = await ask([hello], helloBytesMax, signal);
    if (reply?.ok !== true) throw refusal(reply?.error ?? "");
    const said = new Map(reply.value as [string, RedisValue][]);
    const [id, version] = [said.get("id"), said.get("version")];
    if (typeof id !== "number" || typeof version !== "string" || !(Number.parseInt(version, 10) >= majorMin)) {
      throw new RedisTrouble("refused", `needed Redis ${majorMin} or later`);
    }
    return { id, ask, isOpen, destroy };
  } catch (error) {
    destroy();
    if (error instanceof RedisTrouble) throw error;
    throw new RedisTrouble("garbage", "the server's greeting is none");
  }
}

// A server that loads its data, or has no place for one more, will say otherwise later.
function refusal(text: string): RedisTrouble {
  const isNo = /^(?:WRONGPASS|NOAUTH|NOPERM|NOPROTO|ERR unknown command)/.test(text);
  return new RedisTrouble(isNo ? "refused" : "lost", escapeLine(text, 200));
}

interface Batch {
  wanted: number;
  replies: Reply[];
  bytes: number;
  bytesMax: number;
  resolve(replies: Reply[]): void;
  reject(error: RedisTrouble): void;
}

async function dial(address: RedisAddress, signal: AbortSignal): Promise<Omit<RedisConnection, "id">> {
  if (signal.aborted) throw new RedisTrouble("signal", "given up");
  const { host, port, tls } = address;
  const socket: Socket = tls === null ? connect({ host, port }) : connectTls({ host, port, ...tls });
  const waiting: Batch[] = [];
  const reader = makeReplyReader();
  let gone: RedisTrouble | undefined;

  function end(trouble: RedisTrouble): void {
    gone ??= trouble;
    socket.destroy();
    for (const batch of waiting.splice(0)) batch.reject(trouble);
  }

  function receive(bytes: Uint8Array): void {
    const asked = nextBatch();
    asked.bytes += bytes.length;
    if (asked.bytes > asked.bytesMax) throw new RedisTrouble("bytes", `more than ${asked.bytesMax} bytes`);
    for (const reply of reader.read(bytes)) {
      const batch = nextBatch();
      batch.replies.push(reply);
      if (batch.replies.length < batch.wanted) continue;
      waiting.shift();
      batch.resolve(batch.replies);
    }
  }

  function nextBatch(): Batch {
    const [batch] = waiting;
    if (batch === undefined) throw new RedisTrouble("garbage", "the server sent what nobody asked for");
    return batch;
  }

  socket.setNoDelay(true);
  socket.on("data", (bytes: Uint8Array) => {
    try {
      receive(bytes);
    } catch (error) {
      if (error instanceof RedisTrouble) end(error);
      else end(new RedisTrouble("garbage", `the server sent no Redis reply: ${messageOf(error)}`));
    }
  });
  socket.on("error", (error) => end(new RedisTrouble("lost", reasonOf(error))));
  socket.on("close", () => end(new RedisTrouble("lost", "the connection was closed")));

  const connected = Promise.withResolvers<void>();
  socket.once(tls === null ? "connect" : "secureConnect", connected.resolve);
  const onAbort = (): void => end(new RedisTrouble("signal", "no connection in time"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("close", () => connected.reject(gone));
  try {
    await connected.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }

  return {
    isOpen: () => gone === undefined,
    destroy: () => end(new RedisTrouble("lost", "the connection was ended by us")),
    async ask(commands, bytesMax, asked) {
      if (gone !== undefined) throw gone;
      if (asked.aborted) throw new RedisTrouble("signal", "given up");
      const { promise, resolve, reject } = Promise.withResolvers<Reply[]>();
      const onGivenUp = (): void => end(new RedisTrouble("signal", "no answer in time"));
      asked.addEventListener("abort", onGivenUp, { once: true });
      waiting.push({ wanted: commands.length, replies: [], bytes: 0, bytesMax, resolve, reject });
      socket.write(encode(commands));
      try {
        return await promise;
      } finally {
        asked.removeEventListener("abort", onGivenUp);
      }
    },
  };
}

/** A code of the system's or of TLS, such as ECONNREFUSED; else its text, on one line. */
function reasonOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : escapeLine(error.message, 200);
}

/** Each argument with its length before it: no text can be taken for another command. */
function encode(commands: readonly Command[]): Buffer {
  const pieces: Buffer[] = [];
  for (const command of commands) {
    pieces.push(Buffer.from(`*${command.length}\r\n`));
    for (const argument of command) {
      const bytes = Buffer.from(argument, "utf8");
      pieces.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
    }
  }
  return Buffer.concat(pieces);
}
