// The revocation list: its bytes as openssl and a library read them, what stands on it and for how long, and that neither
// processes that end certificates at the same time nor crashes lose an entry.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import { integer, integerOf, items, time, timeOf } from "../../../runtime/adapters/issuers/der.ts";
import { splitSecret } from "../../../runtime/adapters/issuers/x509.ts";
import { openAuthority } from "../../../runtime/adapters/issuers/x509-authority.ts";
import { serialFor } from "../../../runtime/adapters/issuers/x509-certificate.ts";
import { X509Crl } from "../../../runtime/adapters/issuers/x509-library.ts";
import { type RevocationList, readList, signList } from "../../../runtime/adapters/issuers/x509-list.ts";
import { withProcessLock } from "../../../runtime/adapters/stores/process-lock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { newLease } from "../../../runtime/testkit/issuer-contract.ts";
import { openssl, opensslVerify } from "../../../runtime/testkit/openssl.ts";
import { childEnv } from "../../support/child-env.ts";
import type { ChildFound } from "./x509-child.ts";
import { openIssuer, partsIn, requestFor, signal } from "./x509-world.ts";

/** A clock that stands until it is told; its one timer rings when told. */
function handClock(start = 1_800_000_000_000) {
  let now = start;
  let timer: (() => void) | undefined;
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    setTimer: (_delayMs: number, call: () => void) => {
      timer = call;
      return () => {
        timer = undefined;
      };
    },
    advance(ms: number) {
      now += ms;
    },
    ring: () => timer?.(),
    isArmed: () => timer !== undefined,
  };
}

function listWith(count: number, changes: Partial<RevocationList> = {}): RevocationList {
  const serials = Array.from({ length: count }, () => serialFor(newLease().runId, systemRandom.bytes(4)));
  return {
    number: 1_800_000_000_123,
    thisUpdate: 1_800_000_000_000,
    nextUpdate: 1_800_003_600_000,
    entries: new Map(serials.map((serial, index) => [serial, 1_799_999_000_000 + index * 1_000])),
    ...changes,
  };
}

t.test("what is written is read again, and a library reads the same", async (t) => {
  const authority = await openAuthority(partsIn(t.testdir()).parts);
  const turn = { thisUpdate: Date.UTC(2049, 11, 31, 23, 59, 59), nextUpdate: Date.UTC(2050, 0, 1) };
  for (const list of [listWith(0), listWith(1), listWith(300), listWith(2, turn)]) {
    const text = signList(authority, list);
    t.same(readList(authority, text), list);
    const other = new X509Crl(text);
    t.ok(await other.verify({ publicKey: authority.certificate }));
    t.equal(other.nextUpdate?.getTime(), list.nextUpdate);
    const entries = other.entries.map(({ serialNumber, revocationDate }) => [serialNumber, revocationDate.getTime()]);
    t.strictSame(entries, [...list.entries]);
  }
});

t.test("a list of ten thousand is made and read, where the library would have given up", async (t) => {
  const authority = await openAuthority(partsIn(t.testdir()).parts);
  const list = listWith(10_000);
  const text = signList(authority, list);
  t.equal(readList(authority, text)?.entries.size, 10_000);
  t.throws(() => new X509Crl(text), /node count/);
});

t.test("what isn't signed by the authority, or was changed, is no list", async (t) => {
  const authority = await openAuthority(partsIn(t.testdir()).parts);
  const stranger = await openAuthority(partsIn(t.testdir()).parts);
  const text = signList(authority, listWith(3));
  t.equal(readList(stranger, text), undefined);
  const body = Buffer.from(text.replace(/-----.*-----|\n/g, ""), "base64");
  const pem = (bytes: Buffer) =>
    `-----BEGIN X509 CRL-----\n${(bytes.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END X509 CRL-----\n`;
  t.ok(readList(authority, pem(body)), "the twin: unchanged");
  for (let at = 0; at < body.length; at += 1) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    if (readList(authority, pem(changed)) !== undefined) t.fail(`a list whose byte ${at} was changed`);
    if (readList(authority, pem(body.subarray(0, at))) !== undefined) t.fail(`a list cut at ${at}`);
  }
  for (const garbage of ["", "x", text.slice(0, -5), text.replace("X509 CRL", "X509 CRX"), `${text}${text}`])
    t.equal(readList(authority, garbage), undefined);
});

t.test("DER at its edges: lengths, signs and years", (t) => {
  for (const digits of ["00", "7f", "80", "ff", "0100", "7fffffffffffffff"]) {
    const [item] = items(integer(digits));
    t.equal(
      item === undefined ? "" : integerOf(item),
      digits.replace(/^00(?=..)|^0(?=1)/, (zero) => (zero === "0" ? "0" : "")),
    );
    t.ok((item?.content[0] ?? 0x80) < 0x80, "positive");
  }
  for (const at of [0, Date.UTC(1999, 5, 1), Date.UTC(2049, 11, 31), Date.UTC(2050, 0, 1)]) {
    const [item] = items(time(at));
    if (item !== undefined) t.equal(timeOf(item), at);
  }
  for (const bad of ["30", "3001", "3081", "308400000001", "3080", "3085000000000001", "1f01", "02ffffffffff"])
    t.throws(() => items(Buffer.from(bad, "hex")), RangeError, bad);
  t.end();
});

t.test("[CRED-31] [CRED-06] openssl takes a certificate until its list is out, and not after", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const [mine, other] = [requestFor(), requestFor()];
  const certificates: string[] = [];
  for (const request of [mine, other])
    certificates.push(splitSecret((await issuer.issue(request, signal)).secret).certificate);
  const verdicts = () => Promise.all(certificates.map((pem) => opensslVerify(pem, files, ["-purpose", "sslclient"])));
  t.strictSame(await verdicts(), ["OK", "OK"]);
  await issuer.revoke(mine.lease, signal);
  t.strictSame(await verdicts(), ["certificate revoked", "OK"]);
  const { text } = await openssl([
    "crl",
    "-in",
    files.list,
    "-CAfile",
    files.authority,
    "-noout",
    "-text",
    "-crlnumber",
  ]);
  t.match(text, /verify OK/);
  t.match(text, /Version 2/);
  t.match(text, /X509v3 CRL Number: \n +\d+\n/);
  t.equal(text.match(/Serial Number: /g)?.length, 1);
});

t.test("[CRED-31] a second certificate of a run takes the first one's place on the list", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const request = requestFor();
  const [first, second] = [await issuer.issue(request, signal), await issuer.issue(request, signal)];
  const verdict = ({ secret }: { secret: string }) => opensslVerify(splitSecret(secret).certificate, files);
  t.strictSame([await verdict(first), await verdict(second)], ["certificate revoked", "OK"]);
});

t.test("an entry stays until ten minutes after its certificate has expired", async (t) => {
  const clock = handClock();
  const { issuer, files, parts } = await openIssuer(t, { clock });
  const authority = await openAuthority(parts);
  const count = () => readList(authority, readFileSync(files.list, "utf8"))?.entries.size;
  const end = async () => {
    const request = requestFor({ expiresAt: clock.nowMs() + 60_000 });
    await issuer.issue(request, signal);
    await issuer.revoke(request.lease, signal);
  };
  await end();
  t.equal(count(), 1);
  clock.advance(60_000 + 600_000 - 1);
  await end();
  t.equal(count(), 2, "the last moment");
  clock.advance(1);
  await end();
  t.equal(count(), 2, "the first has gone");
});

t.test("a list is signed anew at half of its life, and not before without need", async (t) => {
  const clock = handClock();
  const { issuer, files, parts } = await openIssuer(t, { clock });
  const authority = await openAuthority(parts);
  const number = () => readList(authority, readFileSync(files.list, "utf8"))?.number ?? 0;
  const first = number();
  clock.advance(parts.listLifeMs / 2 - 1);
  await issuer.revoke(newLease(), signal);
  t.equal(number(), first, "nothing new to say");
  clock.advance(1);
  clock.ring();
  await issuer.revoke(newLease(), signal); // behind the timer's own
  const second = number();
  t.ok(second > first);
  t.ok(clock.isArmed(), "and so on");
  clock.advance(parts.listLifeMs * 3);
  await issuer.issue(requestFor({ expiresAt: clock.nowMs() + 60_000 }), signal);
  t.ok(number() > second, "a list that ran out while nobody was there is renewed by the next issue");
  await issuer.close();
  t.notOk(clock.isArmed(), "nothing is left behind");
});

t.test("numbers grow, also when the list was lost or the clock stepped back", async (t) => {
  const clock = handClock();
  const { issuer, files, parts } = await openIssuer(t, { clock });
  const authority = await openAuthority(parts);
  const list = () => readList(authority, readFileSync(files.list, "utf8"));
  const end = async () => {
    const request = requestFor({ expiresAt: clock.nowMs() + 600_000 });
    await issuer.issue(request, signal);
    await issuer.revoke(request.lease, signal);
    return list()?.number ?? 0;
  };
  const first = await end();
  clock.advance(-60_000);
  const second = await end();
  t.ok(second > first, "a clock that stepped back");
  t.ok((list()?.thisUpdate ?? 0) <= clock.nowMs(), "and the list is not of the future");
  clock.advance(120_000);
  rmSync(files.list);
  const third = await end();
  t.ok(third > second, "a file that was lost");
  t.equal(list()?.entries.size, 3, "with all its entries: they are the registry's");
});

t.test("[CRED-22] what proves a death is the list that lies there, read anew", async (t) => {
  const { issuer, files } = await openIssuer(t);
  const request = requestFor();
  const { secret } = await issuer.issue(request, signal);
  const old = readFileSync(files.list, "utf8");
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "alive", how: /registry/ });
  await issuer.revoke(request.lease, signal);
  const proof = await issuer.prove(request.lease, undefined, signal);
  t.match(proof, { verdict: "dead", how: /^crl\.pem \d+, its signature verified: has serial [0-9a-f]{40}$/ });

  const stranger = await openIssuer(t);
  writeFileSync(files.list, readFileSync(stranger.files.list));
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "unknowable" }, "another authority's");
  writeFileSync(files.list, "");
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "unknowable" }, "an empty one");
  rmSync(files.list);
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "unknowable" }, "none");
  writeFileSync(files.list, old);
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "alive", how: /lacks serial/ }, "yesterday's");
  await issuer.revoke(request.lease, signal);
  t.match(await issuer.prove(request.lease, secret, signal), { verdict: "dead" }, "revoked again, it is there again");
});

t.test("[CRASH-09] without a list that can be written there is no certificate, and no death is claimed", async (t) => {
  const { issuer, directory, parts } = await openIssuer(t);
  const request = requestFor();
  await issuer.issue(request, signal);
  rmSync(dirname(parts.directory), { recursive: true });
  writeFileSync(join(directory, "published", "x509"), "in the way");
  await t.rejects(issuer.issue(requestFor(), signal), { code: "issuer_unavailable", message: /revocation list/ });
  await t.rejects(issuer.revoke(request.lease, signal), { code: "issuer_unavailable", message: /revocation list/ });
  t.match(await issuer.prove(request.lease, undefined, signal), { verdict: "unknowable" });
});

t.test("others may read what is published, whatever the umask, and find it whole at every moment", async (t) => {
  const before = process.umask(0o077);
  t.teardown(() => process.umask(before));
  const { issuer, files, parts } = await openIssuer(t);
  const authority = await openAuthority(parts);
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  t.equal(mode(parts.directory), "755");
  t.strictSame([mode(files.authority), mode(files.list)], ["644", "644"]);
  let reading = true;
  let readings = 0;
  const read = (async () => {
    for (; reading; readings += 1) {
      if (readList(authority, readFileSync(files.list, "utf8")) === undefined) t.fail("half a list");
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let count = 0; count < 20; count += 1) {
    const request = requestFor();
    await issuer.issue(request, signal);
    await issuer.revoke(request.lease, signal);
  }
  reading = false;
  await read;
  t.ok(readings > 20, `${readings} readings`);
  t.strictSame(readdirSync(parts.directory).sort(), ["ca.pem", "crl.pem"], "and no other file is left");
});

t.test("many revocations at once share a list, and each is on it when it returns", async (t) => {
  const { issuer, files, parts } = await openIssuer(t);
  const authority = await openAuthority(parts);
  const requests = Array.from({ length: 50 }, () => requestFor());
  await Promise.all(requests.map((request) => issuer.issue(request, signal)));
  const numbers = new Set<number>();
  await Promise.all(
    requests.map(async ({ lease }) => {
      await issuer.revoke(lease, signal);
      const list = readList(authority, readFileSync(files.list, "utf8"));
      numbers.add(list?.number ?? 0);
      t.match(await issuer.prove(lease, undefined, signal), { verdict: "dead" });
    }),
  );
  t.ok(numbers.size < 10, `${numbers.size} lists for 50 revocations`);
  t.equal(readList(authority, readFileSync(files.list, "utf8"))?.entries.size, 50);
});

function startChild(t: Test, ...args: string[]) {
  const child = fork(join(import.meta.dirname, "x509-child.ts"), args, { execArgv: [], env: childEnv() });
  const gone = once(child, "exit");
  t.teardown(() => {
    child.kill("SIGKILL");
    return gone;
  });
  const heard = once(child, "message").then(([message]) => message as unknown);
  return { child, gone, heard };
}

t.test("[CRED-31] processes that revoke at the same time lose none of each other's entries", async (t) => {
  const directory = t.testdir();
  const first = startChild(t, "revoke", directory, "1"); // makes ledger, keys and authority
  const found = [(await first.heard) as ChildFound];
  await first.gone;
  const children = [1, 2, 3].map(() => startChild(t, "revoke", directory, "12"));
  for (const { heard } of children) found.push((await heard) as ChildFound);
  await Promise.all(children.map(({ gone }) => gone));
  t.strictSame(
    found.flatMap(({ missed }) => missed),
    [],
    "each was on the list when its revocation returned, and stayed there",
  );
  const list = new X509Crl(readFileSync(join(directory, "published", "crl.pem"), "utf8"));
  const listed = list.entries.map(({ serialNumber }) => serialNumber).sort();
  t.strictSame(listed, found.flatMap(({ serials }) => serials).sort());
  t.equal(listed.length, 37);
});

t.test("[CRASH-01] a lock whose holder is killed is free at once, and is held as long as it lives", async (t) => {
  const directory = t.testdir();
  const { child, gone, heard } = startChild(t, "hold", directory);
  t.equal(await heard, "held");
  let isOurs = false;
  const ours = withProcessLock(join(directory, "x.lock"), async () => {
    isOurs = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.notOk(isOurs, "not while another holds it");
  child.kill("SIGKILL");
  await gone;
  await ours;
  t.ok(isOurs);
});
