// What the supervisor does over SSH for a lease, on a real sshd: the program that the certificate is good for, its bounds, and
// where the key is while it runs.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { makeSshIssuer } from "../../../runtime/adapters/issuers/ssh.ts";
import { makeKeyPair, publicBlob, publicLine } from "../../../runtime/adapters/issuers/ssh-keys.ts";
import { openPlace } from "../../../runtime/adapters/issuers/ssh-place.ts";
import { isRunning, readStat } from "../../../runtime/adapters/system/proc.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import { startFaultyProxy } from "../../../runtime/testkit/faulty-proxy.ts";
import { startSshServer, trySshLogin } from "../../../runtime/testkit/ssh-server.ts";
import { eventually } from "../../support/cli.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";
import { exec, issue, needsSshd, placesIn, type SshWorld, shortDirectory, worldFor } from "./ssh-world.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  );
}

/** Sockets, hosts and log lines of clients. */
function leftInPlaces({ parts }: SshWorld): string[] {
  return readdirSync(parts.places).flatMap((name) => readdirSync(join(parts.places, name)));
}

t.test("input goes in, both outputs and the exit code come out, and nothing is left", needsSshd, async (t) => {
  const world = await worldFor(
    t,
    {},
    { both: "cat; echo oops >&2; exit 7", "exit-255": "exit 255", killed: "kill -9 $$" },
  );
  const both = await issue(world, ["both"]);
  const input = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 256)); // more than any buffer on the way
  const result = await exec(world, both.lease, both.secret, { input, bytesMax: 1_000_000 });
  t.equal(result.exitCode, 7);
  t.ok(Buffer.from(result.stdout).equals(input));
  t.equal(text(result.stderr), "oops\n");
  const own = await issue(world, ["exit-255"]);
  t.match(await exec(world, own.lease, own.secret), { exitCode: 255 }, "the program's own, and no failure of ours");
  const killed = await issue(world, ["killed"]);
  t.match(await exec(world, killed.lease, killed.secret), { exitCode: 255 }, "one that a signal ended");
  t.strictSame(leftInPlaces(world), []);
});

t.test("a program that reads none of its input is no failure", needsSshd, async (t) => {
  const world = await worldFor(t, {}, { deaf: "exec <&-; echo done" });
  const { lease, secret } = await issue(world, ["deaf"]);
  const result = await exec(world, lease, secret, { input: Buffer.alloc(1_000_000) });
  t.match({ ...result, stdout: text(result.stdout) }, { exitCode: 0, stdout: "done\n" });
});

t.test("both outputs together, up to the limit and not a byte more", needsSshd, async (t) => {
  const run = "head -c 600 /dev/zero; head -c 400 /dev/zero >&2";
  const world = await worldFor(t, {}, { thousand: run, endless: "yes" });
  const { lease, secret } = await issue(world, ["thousand"]);
  const { stdout, stderr } = await exec(world, lease, secret, { bytesMax: 1_000 });
  t.strictSame([stdout.length, stderr.length], [600, 400]);
  const limit = { code: "operation_limit", message: /more than 999 bytes/ };
  await t.rejects(exec(world, lease, secret, { bytesMax: 999 }), limit);
  const endless = await issue(world, ["endless"]);
  await t.rejects(exec(world, endless.lease, endless.secret, { bytesMax: 1_000_000 }), { code: "operation_limit" });
  t.strictSame(leftInPlaces(world), []);
});

/** A program at the host that goes on until its connection is cut: under way when it resolves. */
async function held(world: SshWorld, request: object = {}, stop?: AbortSignal) {
  const { lease, secret } = await issue(world, ["hold"]);
  const file = join(world.directory, "held");
  const outcome = exec(world, lease, secret, request, stop).then(
    () => "ended",
    (error: unknown) => error,
  );
  const pid = await eventually(() => {
    const said = existsSync(file) ? readFileSync(file, "utf8") : "";
    return said.endsWith("\n") ? Number(said) : undefined;
  });
  const startTicks = readStat(pid)?.startTicks ?? 0;
  const isGone = () => eventually(() => (isRunning(pid, startTicks) ? undefined : true));
  return { lease, secret, outcome, isGone, isThere: () => isRunning(pid, startTicks) };
}

t.test(
  "a program that goes on for ever ends with its time, its caller, its lease, or the issuer",
  needsSshd,
  async (t) => {
    const ways: Record<
      string,
      [code: string, request: object, end: (world: SshWorld, stop: AbortController) => unknown]
    > = {
      time: ["operation_limit", { timeMs: 2_000 }, () => {}],
      caller: ["issuer_unavailable", {}, (_world, stop) => stop.abort()],
      issuer: ["issuer_unavailable", {}, ({ issuer }) => issuer.close()],
    };
    for (const [name, [code, request, end]] of Object.entries(ways)) {
      const world = await worldFor(t);
      const stop = new AbortController();
      const { outcome, isGone, isThere } = await held(world, request, stop.signal);
      if (name !== "time") t.ok(isThere(), "it goes on");
      await end(world, stop);
      const error = await outcome;
      t.ok(error instanceof IssuerFailure && error.code === code, `${name}: ${String(error)}`);
      t.ok(await isGone(), "and so has its session at the host");
    }
    const world = await worldFor(t);
    const { lease, outcome, isGone } = await held(world);
    await world.issuer.endSessions?.(lease);
    t.match(await outcome, { code: "issuer_unavailable" });
    t.ok(await isGone());
  },
);

t.test("of one lease, one program at a time; what waits when the lease ends gets nothing", needsSshd, async (t) => {
  const world = await worldFor(t, {}, { alone: "mkdir alone || exit 9; sleep 0.1; rmdir alone" });
  const { lease, secret } = await issue(world, ["alone"]);
  const all = await Promise.all([1, 2, 3].map(() => exec(world, lease, secret)));
  t.strictSame(
    all.map(({ exitCode }) => exitCode),
    [0, 0, 0],
  );
  const other = await held(world);
  const waiting = exec(world, other.lease, other.secret).catch((error: unknown) => error);
  await world.issuer.revoke(other.lease, new AbortController().signal);
  t.match(await waiting, { code: "issuer_unavailable" });
  await other.outcome;
});

t.test("while it is in use the key is in no file, no argument and no environment", needsSshd, async (t) => {
  const world = await worldFor(t);
  process.env.MAYFLY_CANARY = "of the supervisor";
  t.teardown(() => delete process.env.MAYFLY_CANARY);
  const { secret, lease, outcome } = await held(world);
  const line = secret.split("\n")[4] ?? "";
  t.ok(line.length > 60, "a line of the key's body");
  const lookedAt: string[] = [];
  const look = () => {
    const found: string[] = [];
    for (const name of filesIn(world.directory)) {
      lookedAt.push(name);
      if (readFileSync(join(world.directory, name)).includes(line)) found.push(name);
    }
    for (const pid of childrenOf(process.pid)) {
      for (const part of ["cmdline", "environ"]) {
        const shown = readFileSync(`/proc/${pid}/${part}`);
        lookedAt.push(`${part} of ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`);
        if (shown.includes(line)) found.push(`${part} of ${pid}`);
        if (part === "environ") t.notOk(shown.includes("MAYFLY_CANARY"), "nothing of our environment");
      }
    }
    return found;
  };
  t.strictSame(
    look().filter((name) => !name.startsWith("environ")),
    [],
  );
  t.ok(lookedAt.includes("cmdline of ssh"), lookedAt.join(", "));
  t.ok(lookedAt.some((name) => name.endsWith(".host")));
  const twin = join(world.directory, "careless");
  writeFileSync(twin, secret);
  t.strictSame(look(), ["careless"], "a key in a file would have been found");
  rmSync(twin);
  for (const name of readdirSync(world.parts.places))
    t.equal(statSync(join(world.parts.places, name)).mode & 0o777, 0o700);
  await world.issuer.endSessions?.(lease);
  await outcome;
});

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

t.test("a host with another key than the config's gets neither a login nor a signature", needsSshd, async (t) => {
  const stranger = publicLine("ssh-ed25519", publicBlob(makeKeyPair().publicKey), "").trim();
  const directory = shortDirectory();
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const world = await worldFor(t);
  const { host } = world.parts;
  const issuer = await makeSshIssuer({
    ...world.parts,
    places: placesIn(directory),
    host: { ...host, hostKey: stranger },
  });
  t.teardown(() => issuer.close());
  const { lease, secret } = await issue({ issuer, parts: world.parts });
  await t.rejects(exec({ issuer }, lease, secret), {
    code: "issuer_unavailable",
    message: /another key than the config says/,
  });
  t.notMatch(world.server.log(), /Accepted/);
  await issuer.revoke(lease, new AbortController().signal);
  const proof = await issuer.prove(lease, secret, new AbortController().signal);
  t.match(proof, { verdict: "unknowable", how: /can't be asked: the host has another key than the config says/ });
});

t.test(
  "[CRED-18] a host that is gone, silent, cut off or of another protocol: a failure in bounded time, no proof",
  needsSshd,
  async (t) => {
    const world = await worldFor(t);
    const proxy = await startFaultyProxy({ port: world.server.port, speaks: "other" });
    t.teardown(() => proxy.close());
    const directory = shortDirectory();
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const host = { ...world.parts.host, port: proxy.port };
    const issuer = await makeSshIssuer({ ...world.parts, host, places: placesIn(directory) });
    t.teardown(() => issuer.close());
    const never = new AbortController().signal;
    for (const how of ["silent", "cut", "garbage", "busy"] as const) {
      proxy.behave("well");
      const { lease, secret } = await issue({ issuer, parts: world.parts });
      t.match(await exec({ issuer }, lease, secret), { exitCode: 0 });
      proxy.behave(how);
      // Without a bound of the client's own these would never settle: the limits here are far above it.
      await t.rejects(exec({ issuer }, lease, secret, { timeMs: 60_000 }), { code: "issuer_unavailable" }, how);
      await issuer.revoke(lease, never);
      t.match(
        await issuer.prove(lease, secret, never),
        { verdict: "unknowable", how: /has serial .* can't be asked/ },
        how,
      );
      proxy.behave("well");
      t.match(await issuer.prove(lease, secret, never), { verdict: "dead", how: /has serial .*; login: refused/ });
    }
  },
);

t.test(
  "without OpenSSH's client nothing is issued, what was issued is ended, and nothing is claimed of the host",
  needsSshd,
  async (t) => {
    const world = await worldFor(t);
    const { lease, secret } = await issue(world);
    const issuer = await makeSshIssuer({ ...world.parts, programs: { ssh: undefined, setpriv: undefined } });
    t.teardown(() => issuer.close());
    await t.rejects(issue({ issuer, parts: world.parts }), {
      code: "issuer_refused",
      message: /apt-get install openssh-client/,
    });
    const never = new AbortController().signal;
    t.match(await issuer.sweep(never), [{ runId: lease.runId }]);
    await issuer.revoke(lease, never);
    t.equal((await trySshLogin(world.server, secret)).outcome, "refused");
    t.match(await issuer.prove(lease, secret, never), { verdict: "unknowable", how: /there is no program ssh/ });
  },
);

t.test(
  "a state directory whose path holds no socket is refused; what a dead process left in it is removed",
  async (t) => {
    const directory = shortDirectory();
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const own = `${process.pid.toString(36)}-${(readStat(process.pid)?.startTicks ?? 0).toString(36)}/00000000`;
    const fill = 107 - Buffer.byteLength(`${directory}//${own}`);
    const [fits, tooLong] = [fill, fill + 1].map((length) => join(directory, "x".repeat(length)));
    for (const path of [fits, tooLong]) mkdirSync(path as string);
    openPlace(fits as string, systemRandom).close();
    t.throws(() => openPlace(tooLong as string, systemRandom), { code: "state_directory", found: /^108 bytes/ });

    const places = placesIn(directory);
    mkdirSync(join(places, "zzzz-1"));
    writeFileSync(join(places, "zzzz-1", "00000000.host"), "");
    mkdirSync(join(places, "notes")); // nobody's place
    const place = openPlace(places, systemRandom);
    t.strictSame(readdirSync(places).sort(), [own.split("/")[0] ?? "", "notes"].sort());
    place.close();
  },
);

t.test(
  "odd state paths mean nothing to the client: blanks, quotes, %, ~, $ and a leading hyphen",
  needsSshd,
  async (t) => {
    const directory = shortDirectory();
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    const world = await worldFor(t, { keys: keyStoreIn(directory) });
    for (const name of ["a b", "%h", "~", "$HOME", '"q', "-o", "a\\"]) {
      const places = placesIn(join(directory, name));
      const issuer = await makeSshIssuer({ ...world.parts, places });
      const { lease, secret } = await issue({ issuer, parts: world.parts });
      t.match(await exec({ issuer }, lease, secret), { exitCode: 0 }, name);
      await issuer.close();
    }
  },
);

t.test("a server that wants more than the certificate gets no password and no second key", needsSshd, async (t) => {
  const world = await worldFor(t);
  const { authority, list } = {
    authority: join(world.parts.directory, "ca.pub"),
    list: join(world.parts.directory, "revoked.krl"),
  };
  const server = await startSshServer({ authority, list, principals: ["other"] });
  t.teardown(() => server.stop());
  const { host, port, hostKey } = server;
  const issuer = await makeSshIssuer({ ...world.parts, host: { host, port, hostKey } });
  t.teardown(() => issuer.close());
  const { lease, secret } = await issue({ issuer, parts: world.parts });
  await t.rejects(exec({ issuer }, lease, secret), {
    code: "issuer_refused",
    message: /refused the certificate.*Permission denied/,
  });
  t.match(server.log(), /Certificate does not contain an authorized principal/);
});
