// How a certificate ends, and how that is known: at a real sshd, which reads a list that may be older than ours; among
// processes that end certificates at the same time; after a crash; under clocks that differ.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { makeSshIssuer } from "../../../runtime/adapters/issuers/ssh.ts";
import { openAuthority } from "../../../runtime/adapters/issuers/ssh-authority.ts";
import { readKrl } from "../../../runtime/adapters/issuers/ssh-krl.ts";
import { publishedFiles } from "../../../runtime/adapters/issuers/ssh-publication.ts";
import { byte, join as bytesOf, string, uint32 } from "../../../runtime/adapters/issuers/ssh-wire.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { isRunning, readStat } from "../../../runtime/adapters/system/proc.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { startSshServer, trySshLogin } from "../../../runtime/testkit/ssh-server.ts";
import { childEnv } from "../../support/child-env.ts";
import { eventually } from "../../support/cli.ts";
import { exec, issue, needsSshd, placesIn, type SshWorld, signal, worldFor } from "./ssh-world.ts";

function clockAt(aheadMs: number): Clock & { aheadMs: number } {
  const clock = { ...systemClock, aheadMs, nowMs: () => systemClock.nowMs() + clock.aheadMs };
  return clock;
}

async function listOf({ parts }: SshWorld) {
  const { blob } = await openAuthority(parts);
  return readKrl(blob, readFileSync(publishedFiles(parts.directory).list));
}

/** A host that reads copies of the files, as one does that is fetched for now and then. */
async function remoteHost(world: SshWorld) {
  const files = publishedFiles(world.parts.directory);
  const copies = { authority: join(world.directory, "copy.pub"), list: join(world.directory, "copy.krl") };
  const fetchFiles = () => {
    copyFileSync(files.authority, copies.authority);
    copyFileSync(files.list, copies.list);
  };
  fetchFiles();
  const server = await startSshServer({ ...copies, principals: ["ops"] });
  const { host, port, hostKey } = server;
  const trace = join(world.directory, "ran");
  const command = { run: `echo x >> ${trace}`, principal: "ops", user: server.user };
  const issuer = await makeSshIssuer({
    ...world.parts,
    host: { host, port, hostKey },
    commands: new Map([["trace", command]]),
  });
  return {
    ...{ issuer, server, fetchFiles, files },
    traces: () => (existsSync(trace) ? readFileSync(trace, "utf8").length / 2 : 0),
    async close() {
      await issuer.close();
      await server.stop();
    },
  };
}

t.test(
  "[CRED-31] a host that has an older list is not believed to have ours: dead is what it refuses itself",
  needsSshd,
  async (t) => {
    const world = await worldFor(t);
    const { issuer, server, fetchFiles, traces, close } = await remoteHost(world);
    t.teardown(close);
    const { lease, secret } = await issue({ issuer, parts: world.parts }, ["trace"]);
    t.equal((await exec({ issuer }, lease, secret)).exitCode, 0);
    t.equal(traces(), 1);
    await issuer.revoke(lease, signal);
    const alive = {
      verdict: "alive",
      how: /^revoked\.krl \d+: has serial \d+; login: the host would take it, by an older list$/,
    };
    t.match(await issuer.prove(lease, secret, signal), alive);
    t.match(await issuer.prove(lease, undefined, signal), alive, "by its certificate alone, as after a crash");
    t.equal(traces(), 1, "asking has not run the command");
    t.equal((await trySshLogin(server, secret)).outcome, "accepted", "it told the truth: a thief gets in");
    t.equal(traces(), 2);
    fetchFiles();
    const dead = { verdict: "dead", how: /^revoked\.krl \d+: has serial \d+; login: refused$/ };
    t.match(await issuer.prove(lease, secret, signal), dead);
    t.match(await issuer.prove(lease, undefined, signal), dead);
    t.match(server.log(), /revoked by file/);
  },
);

t.test(
  "a list that is gone, cut or somebody else's proves nothing, and the next revocation writes it anew",
  needsSshd,
  async (t) => {
    const world = await worldFor(t);
    const { issuer, server, parts } = world;
    const { list } = publishedFiles(parts.directory);
    const { lease, secret } = await issue(world);
    await issuer.revoke(lease, signal);
    const good = readFileSync(list);
    const other = await worldFor(t);
    const spoilt: Record<string, Uint8Array> = {
      nothing: new Uint8Array(0),
      garbage: Buffer.from("hello"),
      "half of it": good.subarray(0, good.length - 4),
      "another authority's": readFileSync(publishedFiles(other.parts.directory).list),
    };
    for (const [name, bytes] of Object.entries(spoilt)) {
      writeFileSync(list, bytes);
      const { verdict, how } = await issuer.prove(lease, secret, signal);
      const isEmptyList = name === "another authority's"; // no entry names an authority
      t.equal(verdict, isEmptyList ? "alive" : "unknowable", `${name}: ${how}`);
    }
    unlinkSync(list);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "unknowable", how: /none there/ });
    const fresh = await issue(world);
    t.match(await issuer.prove(lease, secret, signal), { verdict: "dead" });
    t.equal((await trySshLogin(server, secret)).outcome, "refused");
    t.equal((await trySshLogin(server, fresh.secret)).outcome, "accepted");
  },
);

t.test("without a list sshd takes nobody: it fails closed, and so do we", needsSshd, async (t) => {
  const world = await worldFor(t);
  const { secret } = await issue(world);
  t.equal((await trySshLogin(world.server, secret)).outcome, "accepted");
  unlinkSync(publishedFiles(world.parts.directory).list);
  t.equal((await trySshLogin(world.server, secret)).outcome, "refused");
});

t.test("somebody on the way who says that the host has refused is not believed", needsSshd, async (t) => {
  const world = await worldFor(t);
  const sentence = `${world.server.user}@127.0.0.1: Permission denied (publickey).`;
  for (const text of [sentence, `\n${sentence}`, `\r\n${sentence}\n`, `bye\n${sentence}`]) {
    const payload = bytesOf(byte(1), uint32(2), string(text), string(""));
    const padding = 8 + ((8 - ((5 + payload.length) % 8)) % 8);
    const packet = bytesOf(uint32(1 + payload.length + padding), byte(padding), payload, Buffer.alloc(padding));
    const liar = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("SSH-2.0-OpenSSH_9.2\r\n");
      socket.end(packet);
    });
    await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
    const host = { ...world.parts.host, port: (liar.address() as AddressInfo).port };
    const issuer = await makeSshIssuer({ ...world.parts, host });
    const { lease, secret } = await issue({ issuer, parts: world.parts });
    await t.rejects(exec({ issuer }, lease, secret), { code: "issuer_unavailable" });
    await issuer.revoke(lease, signal);
    t.match(
      await issuer.prove(lease, secret, signal),
      { verdict: "unknowable", how: /Permission denied/ },
      "it was heard",
    );
    liar.close();
    await issuer.close();
  }
});

t.test("a client that says so, and never came to the host, is not believed", needsSshd, async (t) => {
  const world = await worldFor(t);
  const { lease, secret } = await issue(world);
  const ssh = join(world.directory, "ssh");
  // Its log is what follows -E.
  const script =
    'while [ "$1" != -E ]; do shift; done; echo "ops@host: Permission denied (publickey)." > "$2"; exit 255';
  writeFileSync(ssh, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const issuer = await makeSshIssuer({ ...world.parts, programs: { ssh, setpriv: undefined } });
  t.teardown(() => issuer.close());
  await t.rejects(exec({ issuer }, lease, secret), { code: "issuer_unavailable", message: /Permission denied/ });
  await issuer.revoke(lease, signal);
  t.match(await issuer.prove(lease, secret, signal), { verdict: "unknowable" });
});

t.test("processes that end certificates at the same time lose none of each other's entries", needsSshd, async (t) => {
  const world = await worldFor(t);
  const issuers = [world.issuer];
  for (let each = 0; each < 3; each += 1) {
    const issuer = await makeSshIssuer({ ...world.parts, places: placesIn(mkdtempSync(join(world.directory, "p-"))) });
    t.teardown(() => issuer.close());
    issuers.push(issuer);
  }
  const all = await Promise.all(Array.from({ length: 40 }, () => issue(world)));
  await Promise.all(all.map(({ lease }, at) => issuers[at % issuers.length]?.revoke(lease, signal)));
  t.equal((await listOf(world))?.serials.size, 40);
  const { authority, list } = publishedFiles(world.parts.directory);
  for (const file of [authority, list]) t.equal(statSync(file).mode & 0o777, 0o644);
  t.equal(statSync(world.parts.directory).mode & 0o777, 0o755);
  t.strictSame(readdirSync(world.parts.directory).sort(), ["ca.pub", "revoked.krl"], "no half-written file");
});

t.test(
  "an entry leaves the list ten minutes after its certificate has expired, and no earlier",
  needsSshd,
  async (t) => {
    const clock = clockAt(0);
    const frozen = systemClock.nowMs();
    clock.nowMs = () => frozen + clock.aheadMs;
    const world = await worldFor(t, { clock });
    const { issuer } = world;
    const first = await issue(world);
    await issuer.revoke(first.lease, signal);
    const [serial = 0n] = (await listOf(world))?.serials ?? [];
    const isListed = async () => {
      const { lease } = await issue(world);
      await issuer.revoke(lease, signal);
      return (await listOf(world))?.serials.has(serial);
    };
    clock.aheadMs = first.expiresAt - frozen + 600_000 - 1;
    t.equal(await isListed(), true, "the last moment");
    t.match(await issuer.prove(first.lease, undefined, signal), { how: /has serial/ });
    clock.aheadMs += 1;
    t.equal(await isListed(), false);
    t.match(await issuer.prove(first.lease, undefined, signal), { verdict: "dead", how: /hasn't expired/ });
  },
);

t.test(
  "[CRED-32] a clock of ours that is ahead by five minutes is no reason to refuse, one behind gives no longer life",
  needsSshd,
  async (t) => {
    for (const [aheadMs, outcome] of [
      [290_000, "accepted"],
      [360_000, "refused"], // valid from later on
      [-50_000, "accepted"], // ten seconds are left
      [-61_000, "refused"], // expired by the host's clock
    ] as const) {
      const world = await worldFor(t, { clock: clockAt(aheadMs) });
      const { secret } = await issue(world);
      t.equal((await trySshLogin(world.server, secret)).outcome, outcome, `${aheadMs} ms`);
    }
  },
);

t.test(
  "[CRED-31] what is outside of its scope is refused at the host: another command, a terminal, forwarding, another host's address",
  needsSshd,
  async (t) => {
    const world = await worldFor(t);
    const { server } = world;
    const { secret } = await issue(world, ["shell"]);
    t.match(await trySshLogin(server, secret, ["cat /etc/passwd"]), { stdout: "asked for: cat /etc/passwd\n" });
    t.match(await trySshLogin(server, secret, ["-s", "sftp"]), { stdout: /^asked for: / }, "no file transfer");
    t.match(await trySshLogin(server, secret, ["-tt"]), { stderr: /PTY allocation request failed/ });
    t.match(await trySshLogin(server, secret, ["-W", `127.0.0.1:${server.port}`]), {
      stderr: /open failed: administratively prohibited/,
    });
    const forward = await trySshLogin(server, secret, ["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"]);
    t.match(forward.stderr, /remote port forwarding failed/);

    const elsewhere = await worldFor(t, { sourceAddresses: ["192.0.2.0/24"] });
    t.equal((await trySshLogin(elsewhere.server, (await issue(elsewhere)).secret)).outcome, "refused");
    const here = await worldFor(t, { sourceAddresses: ["192.0.2.0/24", "127.0.0.0/8"] });
    t.equal((await trySshLogin(here.server, (await issue(here)).secret)).outcome, "accepted");
    const stranger = await worldFor(t);
    t.equal((await trySshLogin(stranger.server, secret)).outcome, "refused", "a host that trusts another authority");
  },
);

t.test("noted, then durable in the registry, and only then handed out", needsSshd, async (t) => {
  const world = await worldFor(t);
  const steps: string[] = [];
  const { put } = world.registry;
  world.registry.put = async (row) => {
    await put(row);
    steps.push("registered");
  };
  const lease = newLease();
  const request = {
    lease,
    job: "j",
    tenant: "t",
    scope: ["hello"],
    purpose: "p",
    expiresAt: systemClock.nowMs() + 60_000,
  };
  await world.issuer.issue(request, signal, async (handle) => {
    t.match(handle, /^ssh-ed25519-cert-v01@openssh\.com \S+ \S+$/, "the certificate, and nothing of the key");
    steps.push("noted");
  });
  t.strictSame(steps, ["noted", "registered"]);
  world.registry.put = async () => {
    throw new Error("disk full");
  };
  await t.rejects(issue(world), { code: "issuer_unavailable" });
  const refusesNotes = world.issuer.issue({ ...request, lease: newLease() }, signal, async () => {
    throw new Error("disk full");
  });
  await t.rejects(refusesNotes, { code: "issuer_unavailable" });
});

/** An issuer in a process of its own, with a program of its under way at the host. */
async function killable(t: Test, world: SshWorld): Promise<{ child: ChildProcess; pid: number; startTicks: number }> {
  const { host, programs, places } = world.parts;
  const file = join(world.directory, "held-there");
  const options = {
    directory: world.directory,
    published: world.parts.directory,
    places,
    host,
    programs,
    user: world.server.user,
  };
  const child = fork(join(import.meta.dirname, "ssh-child.ts"), { execArgv: [], env: childEnv() });
  // Says nothing and reads nothing: only the end of its connection ends the session.
  child.send({ ...options, run: `echo $PPID $$ > ${file}; exec sleep 600` });
  const [pid = 0, sleeper = 0] = await eventually(() => {
    const said = existsSync(file) ? readFileSync(file, "utf8") : "";
    return said.endsWith("\n") ? said.split(" ").map(Number) : undefined;
  });
  t.teardown(() => process.kill(sleeper, "SIGKILL"));
  return { child, pid, startTicks: readStat(pid)?.startTicks ?? 0 };
}

const noSetpriv = existsSync("/usr/bin/setpriv")
  ? needsSshd
  : { skip: "setpriv is not installed (Debian: util-linux)" };

t.test(
  "[CRASH-01] a supervisor that is killed takes its sessions along, and the next one removes what it left",
  noSetpriv,
  async (t) => {
    const world = await worldFor(t);
    const { child, pid, startTicks } = await killable(t, world);
    t.ok(isRunning(pid, startTicks), "the session is there");
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    await eventually(() => (isRunning(pid, startTicks) ? undefined : true));
    const places = () => readdirSync(world.parts.places).length;
    t.equal(places(), 2, "its place is left");
    const next = await makeSshIssuer(world.parts);
    t.equal(places(), 1);
    await next.close();
    rmSync(join(world.directory, "held-there"));
  },
);
