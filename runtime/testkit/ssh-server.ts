// A real sshd on loopback, for tests and for trying things out, that trusts one authority and reads its revocation list; and a
// stranger with an SSH client who has a certificate and its key. Answers for finding the programs, for starting a server on a
// free port, and for leaving nothing behind. Users log in as whoever runs this: only root's sshd could do more.
//
// The server outlives neither `stop` nor this process: it is the child of a shell that reads a pipe from us, and ends it when
// the pipe ends. Its sessions are ended by `stop`.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { findSshPrograms } from "../adapters/issuers/ssh-client.ts";
import { ed25519, makeKeyPair, privateKeyText, publicBlob, publicLine } from "../adapters/issuers/ssh-keys.ts";
import { escapeLine } from "../model/error.ts";

export interface SshServer {
  host: "127.0.0.1";
  port: number;
  /** For the config: type and Base64. */
  hostKey: string;
  /** Whom one can log in as. */
  user: string;
  /** What the server logged so far: the newest 1 MiB. */
  log(): string;
  /** Ends the server and its sessions, and removes its directory. Safe to repeat. */
  stop(): Promise<void>;
}

export interface SshServerOptions {
  /** Path of the authority's public line, and of its revocation list. Neither has to be there yet. */
  authority: string;
  list: string;
  /** Who may log in as the one user: lines of its AuthorizedPrincipalsFile. */
  principals: readonly string[];
  /** A free one when absent. */
  port?: number;
  /** A host key that it had before. */
  hostKey?: ReturnType<typeof makeKeyPair>;
}

const path = "/usr/local/bin:/usr/bin:/bin";
const sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].find((file) => existsSync(file));
const client = findSshPrograms(path).ssh;
const logCharsMax = 1_048_576;
const startTriesMax = 3; // another program may take the free port between our look and the server's bind
const loginMs = 20_000;

const supervise = `"$@" & server=$!
exec 2>/dev/null
while read -r _; do :; done
kill $server
wait $server`;

/** Why there can be none here; undefined where there can. */
export function whyNoSshServer(): string | undefined {
  if (sshd === undefined) return "sshd is not installed (Debian: openssh-server)";
  return client === undefined ? "ssh is not installed (Debian: openssh-client)" : undefined;
}

export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const missing = whyNoSshServer();
  if (missing !== undefined || sshd === undefined) throw new Error(missing);
  if (userInfo().uid === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const directory = await mkdtemp(join(tmpdir(), "mayfly-sshd-"));
  try {
    const pair = options.hostKey ?? makeKeyPair();
    await writeFile(join(directory, "host"), privateKeyText(pair, randomBytes(4), "host"), { mode: 0o600 });
    await mkdir(join(directory, "home"), { mode: 0o700 });
    await writeFile(join(directory, "principals"), options.principals.map((line) => `${line}\n`).join(""));
    for (let attempt = 1; ; attempt += 1) {
      const port = options.port ?? (await freePort());
      const started = await startOne(sshd, directory, port, options);
      if (typeof started !== "string") {
        const hostKey = publicLine(ed25519, publicBlob(pair.publicKey), "").trim();
        return { host: "127.0.0.1", port, hostKey, user: userInfo().username, ...started };
      }
      if (options.port !== undefined || attempt >= startTriesMax)
        throw new Error(`sshd did not start: ${escapeLine(started.trim(), 500)}`);
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The running server, or what it said when it gave up. */
async function startOne(
  program: string,
  directory: string,
  port: number,
  options: SshServerOptions,
): Promise<Pick<SshServer, "log" | "stop"> | string> {
  const config = join(directory, "config");
  await writeFile(config, configText(directory, port, options));
  const shell = spawn("/bin/sh", ["-c", supervise, "sh", program, "-D", "-e", "-f", config], {
    cwd: directory,
    // A session of its own: an interrupt at the terminal is for us, and we end the server in our own time.
    detached: true,
    stdio: ["pipe", "ignore", "pipe"],
    env: { PATH: path },
  });
  shell.stdin?.on("error", () => {});
  let log = "";
  shell.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    log = (log + chunk).slice(-logCharsMax);
  });
  const isReady = await new Promise<boolean>((resolve) => {
    shell.once("error", () => resolve(false));
    shell.stderr?.on("data", () => log.includes("Server listening on") && resolve(true));
    shell.stderr?.once("end", () => resolve(false));
  });
  if (!isReady) {
    await endShell(shell);
    return log;
  }
  return {
    log: () => log,
    async stop() {
      const sessions = shell.pid === undefined ? [] : descendants(shell.pid);
      await endShell(shell);
      for (const pid of sessions) kill(pid);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configText(directory: string, port: number, { authority, list }: SshServerOptions): string {
  const words: Record<string, string | number> = {
    Port: port,
    ListenAddress: "127.0.0.1",
    HostKey: join(directory, "host"),
    PidFile: "none",
    AuthorizedKeysFile: "none",
    AuthenticationMethods: "publickey",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    Subsystem: "sftp internal-sftp", // for who may have it
    UsePAM: "no",
    PermitRootLogin: "prohibit-password",
    StrictModes: "no", // the directory is below one that all may write to
    MaxStartups: 100,
    LogLevel: "VERBOSE",
    // bash reads the home's .bashrc in every session of sshd's: what stands in it is no part of the server.
    SetEnv: `HOME=${join(directory, "home")}`,
  };
  // Tests are refused so often that their address would be shut out (sshd_config(5), from 9.8 on).
  if (hasPenalties()) words.PerSourcePenalties = "no";
  // As docs/issuers/ssh.md has it: for one user, so that a list that is missing shuts out nobody else.
  const trust = {
    TrustedUserCAKeys: authority,
    RevokedKeys: list,
    AuthorizedPrincipalsFile: join(directory, "principals"),
  };
  const lines = (of: object) => Object.entries(of).map(([key, value]) => `${key} ${value}\n`);
  return [...lines(words), `Match User ${userInfo().username}\n`, ...lines(trust)].join("");
}

function hasPenalties(): boolean {
  const said = spawnSync(client ?? "ssh", ["-V"], { encoding: "utf8" }).stderr ?? "";
  const [, major = "0", minor = "0"] = /OpenSSH_(\d+)\.(\d+)/.exec(said) ?? [];
  return Number(major) > 9 || (Number(major) === 9 && Number(minor) >= 8);
}

async function endShell(shell: ChildProcess): Promise<void> {
  shell.stdin?.end();
  if (shell.exitCode !== null || shell.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    shell.once("exit", () => resolve());
    shell.once("error", () => resolve());
  });
}

/** The server's own process is the first of them. */
function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    return children.flatMap((child) => [child, ...descendants(child)]);
  } catch {
    return []; // it has ended
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended
  }
}

/** What came of a login. */
export interface LoginTried {
  /** "silent": the server didn't answer, or said something else. */
  outcome: "accepted" | "refused" | "silent";
  stdout: string;
  stderr: string;
}

/** A thief's login, with his own client: no code of the issuer's. @param args what he asks for beside the login. */
export async function trySshLogin(
  { host, port, hostKey }: Pick<SshServer, "host" | "port" | "hostKey">,
  secret: string,
  args: readonly string[] = [],
): Promise<LoginTried> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-thief-"));
  try {
    const at = secret.indexOf("ssh-ed25519-cert-v01");
    const [type, certificate, user = ""] = secret.slice(at).trim().split(" ");
    await writeFile(join(directory, "id"), secret.slice(0, at), { mode: 0o600 });
    await writeFile(join(directory, "id-cert.pub"), `${type} ${certificate}\n`);
    await writeFile(join(directory, "known"), `[${host}]:${port} ${hostKey}\n`);
    const options = ["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "UserKnownHostsFile=known"];
    return await run(directory, [
      ...["-F", "none", "-i", "id", "-p", String(port), "-l", user],
      ...options.flatMap((option) => ["-o", option]),
      ...["-o", "StrictHostKeyChecking=yes", host, ...args],
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(cwd: string, args: readonly string[]): Promise<LoginTried> {
  const child = spawn(client ?? "ssh", args, { cwd, env: {}, stdio: ["ignore", "pipe", "pipe"], timeout: loginMs });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      said[name] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const isRefused = /Permission denied \(/.test(said.stderr);
      const isSilent = code === null || (code === 255 && !isRefused);
      resolve({ outcome: isRefused ? "refused" : isSilent ? "silent" : "accepted", ...said });
    });
  });
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
