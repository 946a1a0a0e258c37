// A real Redis on loopback, for tests and for trying things out. Answers for finding the program, for starting it with a
// closed default user and an administrator who has what the issuer needs and no more, and for leaving nothing behind.
//
// The server outlives neither `stop` nor this process: its shell reads a pipe from us, and ends it when the pipe ends. The
// configuration, with the passwords in it, goes down the same pipe: it stands in no argument and in no file.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { escapeLine } from "../model/error.ts";

export interface RedisServer {
  port: number;
  /** For the issuer's administrator, with `redisAdminRules`. Holds its password. */
  adminUrl: string;
  /** For a user who may do everything: to look at what the issuer did. */
  rootUrl: string;
  /** What the server logged so far. */
  log(): string;
  /** Ends the server and starts it again, with the same port, users and directory: what was in memory is gone. */
  restart(): Promise<void>;
  /** Resolves when the server and its directory are gone. Safe to repeat. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** TLS only, by these files. Its URLs are rediss://localhost. */
  tls?: { certificate: string; key: string; ca: string; clients: "asked" | "unasked" };
  /** As Redis comes: whoever reaches the port may do everything. */
  openToAll?: boolean;
  /** Rules of the administrator in the place of `redisAdminRules`. */
  adminRules?: string;
  /** Users are kept in a file, as ACL SAVE writes it. */
  aclFile?: boolean;
}

/** What the issuer's administrator needs; HELLO and AUTH are everybody's. Who may ACL SETUSER can make himself anything. */
export const redisAdminRules =
  "resetchannels -@all +acl|setuser +acl|deluser +acl|getuser +acl|users +client|list +client|kill";

const logCharsMax = 1_048_576;
const startMs = 30_000;
const startTriesMax = 3; // another program may take the free port between our look and the server's bind

// The configuration ends at a line of its own. Our own copy of stdout is closed, so that the log ends with the server. The
// directory goes when the pipe ends, unless we said "keep" on it.
const supervise = `
directory=$1; shift
config= keep=
while IFS= read -r line && [ "$line" != "# end" ]; do config="$config$line
"; done
printf '%s' "$config" | "$@" - & server=$!
exec >/dev/null 2>&1
while read -r line; do [ "$line" != keep ] || keep=1; done
kill -TERM $server
wait $server
[ -n "$keep" ] || rm -rf "$directory"
`;

/** Whether there is one, of at least 7. */
export function hasRedisServer(): boolean {
  const { stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return Number(/v=(\d+)\./.exec(stdout ?? "")?.[1]) >= 7;
}

/** Starts a server without persistence on a free port. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-redis-"));
  const passwords = {
    root: randomBytes(18).toString("base64url"),
    "mayfly-admin": randomBytes(18).toString("base64url"),
  };
  const users = [
    options.openToAll === true ? "user default on nopass ~* &* +@all" : "user default off",
    `user root on ${hashed(passwords.root)} ~* &* +@all`,
    `user mayfly-admin on ${hashed(passwords["mayfly-admin"])} ${options.adminRules ?? redisAdminRules}`,
  ];
  const aclFile = join(directory, "users.acl");
  if (options.aclFile === true) await writeFile(aclFile, `${users.join("\n")}\n`, { mode: 0o600 });
  const lines = (port: number) => [
    "bind 127.0.0.1",
    'save ""',
    "appendonly no",
    `dir ${directory}`,
    ...(options.aclFile === true ? [`aclfile ${aclFile}`] : users),
    ...portLines(port, options.tls),
  ];
  try {
    let running = await startOnFreePort(directory, lines);
    const { port } = running;
    const urlFor = (user: keyof typeof passwords) => {
      const place = options.tls === undefined ? `127.0.0.1:${port}` : `localhost:${port}`;
      return `redis${options.tls === undefined ? "" : "s"}://${user}:${passwords[user]}@${place}`;
    };
    return {
      port,
      adminUrl: urlFor("mayfly-admin"),
      rootUrl: urlFor("root"),
      log: () => running.log(),
      async restart() {
        running.shell.stdin?.write("keep\n");
        await stopShell(running.shell);
        const again = await startServer(directory, lines(port), port);
        if (typeof again === "string") throw new Error(`Redis did not start again: ${escapeLine(again, 500)}`);
        running = again;
      },
      async stop() {
        await stopShell(running.shell);
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

const hashed = (password: string): string => `#${createHash("sha256").update(password).digest("hex")}`;

function portLines(port: number, tls: RedisOptions["tls"]): string[] {
  if (tls === undefined) return [`port ${port}`];
  return [
    ...["port 0", `tls-port ${port}`, `tls-cert-file ${tls.certificate}`, `tls-key-file ${tls.key}`],
    ...[`tls-ca-cert-file ${tls.ca}`, `tls-auth-clients ${tls.clients === "asked" ? "yes" : "no"}`],
  ];
}

interface Running {
  port: number;
  shell: ChildProcess;
  log(): string;
}

async function startOnFreePort(directory: string, lines: (port: number) => string[]): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const started = await startServer(directory, lines(port), port);
    if (typeof started !== "string") return started;
    if (!/Address already in use/.test(started) || attempt >= startTriesMax)
      throw new Error(`Redis did not start: ${escapeLine(started.trim(), 500)}`);
  }
}

/** The running server, or what it said when it gave up. */
async function startServer(directory: string, lines: readonly string[], port: number): Promise<Running | string> {
  const shell = spawn("/bin/sh", ["-c", supervise, "sh", directory, "redis-server"], {
    cwd: "/",
    // A session of its own: an interrupt at the terminal is for us, and we end the server in our own time.
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
  });
  let log = "";
  shell.stdin?.on("error", () => {}); // it is gone already: the log tells
  shell.stdin?.write(`${lines.join("\n")}\n# end\n`);
  const isReady = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), startMs);
    const settle = (ready: boolean): void => {
      clearTimeout(timer);
      resolve(ready);
    };
    shell.once("error", () => settle(false));
    shell.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      log = (log + chunk).slice(-logCharsMax);
      if (log.includes("Ready to accept connections")) settle(true);
    });
    shell.stdout?.once("end", () => settle(false));
  });
  if (isReady) return { port, shell, log: () => log };
  shell.stdin?.write("keep\n"); // there may be another try
  await stopShell(shell);
  return log;
}

async function stopShell(shell: ChildProcess): Promise<void> {
  shell.stdin?.end();
  if (shell.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
  await new Promise<void>((resolve) => shell.once("exit", () => resolve()));
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
