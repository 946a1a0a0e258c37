// Keys, certificates and revocation lists as bytes: held against ssh-keygen, which reads and writes the same formats, and
// against everything that may not be signed.
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import t, { type Test } from "tap";
import { type Authority, openAuthority } from "../../../runtime/adapters/issuers/ssh-authority.ts";
import {
  type CertificateOrder,
  certificateType,
  readCertificate,
  refuseOther,
  signCertificate,
} from "../../../runtime/adapters/issuers/ssh-certificate.ts";
import {
  ed25519,
  makeKeyPair,
  privateKeyText,
  publicBlob,
  publicLine,
  readPrivateKey,
  secretLines,
} from "../../../runtime/adapters/issuers/ssh-keys.ts";
import { encodeKrl, type RevokedSerials, readKrl } from "../../../runtime/adapters/issuers/ssh-krl.ts";
import { IssuerFailure } from "../../../runtime/ports/credential-issuer.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";

const hasKeygen = spawnSync("ssh-keygen", ["-?"]).error === undefined;
const needsKeygen = hasKeygen ? {} : { skip: "ssh-keygen is not installed (Debian: openssh-client)" };

function keygen(...args: string[]): string {
  return execFileSync("ssh-keygen", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { TZ: "UTC" } });
}

const now = 1_800_000_000_123;

function orderFor(changes: Partial<CertificateOrder> = {}): CertificateOrder {
  return {
    publicKey: makeKeyPair().publicKey,
    serial: 0xfedc_ba98_7654_3210n,
    keyId: "mayfly-0a1b2c3d-00112233445566778899aabbccddeeff",
    principals: ["ops"],
    validAfter: now - 300_000,
    validBefore: now + 60_000,
    forceCommand: `printf '%s\\n' "ä \\"quoted\\"" | cat`,
    sourceAddresses: [],
    ...changes,
  };
}

const authorityIn = (directory: string) =>
  openAuthority({ name: "ops", installation: "0a1b2c3d", keys: keyStoreIn(directory) });

function write(directory: string, name: string, text: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

function lineOf(blob: Uint8Array): string {
  return `${publicLine(certificateType, blob, "test")}\n`;
}

t.test("ssh-keygen reads a certificate as it was ordered, and with nothing beside", needsKeygen, async (t) => {
  const directory = t.testdir();
  const authority = await authorityIn(directory);
  const order = orderFor({ principals: ["ops", "deploy@eu"], sourceAddresses: ["192.0.2.0/24", "2001:db8::/32"] });
  const shown = keygen(
    "-L",
    "-f",
    write(directory, "cert", lineOf(signCertificate(authority, order, randomBytes(32)))),
  );
  const words = shown
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter(Boolean);
  const [type, subject, signer, ...rest] = words;
  t.equal(type, "Type: ssh-ed25519-cert-v01@openssh.com user certificate");
  t.match(subject, /^Public key: ED25519-CERT SHA256:/);
  const caOf = keygen("-l", "-f", write(directory, "ca.pub", authority.line)).split(" ")[1];
  t.equal(signer, `Signing CA: ED25519 ${caOf} (using ssh-ed25519)`);
  t.strictSame(rest, [
    'Key ID: "mayfly-0a1b2c3d-00112233445566778899aabbccddeeff"',
    "Serial: 18364758544493064720",
    "Valid: from 2027-01-15T07:55:00 to 2027-01-15T08:01:00",
    ...["Principals:", "ops", "deploy@eu"],
    ...["Critical Options:", `force-command ${order.forceCommand}`, "source-address 192.0.2.0/24,2001:db8::/32"],
    "Extensions: (none)",
  ]);
});

const notSigned: Record<string, [Partial<CertificateOrder>, RegExp]> = {
  "no principal": [{ principals: [] }, /no principal/],
  "an empty principal": [{ principals: [""] }, /empty text/],
  "a wildcard": [{ principals: ["*"] }, /principal "\*"/],
  "a wildcard beside a name": [{ principals: ["ops", "op?"] }, /"op\?"/],
  "a negated pattern": [{ principals: ["!ops"] }, /"!ops"/],
  "two principals in one": [{ principals: ["ops,root"] }, /"ops,root"/],
  "a principal that is an option": [{ principals: ["-oProxyCommand=x"] }, /principal/],
  "a principal with a newline": [{ principals: ["ops\nroot"] }, /control characters/],
  "nine principals": [{ principals: "abcdefghi".split("") }, /9 principals, needed at most 8/],
  "no command": [{ forceCommand: "" }, /no command/],
  "a command of blanks": [{ forceCommand: "  " }, /no command/],
  "a command of two lines": [{ forceCommand: "id\nid" }, /control characters/],
  "a command with a NUL": [{ forceCommand: "id\0" }, /control characters/],
  "a command that is too long": [{ forceCommand: "x".repeat(4_096) }, /characters of text, needed at most 4096/],
  "serial number 0": [{ serial: 0n }, /serial/],
  "a serial number of 65 bits": [{ serial: 1n << 64n }, /serial/],
  "a life that is over before it begins": [{ validBefore: now - 300_001 }, /life/],
  "a life that isn't a number": [{ validBefore: Number.NaN }, /life/],
  "half a key": [{ publicKey: new Uint8Array(16) }, /length/],
  "an empty source address": [{ sourceAddresses: [""] }, /empty text/],
};

for (const [name, [changes, says]] of Object.entries(notSigned)) {
  t.test(`[CRED-31] refused at signing: ${name}`, async (t) => {
    const authority = await authorityIn(t.testdir());
    t.ok(signCertificate(authority, orderFor(), randomBytes(32)), "the order is good without it");
    t.throws(() => signCertificate(authority, orderFor(changes), randomBytes(32)), {
      code: "issuer_refused",
      message: says,
    });
  });
}

t.test(
  "[CRED-31] limits at their edges: eight principals, 4096 characters, one second, the smallest and largest serial",
  async (t) => {
    const authority = await authorityIn(t.testdir());
    const { keyId, principals } = orderFor();
    const rest = keyId.length + principals.join("").length;
    for (const changes of [
      { principals: "abcdefgh".split("") },
      { forceCommand: "x".repeat(4_096 - rest) },
      { validAfter: now, validBefore: now + 1_000 },
      { serial: 1n },
      { serial: (1n << 64n) - 1n },
    ]) {
      t.ok(signCertificate(authority, orderFor(changes), randomBytes(32)), JSON.stringify(Object.keys(changes)));
    }
    const refused = (changes: Partial<CertificateOrder>) =>
      t.throws(() => signCertificate(authority, orderFor(changes), randomBytes(32)), { code: "issuer_refused" });
    refused({ forceCommand: "x".repeat(4_097 - rest) });
    refused({ validAfter: now, validBefore: now + 999 });
  },
);

t.test("[CRED-31] the authority signs neither its own key nor by a certificate", async (t) => {
  const authority = await authorityIn(t.testdir());
  const own = Buffer.from(authority.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  t.throws(() => signCertificate(authority, orderFor({ publicKey: own }), randomBytes(32)), /own key/);
  const certified = { ...authority, blob: signCertificate(authority, orderFor(), randomBytes(32)) };
  t.throws(() => signCertificate(certified, orderFor(), randomBytes(32)), /no plain Ed25519 key/);
});

/** Certificates that ssh-keygen signs with the authority's key: with a power too many, or one option lost. */
async function keygenSigner(t: Test) {
  const directory = t.testdir();
  keygen("-q", "-t", "ed25519", "-N", "", "-f", join(directory, "ca"));
  keygen("-q", "-t", "ed25519", "-N", "", "-f", join(directory, "id"));
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  const keys = keyStoreIn(directory);
  const { seed } = readPrivateKey(read("ca"));
  await keys.replace("ssh-ca-ops", Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]));
  const authority = await openAuthority({ name: "ops", installation: "0a1b2c3d", keys });
  const subject = readFileSync(join(directory, "id.pub"), "utf8").split(" ")[1] ?? "";
  const publicKey = Buffer.from(subject, "base64").subarray(-32);
  const sign = (...args: string[]) => {
    keygen("-q", "-s", join(directory, "ca"), ...args, join(directory, "id.pub"));
    return Buffer.from(read("id-cert.pub").split(" ")[1] ?? "", "base64");
  };
  return { authority, publicKey, sign };
}

t.test(
  "[CRED-31] a second look: what ssh-keygen signs is taken as ordered, and refused with anything else",
  needsKeygen,
  async (t) => {
    const { authority, publicKey, sign } = await keygenSigner(t);
    const order = orderFor({
      publicKey,
      serial: 7n,
      keyId: "k",
      forceCommand: "id",
      sourceAddresses: ["192.0.2.0/24"],
    });
    const time = ["-V", `${stamp(order.validAfter)}:${stamp(order.validBefore)}`];
    const base = ["-I", "k", "-n", "ops", "-z", "7", ...time, "-O", "clear"];
    const options = ["-O", "force-command=id", "-O", "source-address=192.0.2.0/24"];
    refuseOther(authority, order, sign(...base, ...options));
    const cases: Record<string, [string[], RegExp]> = {
      "critical options lost": [base, /other critical options/],
      "one of two lost": [[...base, "-O", "force-command=id"], /other critical options/],
      "another command": [[...base, "-O", "force-command=sh", ...options.slice(2)], /other critical options/],
      "one too many": [[...base, ...options, "-O", "verify-required"], /other critical options/],
      "a terminal": [[...base, ...options, "-O", "permit-pty"], /an extension/],
      "all extensions that are usual": [[...base.slice(0, -2), ...options], /an extension/],
      "a host's certificate": [["-h", "-I", "k", "-n", "ops", "-z", "7", ...time], /another type/],
      "no principal": [["-I", "k", "-z", "7", ...time, "-O", "clear", ...options], /other principals/],
      "a second principal": [
        ["-I", "k", "-n", "ops,root", "-z", "7", ...time, "-O", "clear", ...options],
        /principals/,
      ],
      "another serial number": [[...base.slice(0, 4), ...time, "-O", "clear", ...options], /serial/],
      "no end": [["-I", "k", "-n", "ops", "-z", "7", "-V", "always:forever", "-O", "clear", ...options], /life/],
    };
    for (const [name, [args, says]] of Object.entries(cases)) {
      t.throws(() => refuseOther(authority, order, sign(...args)), { code: "issuer_garbage", message: says }, name);
    }
    const good = sign(...base, ...options);
    for (const at of [10, 60, good.length - 1]) {
      const altered = Buffer.from(good);
      altered[at] = (altered[at] ?? 0) ^ 1;
      t.throws(() => refuseOther(authority, order, altered), { code: "issuer_garbage" }, `a bit at ${at}`);
    }
    t.throws(() => refuseOther(authority, order, Buffer.concat([good, Buffer.of(0)])), { code: "issuer_garbage" });
    const stranger = await authorityIn(mkdtempSync(join(t.testdirName, "stranger-")));
    t.throws(() => refuseOther(stranger, order, good), /another authority/);
  },
);

/** As ssh-keygen takes it, in UTC. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]|\..*/g, "")}`;
}

t.test("what is cut off, and what is no certificate at all, is an error and nothing worse", async (t) => {
  const authority = await authorityIn(t.testdir());
  const blob = signCertificate(authority, orderFor(), randomBytes(32));
  t.equal(readCertificate(blob).keyId, orderFor().keyId);
  for (let length = 0; length < blob.length; length += 1) {
    t.throws(() => readCertificate(blob.subarray(0, length)), `${length} bytes`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        refuseOther(authority, orderFor(), bytes);
      } catch (error) {
        return error instanceof IssuerFailure && error.code === "issuer_garbage";
      }
      return false;
    }),
  );
});

t.test(
  "ssh-keygen reads private keys, whatever their comment's length; we read back what we wrote and nothing else",
  needsKeygen,
  async (t) => {
    const directory = t.testdir();
    for (let length = 0; length <= 9; length += 1) {
      const pair = makeKeyPair();
      const text = privateKeyText(pair, randomBytes(4), "c".repeat(length));
      const shown = keygen("-y", "-P", "", "-f", write(directory, `key-${length}`, text)).trim();
      t.equal(shown, publicLine(ed25519, publicBlob(pair.publicKey), "c".repeat(length)).trim());
      t.strictSame(readPrivateKey(text), pair);
    }
    const pair = makeKeyPair();
    const text = privateKeyText(pair, randomBytes(4), "x");
    for (const other of [
      "",
      "hello",
      text.slice(0, -1),
      text.replace("b3Bl", "b3Bm"),
      `${text}\n`,
      text.slice(0, 200),
    ]) {
      t.throws(() => readPrivateKey(other), { message: "that is no private key of ours", cause: undefined });
    }
  },
);

t.test("[CRED-13] each line of a key that has a bit of the secret is named, and its body as one", async (t) => {
  for (const comment of ["", "x", "mayfly-0a1b2c3d-00112233445566778899aabbccddeeff"]) {
    const pair = makeKeyPair();
    const text = privateKeyText(pair, randomBytes(4), comment);
    const parts = secretLines(text, pair);
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
    t.equal(parts.at(-1), lines.join(""));
    // Change one bit of the seed: the lines that change are those that give it away.
    const changed = new Set<string>();
    for (let bit = 0; bit < 256; bit += 1) {
      const seed = Buffer.from(pair.seed);
      seed[bit >> 3] = (seed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const other = privateKeyText({ seed, publicKey: pair.publicKey }, randomBytes(4), comment).split("\n").slice(1);
      for (const [at, line] of lines.entries()) {
        const isCheck = at === 1 || at === 2; // the random check numbers stand there
        if (!isCheck && other[at] !== line) changed.add(line);
      }
    }
    t.strictSame([...changed], parts.slice(0, -1));
  }
});

function listOf(serials: readonly bigint[]): RevokedSerials {
  return { version: 12n, generatedAt: 1_800_000_000_000, comment: "mayfly ops", serials: new Set(serials) };
}

/** What ssh-keygen -Q says of a certificate by that list. */
function asked(directory: string, authority: Authority, list: Uint8Array, serial: bigint): "revoked" | "ok" | string {
  const certificate = write(
    directory,
    "asked.pub",
    lineOf(signCertificate(authority, orderFor({ serial }), randomBytes(32))),
  );
  const said = spawnSync("ssh-keygen", ["-Q", "-f", write(directory, "list", list), certificate], { encoding: "utf8" });
  if (said.status === 0 && /: ok$/m.test(said.stdout)) return "ok";
  return said.status === 1 && /: REVOKED$/m.test(said.stdout)
    ? "revoked"
    : `${said.status}: ${said.stdout}${said.stderr}`;
}

t.test("[CRED-31] ssh-keygen finds the certificates of a list revoked, and no others", needsKeygen, async (t) => {
  const directory = t.testdir();
  const authority = await authorityIn(directory);
  const serials = [1n, 2n, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, (1n << 64n) - 1n];
  const list = encodeKrl(authority.blob, listOf(serials));
  for (const serial of serials) t.equal(asked(directory, authority, list, serial), "revoked", `${serial}`);
  for (const serial of [3n, 0x7fff_ffff_ffff_fffen])
    t.equal(asked(directory, authority, list, serial), "ok", `${serial}`);
  const other = await authorityIn(mkdtempSync(join(directory, "other-")));
  t.equal(asked(directory, other, list, 1n), "ok", "another authority's certificate of the same number");
  t.equal(asked(directory, authority, encodeKrl(authority.blob, listOf([])), 1n), "ok", "an empty list");
  const dump = keygen("-Q", "-l", "-f", write(directory, "shown", list));
  t.match(dump, /# KRL version 12\n/);
  t.match(dump, /# Generated at 20270115T080000/);
});

t.test("a list of twenty thousand is read by ssh-keygen and by us", needsKeygen, async (t) => {
  const directory = t.testdir();
  const authority = await authorityIn(directory);
  const serials = Array.from({ length: 20_000 }, () => randomBytes(8).readBigUInt64BE());
  const bytes = encodeKrl(authority.blob, listOf(serials));
  t.ok(bytes.length < 20_000 * 8 + 200, "8 bytes each");
  t.equal(asked(directory, authority, bytes, serials[12_345] ?? 0n), "revoked");
  t.equal(asked(directory, authority, bytes, 5n), "ok");
  t.equal(readKrl(authority.blob, bytes)?.serials.size, new Set(serials).size);
});

t.test("we read a list that ssh-keygen made, byte for byte as ours", needsKeygen, async (t) => {
  const directory = t.testdir();
  const authority = await authorityIn(directory);
  const ca = write(directory, "ca.pub", authority.line);
  const spec = write(directory, "spec", "serial: 7\n");
  keygen("-q", "-k", "-f", join(directory, "krl"), "-z", "12", "-s", ca, spec);
  const bytes = readFileSync(join(directory, "krl"));
  const list = readKrl(authority.blob, bytes);
  t.match(list, { version: 12n, comment: "" });
  t.strictSame([...(list?.serials ?? [])], [7n]);
  t.ok(list !== undefined && encodeKrl(authority.blob, list).equals(bytes));
});

t.test("a list that is cut, of another authority, or of another form is none", async (t) => {
  const authority = await authorityIn(t.testdir());
  const bytes = encodeKrl(authority.blob, listOf([1n, 2n]));
  t.strictSame(readKrl(authority.blob, bytes), listOf([1n, 2n]));
  t.strictSame(readKrl(authority.blob, encodeKrl(authority.blob, listOf([]))), listOf([]));
  const empty = encodeKrl(authority.blob, listOf([])).length;
  for (let length = 0; length < bytes.length; length += 1) {
    // Cut at the end of the header it is an empty list: whatever was on it is missed by whoever looks for it.
    const cut = readKrl(authority.blob, bytes.subarray(0, length));
    t.strictSame(cut, length === empty ? listOf([]) : undefined, `${length} bytes`);
  }
  const stranger = await authorityIn(mkdtempSync(join(t.testdirName, "stranger-")));
  t.equal(readKrl(stranger.blob, bytes), undefined);
  t.equal(readKrl(authority.blob, Buffer.concat([bytes, bytes])), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const whole = Buffer.concat([bytes.subarray(0, empty), noise]);
      const found = readKrl(authority.blob, whole);
      return found === undefined || noise.length === 0;
    }),
  );
});

t.test("an authority is made once, and something else in its place is refused without being shown", async (t) => {
  const directory = t.testdir();
  const [one, other] = await Promise.all([authorityIn(directory), authorityIn(directory)]);
  t.equal(one.line, other.line);
  t.match(one.line, /^ssh-ed25519 \S+ mayfly-0a1b2c3d-ops\n$/);
  await keyStoreIn(directory).replace("ssh-ca-ops", Buffer.from("hunter2"));
  await t.rejects(authorityIn(directory), { code: "key_unavailable", cause: undefined });
});
