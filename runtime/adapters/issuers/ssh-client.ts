// One connection of OpenSSH's client, as a child process, to one host: nothing of this machine's own settings (no config, no
// agent, no known hosts, no environment), nothing forwarded, one host key that is good, one certificate, whose key stays
// here (ssh-agent.ts). Answers for its bounds in time and bytes, for ending it with all of its group, and for telling what
// the client itself said from what came from the host. It dies with us where util-linux's setpriv is there to ask for that.
//
// That a host has refused is told by two things together: by how far the client came, and by its one sentence, alone. Whatever
// else it says may be the words of somebody on the way; a client that words it otherwise proves nothing, and fails closed.
import { type ChildProcess, spawn } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Clock } from "../../ports/clock.ts";
import { openAgent } from "./ssh-agent.ts";
import type { Place } from "./ssh-place.ts";

export interface SshPrograms {
  /** Absolute; undefined where it isn't installed. */
  ssh: string | undefined;
  setpriv: string | undefined;
}

export interface SshHost {
  /** Name or address; IPv6 without brackets. */
  host: string;
  port: number;
  /** As in known_hosts: type and Base64. */
  hostKey: string;
}

export interface SshLogin {
  user: string;
  /** Blob. */
  certificate: Uint8Array;
  /** null: only to see whether the certificate would be taken. Nobody is logged in then. */
  key: KeyObject | null;
}

export interface SshBounds {
  input: Uint8Array;
  /** Of both outputs together. */
  bytesMax: number;
  timeMs: number;
}

export interface SshOutcome {
  /** The program's, or 255 where it had none or the client failed; null when we ended the client. */
  exitCode: number | null;
  stdout: Buffer;
  stderr: Buffer;
  /** What the client itself said; empty when all went well. Not what came from the program. */
  said: string;
  /** The host, known by its key, was shown the certificate and takes neither it nor anything else. */
  wasRefused: boolean;
  /** The host, known by its key, would take the certificate. */
  wasTaken: boolean;
  /** Why we ended it. */
  cut: "time" | "bytes" | "signal" | null;
}

export interface SshClientParts {
  programs: SshPrograms;
  place: Place;
  host: SshHost;
  clock: Clock;
}

const refusal = /^[^\s@]+@\S+: Permission denied \([a-z,-]+\)\.$/; // and not a word beside it
const connectS = 5;
const saidBytesMax = 4_096;
const alias = "host"; // what the one known host is called, whatever its name and port

export function findSshPrograms(path: string): SshPrograms {
  const find = (name: string) =>
    path
      .split(delimiter)
      .filter((directory) => directory.startsWith("/"))
      .map((directory) => join(directory, name))
      .find(isExecutable);
  return { ssh: find("ssh"), setpriv: find("setpriv") };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Rejects when the client can't be started. */
export async function runSsh(
  { programs, place, host, clock }: SshClientParts,
  login: SshLogin,
  bounds: SshBounds,
  signal: AbortSignal,
): Promise<SshOutcome> {
  const name = place.newName();
  const [knownHosts, log] = [`${name}.host`, `${name}.log`];
  await writeFile(join(place.path, knownHosts), `${alias} ${host.hostKey}\n`, { mode: 0o600, flag: "wx" });
  const agent = await openAgent({ path: join(place.path, name), ...login });
  try {
    const args = [
      ...["-F", "none", "-T", "-E", log, "-p", String(host.port), "-l", login.user],
      ...(login.key === null ? ["-N"] : []),
      ...Object.entries(optionsWith(host, knownHosts, name)).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
      ...["--", host.host],
    ];
    const ended = await follow(start(programs, args, place.path), bounds, clock, signal);
    const logged = await readFile(join(place.path, log)).catch(() => Buffer.alloc(0));
    const said = logged.toString("utf8", 0, saidBytesMax).trim();
    const wasRefused = agent.wasListed() && ended.cut === null && refusal.test(said);
    return { ...ended, said, wasRefused, wasTaken: agent.wasAsked() };
  } finally {
    await agent.close();
    await Promise.all([knownHosts, log].map((file) => rm(join(place.path, file), { force: true })));
  }
}

// Paths are relative to the client's working directory: ssh would expand `%`, `~` and `$` in them, and split at spaces.
function optionsWith({ hostKey }: SshHost, knownHosts: string, socket: string): Record<string, string> {
  return {
    BatchMode: "yes",
    LogLevel: "ERROR",
    ConnectTimeout: String(connectS),
    ConnectionAttempts: "1",
    // whom we speak to
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: "none",
    HostKeyAlias: alias,
    HostKeyAlgorithms: algorithmsOf(hostKey),
    CheckHostIP: "no",
    UpdateHostKeys: "no",
    VerifyHostKeyDNS: "no",
    CanonicalizeHostname: "no",
    ProxyCommand: "none",
    // who we are
    IdentityAgent: socket,
    IdentityFile: "none",
    PreferredAuthentications: "publickey",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    HostbasedAuthentication: "no",
    GSSAPIAuthentication: "no",
    AddKeysToAgent: "no",
    // nothing beside the one session
    ClearAllForwardings: "yes",
    ForwardAgent: "no",
    ForwardX11: "no",
    Tunnel: "no",
    PermitLocalCommand: "no",
    ControlMaster: "no",
    ControlPath: "none",
    RequestTTY: "no",
    EscapeChar: "none",
  };
}

function algorithmsOf(hostKey: string): string {
  const type = hostKey.split(" ", 1)[0] ?? "";
  return type === "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : type;
}

function start({ ssh = "ssh", setpriv }: SshPrograms, args: string[], cwd: string): ChildProcess {
  const [file, ...before] = setpriv === undefined ? [ssh] : [setpriv, "--pdeathsig", "KILL", ssh];
  // A group of its own: an interrupt at the terminal is for us, and it is ended as a whole.
  return spawn(file as string, [...before, ...args], { cwd, env: {}, detached: true, stdio: "pipe" });
}

type Ended = Pick<SshOutcome, "exitCode" | "stdout" | "stderr" | "cut">;

function follow(child: ChildProcess, bounds: SshBounds, clock: Clock, signal: AbortSignal): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const outputs = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let bytes = 0;
  let cut: SshOutcome["cut"] = null;
  const end = (why: NonNullable<SshOutcome["cut"]>) => {
    cut ??= why;
    killGroup(child);
  };
  const onAbort = () => end("signal");
  const cancel = clock.setTimer(bounds.timeMs, () => end("time"));
  for (const [name, chunks] of Object.entries(outputs)) {
    child[name as keyof typeof outputs]?.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bounds.bytesMax) end("bytes");
      else chunks.push(chunk);
    });
  }
  child.once("error", reject);
  child.once("close", (code) => {
    const [stdout, stderr] = [Buffer.concat(outputs.stdout), Buffer.concat(outputs.stderr)];
    resolve({ exitCode: cut === null ? code : null, stdout, stderr, cut });
  });
  child.stdin?.on("error", () => {}); // a program that doesn't read all of it
  child.stdin?.end(bounds.input);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return promise.finally(() => {
    cancel();
    signal.removeEventListener("abort", onAbort);
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // all of it has ended
  }
}
