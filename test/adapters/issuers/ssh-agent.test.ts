// The agent of one certificate: what it signs, and everything that whoever reaches its socket might want signed instead.
import { randomBytes, verify } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openAgent } from "../../../runtime/adapters/issuers/ssh-agent.ts";
import { type Authority, openAuthority } from "../../../runtime/adapters/issuers/ssh-authority.ts";
import { certificateType, signCertificate } from "../../../runtime/adapters/issuers/ssh-certificate.ts";
import { makeKeyPair, publicBlob, signingKey } from "../../../runtime/adapters/issuers/ssh-keys.ts";
import { openPlace } from "../../../runtime/adapters/issuers/ssh-place.ts";
import { byte, join as bytesOf, readAll, string, uint32 } from "../../../runtime/adapters/issuers/ssh-wire.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { keyStoreIn } from "../../support/signing-keys.ts";
import { placesIn, shortDirectory } from "./ssh-world.ts";

const failure = Buffer.of(5);

async function openFor(t: Test, signs: boolean) {
  const directory = shortDirectory();
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const authority: Authority = await openAuthority({
    name: "a",
    installation: "0a1b2c3d",
    keys: keyStoreIn(directory),
  });
  const pair = makeKeyPair();
  const order = {
    ...{ publicKey: pair.publicKey, serial: 1n, keyId: "k", principals: ["ops"], forceCommand: "id" },
    ...{ validAfter: 0, validBefore: 2_000_000_000_000, sourceAddresses: [] },
  };
  const certificate = signCertificate(authority, order, randomBytes(32));
  const place = openPlace(placesIn(directory), systemRandom);
  const path = join(place.path, place.newName());
  const key = signingKey(pair);
  const agent = await openAgent({ path, certificate, user: "ops", key: signs ? key : null });
  t.teardown(() => agent.close());
  return { agent, path, certificate, pair, order, authority };
}

/** One message and its answer. */
function ask(path: string, ...fields: Uint8Array[]): Promise<Buffer> {
  return raw(path, string(bytesOf(...fields)));
}

/** Bytes as they are; resolves with the first answer's, or none when the connection was closed. */
function raw(path: string, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path, () => socket.write(bytes));
    socket.once("data", (answer: Buffer) => {
      socket.destroy();
      resolve(readAll(answer, (reader) => Buffer.from(reader.string())));
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(Buffer.alloc(0)));
  });
}

const session = Buffer.alloc(32, 7);

/** A login as the client of that user would have it signed (RFC 4252, section 7). */
function loginOf(
  certificate: Uint8Array,
  changes: { user?: string; service?: string; method?: string; flag?: number; type?: string } = {},
) {
  const { user = "ops", service = "ssh-connection", method = "publickey", flag = 1, type = certificateType } = changes;
  const end = method === "publickey" ? [] : [string("the host's key")];
  const words = [string(user), string(service), string(method), byte(flag), string(type), string(certificate)];
  return bytesOf(string(session), byte(50), ...words, ...end);
}

const sign = (key: Uint8Array, data: Uint8Array) => [byte(13), string(key), string(data), uint32(0)];

t.test("it lists one certificate, and signs its login by either method", async (t) => {
  const { agent, path, certificate, pair } = await openFor(t, true);
  const listed = await ask(path, byte(11));
  t.ok(listed.equals(bytesOf(byte(12), uint32(1), string(certificate), string(""))));
  t.equal(agent.wasAsked(), false, "listing is no login");
  for (const method of ["publickey", "publickey-hostbound-v00@openssh.com"]) {
    const data = loginOf(certificate, { method });
    const answer = await ask(path, ...sign(certificate, data));
    t.equal(answer[0], 14, method);
    const signature = readAll(answer.subarray(1), (reader) =>
      readAll(reader.string(), (inner) => ({ type: inner.text(), bytes: inner.string() })),
    );
    const { x } = { x: Buffer.from(pair.publicKey).toString("base64url") };
    const publicKey = { key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" as const };
    t.ok(verify(null, data, publicKey, signature.bytes));
  }
  t.equal(agent.wasAsked(), true);
});

t.test("whatever else it is given to sign it refuses, and doesn't count as a login", async (t) => {
  const { agent, path, certificate, pair, order, authority } = await openFor(t, true);
  const other = signCertificate(authority, { ...order, serial: 2n }, randomBytes(32));
  const good = loginOf(certificate);
  const refused: Record<string, Uint8Array[]> = {
    "another certificate of the same key": sign(other, loginOf(other)),
    "another certificate in the login": sign(certificate, loginOf(other)),
    "the bare key": sign(publicBlob(pair.publicKey), loginOf(publicBlob(pair.publicKey), { type: "ssh-ed25519" })),
    "another user": sign(certificate, loginOf(certificate, { user: "root" })),
    "another service": sign(certificate, loginOf(certificate, { service: "ssh-userauth" })),
    "another method": sign(certificate, loginOf(certificate, { method: "hostbased" })),
    "a question, no login": sign(certificate, loginOf(certificate, { flag: 0 })),
    "another algorithm": sign(certificate, loginOf(certificate, { type: "ssh-ed25519" })),
    "a file's signature (SSHSIG)": sign(certificate, bytesOf(Buffer.from("SSHSIG"), string("file"), string(""))),
    "a login and something behind it": sign(certificate, bytesOf(good, byte(0))),
    nothing: sign(certificate, new Uint8Array(0)),
    "a challenge of bytes": sign(certificate, randomBytes(64)),
    "a new key": [byte(17), string("ssh-ed25519")],
    "to forget its key": [byte(19)],
    "an extension": [byte(27), string("session-bind@openssh.com")],
    "a message of no kind": [byte(255)],
  };
  for (const [name, fields] of Object.entries(refused)) {
    const answer = await ask(path, ...fields);
    t.ok(answer.length === 0 || answer.equals(failure), name);
  }
  t.equal(agent.wasAsked(), false);
  t.equal((await ask(path, ...sign(certificate, good)))[0], 14, "it is there, and signs what it should");
});

t.test("without the key it signs nothing, and tells that it was asked", async (t) => {
  const { agent, path, certificate } = await openFor(t, false);
  t.ok((await ask(path, ...sign(certificate, loginOf(certificate)))).equals(failure));
  t.equal(agent.wasAsked(), true);
});

t.test(
  "what is no message ends its connection, and the agent lives on; when it is closed its socket is gone",
  async (t) => {
    const { agent, path } = await openFor(t, true);
    for (const bytes of [uint32(0), uint32(65_537), uint32(0xffff_ffff), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
      t.strictSame(await raw(path, bytes), Buffer.alloc(0));
    }
    t.ok((await raw(path, string(Buffer.alloc(65_536, 255)))).equals(failure), "the largest message is one");
    t.equal((await ask(path, byte(11)))[0], 12);
    const held = connect(path);
    held.on("error", () => {});
    await new Promise<void>((resolve) => held.once("connect", () => resolve()));
    await agent.close();
    t.equal(existsSync(path), false);
  },
);
