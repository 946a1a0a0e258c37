// The sessions of leased roles: one a lease, opened at its first query, on which the job's statements run one after
// another. Answers for the bounds from outside the statement (time, bytes on the wire, the caller's signal) and for what
// becomes of a session that was cut: it is closed here, and terminated at the server, which would not notice by itself.
//
// A session: absent → open → busy → open … ; from any state → gone, by a bound, a failure, `end`, or the server.
import type { Client, ClientConfig } from "pg";
import type { RunId } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import { IssuerFailure, type QueryRequest, type QueryResult } from "../../ports/credential-issuer.ts";
import { connectClient, isConnectionLoss, serverSays, sqlStateOf } from "./postgres-connection.ts";
import { runStatement } from "./postgres-query.ts";

export interface LeaseSessions {
  /** Throws IssuerFailure: `query_failed`, `query_limit`, `issuer_refused`, `issuer_unavailable`. */
  query(run: RunId, secret: string, request: QueryRequest, signal: AbortSignal): Promise<QueryResult>;
  end(run: RunId): Promise<void>;
  endAll(): Promise<void>;
}

interface Session {
  client: Client;
  secret: string;
  /** Bytes received since the statement began. */
  wireBytes: number;
  /** Called when they pass this. */
  wireBytesMax: number;
  cut(reason: Cut): void;
}

/** The statements of a lease that are under way or wait; there is one as long as there are such. */
interface Queue {
  /** Settled when the last of them is; never rejects. */
  tail: Promise<unknown>;
  /** Set by `end`: what still waits gets nothing. */
  ended: boolean;
}

/** Why a statement was stopped from outside. */
type Cut = "time" | "bytes" | "signal" | "end";

const graceMs = 250; // the server's own statement_timeout comes first, and keeps the session
const endMs = 2_000;
const wireSlackBytes = 65_536;
const wireFactor = 4; // a row takes up to about three times its JSON on the wire: lengths of four bytes, bytea as hex

export function makeLeaseSessions(parts: {
  clock: Clock;
  configFor(run: RunId, secret: string): ClientConfig;
  /** Ends a session at the server. */
  terminate(run: RunId, processId: number): Promise<void>;
}): LeaseSessions {
  const sessions = new Map<RunId, Session>();
  const queues = new Map<RunId, Queue>();

  async function open(run: RunId, secret: string, signal: AbortSignal): Promise<Session> {
    const held = sessions.get(run);
    if (held?.secret === secret) return held;
    if (held !== undefined) await close(run, held);
    try {
      const client = await connectClient(parts.configFor(run, secret), signal);
      const session: Session = { client, secret, wireBytes: 0, wireBytesMax: Number.POSITIVE_INFINITY, cut() {} };
      client.connection.stream.on("data", (chunk: Uint8Array) => {
        session.wireBytes += chunk.length;
        if (session.wireBytes > session.wireBytesMax) session.cut("bytes");
      });
      client.on("end", () => {
        if (sessions.get(run) === session) sessions.delete(run);
      });
      sessions.set(run, session);
      return session;
    } catch (error) {
      const refused = sqlStateOf(error)?.startsWith("28") === true;
      const message = `the leased role could not log in: ${serverSays(error)}`;
      throw new IssuerFailure(refused ? "issuer_refused" : "issuer_unavailable", message, error);
    }
  }

  async function runOne(
    queue: Queue,
    run: RunId,
    secret: string,
    request: QueryRequest,
    signal: AbortSignal,
  ): Promise<QueryResult> {
    if (signal.aborted || queue.ended) throw givenUp();
    const session = await open(run, secret, signal);
    if (queue.ended) {
      await discard(run, session); // it was being opened while the lease was ended
      throw givenUp();
    }
    const bounds = armBounds(session, request, signal, parts.clock);
    const work = runStatement(session.client, request);
    work.catch(() => {}); // when a bound comes first, nobody waits for it
    try {
      return await Promise.race([work, bounds.cut]);
    } catch (error) {
      const failure = failureOf(error, request);
      const keep = failure.code === "query_failed" && (await rolledBack(session.client, bounds.cut));
      if (!keep) await discard(run, session);
      throw failure;
    } finally {
      bounds.disarm();
    }
  }

  async function discard(run: RunId, session: Session): Promise<void> {
    const { processID } = session.client as Client & { processID: number | null };
    if (sessions.get(run) === session) sessions.delete(run);
    session.client.connection.stream.destroy();
    // If this fails the revocation of the role will end it.
    if (processID !== null) await parts.terminate(run, processID).catch(() => {});
  }

  async function end(run: RunId): Promise<void> {
    const queue = queues.get(run);
    if (queue !== undefined) queue.ended = true;
    queues.delete(run);
    const session = sessions.get(run);
    if (session !== undefined) await close(run, session);
  }

  async function close(run: RunId, session: Session): Promise<void> {
    sessions.delete(run);
    session.cut("end");
    const cancel = parts.clock.setTimer(endMs, () => session.client.connection.stream.destroy());
    await session.client.end();
    cancel();
  }

  return {
    async query(run, secret, request, signal) {
      const queue = queues.get(run) ?? { tail: Promise.resolve(), ended: false };
      queues.set(run, queue);
      const mine = queue.tail.then(() => runOne(queue, run, secret, request, signal));
      const settled = mine.catch(() => {});
      queue.tail = settled;
      try {
        return await mine;
      } finally {
        if (queue.tail === settled && queues.get(run) === queue) queues.delete(run);
      }
    },
    end,
    async endAll() {
      await Promise.all([...new Set([...queues.keys(), ...sessions.keys()])].map(end));
    },
  };
}

/** Thrown by a bound; `failureOf` words it. */
class CutShort extends Error {
  override readonly name = "CutShort";
  readonly reason: Cut;
  constructor(reason: Cut) {
    super(`cut short: ${reason}`);
    this.reason = reason;
  }
}

function armBounds(session: Session, request: QueryRequest, signal: AbortSignal, clock: Clock) {
  const { promise: cut, reject } = Promise.withResolvers<never>();
  cut.catch(() => {}); // it may come when nobody races any more
  const onAbort = (): void => session.cut("signal");
  const cancelTimer = clock.setTimer(request.timeMs + graceMs, () => session.cut("time"));
  session.wireBytes = 0;
  session.wireBytesMax = request.bytesMax * wireFactor + wireSlackBytes;
  session.cut = (reason) => {
    reject(new CutShort(reason));
    session.client.connection.stream.destroy();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  const disarm = (): void => {
    cancelTimer();
    signal.removeEventListener("abort", onAbort);
    session.wireBytesMax = Number.POSITIVE_INFINITY;
    session.cut = () => {};
  };
  return { cut, disarm };
}

/** True when the session is fit for the next statement. */
async function rolledBack(client: Client, cut: Promise<never>): Promise<boolean> {
  try {
    await Promise.race([client.query("ROLLBACK"), cut]);
    return true;
  } catch {
    return false;
  }
}

function failureOf(error: unknown, request: QueryRequest): IssuerFailure {
  if (error instanceof IssuerFailure) return error;
  if (error instanceof CutShort) {
    if (error.reason === "time") return timeLimit(request);
    if (error.reason === "bytes")
      return new IssuerFailure("query_limit", `the query sent more than ${request.bytesMax} bytes`);
    return givenUp();
  }
  if (sqlStateOf(error) === "57014") return timeLimit(request); // query_canceled, by our statement_timeout
  if (isConnectionLoss(error)) {
    return new IssuerFailure("issuer_unavailable", `the session was lost: ${serverSays(error)}`, error);
  }
  return new IssuerFailure("query_failed", serverSays(error), error);
}

function givenUp(): IssuerFailure {
  return new IssuerFailure("issuer_unavailable", "the query was given up: its caller left, or the lease has ended");
}

function timeLimit(request: QueryRequest): IssuerFailure {
  const next = "narrow the query, or raise the limit in the config";
  return new IssuerFailure(
    "query_limit",
    `the query took longer than allowed: needed at most ${request.timeMs} ms; ${next}`,
  );
}
