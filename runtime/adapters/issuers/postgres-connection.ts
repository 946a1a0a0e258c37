// Connections to one PostgreSQL server. Answers for where it is (the admin URL, read strictly), for bounded connecting,
// for a small pool of administrator's sessions that survives a restart of the server, and for telling "it said no" from
// "it can't be reached". What is said on a connection is postgres-role.ts's and postgres-session.ts's.
import { Client, type ClientConfig, Pool } from "pg";
import { escapeLine, MayflyError, messageOf } from "../../model/error.ts";
import { isLoopbackHost, type Transport } from "../../model/issuer.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import { readTlsOptions, type TlsOptions } from "./issuer-tls.ts";

export interface ServerAddress {
  host: string;
  port: number;
  database: string;
  admin: { user: string; password: string };
  /** As libpq's sslmode=verify-full; null: plaintext. */
  tls: TlsOptions | null;
}

// The broker gives an issuer ten seconds for an answer; the bounds here come first, and say what was waited for.
const connectMs = 3_000;
/** One administrative statement, by the server's clock. Each takes milliseconds, or waits for a lock. */
const statementMs = 4_000;
/** The same by ours, for a server that has stopped answering. */
const answerMs = 5_000;
const adminSessionsMax = 3; // of a server's usual 100; revocations wait for each other briefly rather than fail

/**
 * Reads `postgres://user:password@host:port/database`. Plaintext on a loopback address, and elsewhere on the author's
 * word alone; a transport with files is TLS anywhere.
 * @throws MayflyError `config_invalid`; the message doesn't show the URL, which has a password in it.
 */
export function parseAdminUrl(adminUrl: string, transport: Transport, clientKey: string | null): ServerAddress {
  const url = URL.parse(adminUrl);
  const database = decode(url?.pathname.slice(1));
  const user = decode(url?.username);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) throw badUrl("something else");
  if (url.hostname === "" || !user || !database || database.includes("/")) throw badUrl("a part that is missing");
  if (url.search !== "" || url.hash !== "") throw badUrl("parameters after the database");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const hasFiles = transport.ca !== null || transport.client !== null;
  const isPlain = !hasFiles && (isLoopbackHost(host) || transport.plaintext);
  return {
    ...{ host, port: url.port === "" ? 5_432 : Number(url.port), database },
    admin: { user, password: decode(url.password) ?? "" },
    tls: isPlain ? null : readTlsOptions(transport, clientKey, host),
  };
}

function decode(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badUrl(found: string): MayflyError {
  return new MayflyError({
    code: "config_invalid",
    message: "the administrator's URL of the PostgreSQL issuer can't be used",
    found,
    needed: "postgres://user:password@host:port/database, without parameters",
    next: "Correct the URL where the config takes it from. TLS and its files are the issuer's `tls` in the config.",
  });
}

/** Everything is said, so that nothing is taken from PG… variables of the environment. */
export function clientConfig(
  address: ServerAddress,
  login: { user: string; password: string; applicationName: string; options: string },
): ClientConfig {
  return {
    host: address.host,
    port: address.port,
    database: address.database,
    user: login.user,
    password: () => login.password, // a function, since an empty text would be looked up elsewhere
    application_name: login.applicationName,
    options: login.options,
    client_encoding: "UTF8",
    sslnegotiation: "postgres",
    ssl: address.tls ?? false,
    connectionTimeoutMillis: connectMs,
  };
}

/** A connected client that never throws out of an event. Rejects when `signal` aborts or `connectMs` have passed. */
export async function connectClient(config: ClientConfig, signal: AbortSignal): Promise<Client> {
  signal.throwIfAborted();
  const client = new Client(config);
  client.on("error", () => {}); // the call under way is rejected with it; without a call nobody waits
  const destroy = (): void => void client.connection.stream.destroy();
  signal.addEventListener("abort", destroy, { once: true });
  try {
    await client.connect();
    return client;
  } catch (error) {
    destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", destroy);
  }
}

export interface AdminPool {
  /** The issuer's own. */
  readonly database: string;
  /** Runs `work` on an administrator's session; once more, on a new one, when the session turns out to be dead. */
  run<T>(work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** The same in another database of the server, on a session that is made for it. */
  runIn<T>(database: string, work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

/** Opens nothing until it is used. `work` must be safe to repeat. */
export function makeAdminPool(address: ServerAddress, applicationName: string): AdminPool {
  const config: ClientConfig = {
    ...clientConfig(address, {
      ...address.admin,
      applicationName,
      // Only the server's own functions and operators are found by bare names.
      options: "-c search_path=pg_catalog",
    }),
    statement_timeout: statementMs,
    lock_timeout: statementMs,
    idle_in_transaction_session_timeout: answerMs,
    query_timeout: answerMs,
  };
  const pool = new Pool({ ...config, max: adminSessionsMax, idleTimeoutMillis: 10_000, allowExitOnIdle: true });
  pool.on("error", () => {}); // an idle session died: the pool has dropped it

  /** What `work` gave, or the error by which its session was found dead. A failure to connect is thrown. */
  async function runPooled<T>(work: (client: Client) => Promise<T>, signal: AbortSignal) {
    const client = await pool.connect();
    client.on("error", ignore);
    let failed = true; // a session on which anything failed may be in the middle of something: it is not used again
    try {
      const value = await withAbort(client, work, signal);
      failed = false;
      return { value };
    } catch (error) {
      if (signal.aborted || !isConnectionLoss(error)) throw error;
      return { lost: error };
    } finally {
      client.off("error", ignore);
      client.release(failed);
    }
  }

  async function runFresh<T>(
    work: (client: Client) => Promise<T>,
    signal: AbortSignal,
    { database } = address,
  ): Promise<T> {
    const client = await connectClient({ ...config, database }, signal);
    try {
      return await withAbort(client, work, signal);
    } finally {
      await client.end();
    }
  }

  return {
    database: address.database,
    async run(work, signal) {
      signal.throwIfAborted();
      const first = await runPooled(work, signal);
      return "lost" in first ? await runFresh(work, signal) : first.value;
    },
    runIn: (database, work, signal) => runFresh(work, signal, { ...address, database }),
    close: () => pool.end(),
  };
}

function ignore(): void {}

async function withAbort<T>(client: Client, work: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
  const destroy = (): void => void client.connection.stream.destroy();
  if (signal.aborted) destroy();
  signal.addEventListener("abort", destroy, { once: true });
  try {
    return await work(client);
  } finally {
    signal.removeEventListener("abort", destroy);
  }
}

/** The SQLSTATE (five characters) that the server gave, or undefined when it gave none. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in (error as object) ? code : undefined;
}

/**
 * True when the session is gone: broken, or ended by the server (class 08, operator intervention). 08P01 is what the
 * server answers to a wrong number of parameters, and goes on.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof IssuerFailure || messageOf(error) === "Query read timeout") return false;
  const state = sqlStateOf(error);
  if (state === undefined) return true;
  return (state.startsWith("08") && state !== "08P01") || ["57P01", "57P02", "57P03", "57P05"].includes(state);
}

/** What the server said, for a message: SQLSTATE and its one line, without detail, which may show rows. */
export function serverSays(error: unknown): string {
  const state = sqlStateOf(error);
  const text = escapeLine(messageOf(error), 300);
  return state === undefined ? text : `${state}: ${text}`;
}

/** Any failure of an administrative step as the port's own. */
export function issuerFailure(what: string, error: unknown): IssuerFailure {
  if (error instanceof IssuerFailure) return error;
  const state = sqlStateOf(error);
  // Locks, sessions and resources that were short may be there at the next try; a plain no will stay one.
  const refused = state !== undefined && /^(?:28|3D|3F|42|0L|0P)/.test(state);
  return new IssuerFailure(
    refused ? "issuer_refused" : "issuer_unavailable",
    `PostgreSQL could not ${what}: ${serverSays(error)}`,
    error,
  );
}
