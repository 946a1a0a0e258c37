// A real S3, STS and IAM on loopback, for tests and for trying things out: Ceph's RadosGW over one monitor and one store
// in memory. Answers for starting the three on free ports in a directory of their own, with one user that may make roles,
// and for leaving nothing behind. Needs Debian's ceph-mon, ceph-osd, ceph-common and radosgw.
//
// Each daemon is the child of a shell that reads a pipe from us: when the pipe ends, because we closed it or because we
// are gone however that came, the shell kills its daemon and removes the directory.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { escapeLine } from "../model/error.ts";

export interface CephServer {
  /** S3, STS and IAM alike. */
  url: string;
  port: number;
  /** Of a user with the capability `roles=*`. */
  root: { accessKeyId: string; secretAccessKey: string };
  principal: string;
  /** "16.2.15", from the program. */
  version: string;
  /** Ends the daemons and removes their directory; resolves when all are gone. Safe to repeat. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const stepMs = 60_000;
const readyMs = 90_000;
const programs = ["ceph-mon", "ceph-osd", "ceph", "monmaptool", "radosgw", "radosgw-admin"];

const supervise = `
directory=$1; shift
"$@" >/dev/null 2>&1 & daemon=$!
while read -r _; do :; done
kill -KILL $daemon
wait $daemon 2>/dev/null
rm -rf "$directory"
`;

/** Why none can be started here; undefined when one can. */
export async function cephMissing(): Promise<string | undefined> {
  for (const program of programs) {
    const found = await run(program, ["--version"], { timeout: stepMs }).then(
      () => true,
      (error: { code?: unknown }) => error.code !== "ENOENT",
    );
    if (!found) return `${program} is not installed (Debian: ceph-mon ceph-osd ceph-common radosgw)`;
  }
  return undefined;
}

export async function startCeph(): Promise<CephServer> {
  const directory = await mkdtemp(join(tmpdir(), "mayfly-ceph-"));
  const conf = join(directory, "ceph.conf");
  const [monPort, port] = [await freePort(), await freePort()];
  const fsid = randomUUID();
  const daemons: ChildProcess[] = [];
  const tool = (program: string, ...args: string[]) =>
    run(program, args, { cwd: directory, timeout: stepMs, env: { ...environment, CEPH_CONF: conf } });
  const start = (program: string, ...args: string[]) => {
    const shell = spawn("/bin/sh", ["-c", supervise, "sh", directory, program, "-c", conf, ...args, "-f"], {
      ...{ cwd: directory, detached: true, env: environment, stdio: ["pipe", "ignore", "ignore"] },
    });
    shell.stdin?.on("error", () => {});
    daemons.push(shell);
  };
  const stop = async () => {
    await Promise.all(daemons.map(ended));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await writeFile(conf, settings(directory, fsid, monPort, port), { mode: 0o600 });
    await Promise.all(["mon.a", "osd.0", "rgw"].map((name) => mkdir(join(directory, name))));
    await tool("monmaptool", "--create", "--fsid", fsid, "--addv", "a", `[v2:127.0.0.1:${monPort}]`, "monmap");
    await tool("ceph-mon", "-c", conf, "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "/dev/null");
    start("ceph-mon", "-i", "a");
    const osd = randomUUID();
    await tool("ceph", "-c", conf, "osd", "new", osd); // waits for the monitor
    await tool("ceph-osd", "-c", conf, "-i", "0", "--mkfs", "--osd-uuid", osd);
    start("ceph-osd", "-i", "0");
    start("radosgw", "-n", "client.rgw");
    await answers(`http://127.0.0.1:${port}/`);
    const user = ["--uid=mayfly", "--display-name=mayfly", "--gen-access-key", "--gen-secret", "--caps=roles=*"];
    const made = JSON.parse((await tool("radosgw-admin", "-c", conf, "user", "create", ...user)).stdout) as {
      keys: { access_key: string; secret_key: string }[];
    };
    const { access_key: accessKeyId = "", secret_key: secretAccessKey = "" } = made.keys[0] ?? {};
    const version = /version (\S+)/.exec((await tool("radosgw", "--version")).stdout)?.[1] ?? "unknown";
    const principal = "arn:aws:iam:::user/mayfly";
    return { url: `http://127.0.0.1:${port}`, port, root: { accessKeyId, secretAccessKey }, principal, version, stop };
  } catch (error) {
    await stop();
    throw new Error(`Ceph did not start: ${escapeLine(error instanceof Error ? error.message : String(error), 500)}`);
  }
}

function settings(directory: string, fsid: string, monPort: number, port: number): string {
  return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${monPort}/0]
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = ${directory}
admin socket = ${directory}/$name.asok
log file = ${directory}/$name.log
pid file = ${directory}/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
[mon.a]
mon data = ${directory}/mon.a
mon addr = 127.0.0.1
[osd.0]
osd data = ${directory}/osd.0
osd objectstore = memstore
memstore device bytes = 1073741824
[client.rgw]
rgw data = ${directory}/rgw
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable apis = s3, sts, iam, admin
rgw s3 auth use sts = true
rgw sts key = ${randomBytes(8).toString("hex")}
`;
}

const environment = { PATH: "/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };

/** It makes its pools first, which takes some seconds. */
async function answers(url: string): Promise<void> {
  const signal = AbortSignal.timeout(readyMs);
  for (;;) {
    const isUp = await fetch(url, { signal }).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    signal.throwIfAborted();
    await pause(100);
  }
}

function ended(shell: ChildProcess): Promise<void> {
  shell.stdin?.end();
  if (shell.exitCode !== null || shell.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => shell.once("exit", () => resolve()));
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
