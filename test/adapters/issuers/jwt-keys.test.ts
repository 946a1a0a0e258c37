// The signing keys of the embedded issuer: what lies on the disk, who may lose a change, and what rotation does to tokens
// that are about.
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompactSign, createRemoteJWKSet, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify } from "jose";
import t from "tap";
import { openJwtEndpoint } from "../../../runtime/adapters/issuers/jwt-endpoint.ts";
import { tokenLifeMsMax } from "../../../runtime/adapters/issuers/jwt-keys.ts";
import { MayflyError } from "../../../runtime/model/error.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import { makeMemoryTokenRegistry } from "../../../runtime/testkit/memory-token-registry.ts";
import { keyStoreIn, plainKeyFile, signingKeysIn } from "../../support/signing-keys.ts";

const day = 86_400_000;

function handClock(): Clock & { advance(ms: number): void } {
  let now = 1_800_000_000_000;
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    setTimer: () => () => {},
    advance: (ms) => {
      now += ms;
    },
  };
}

t.test("[CRED-26] what lies on the disk gives no key away, and is ours alone", async (t) => {
  const directory = t.testdir();
  const { kid } = await signingKeysIn(directory).active();
  const set = JSON.parse(new TextDecoder().decode(await keyStoreIn(directory).read("jwt-test")));
  const secrets: string[] = set.keys.map(({ jwk }: { jwk: { d: string } }) => jwk.d);
  t.equal(secrets.length, 2, "the one that signs, and the next");
  for (const file of readdirSync(directory)) {
    t.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
    const text = readFileSync(join(directory, file), "latin1");
    for (const secret of secrets) {
      t.notOk(text.includes(secret) || text.includes(Buffer.from(secret, "base64url").toString("latin1")), file);
    }
  }
  t.equal((await signingKeysIn(directory).active()).kid, kid, "another process comes to the same key");
});

t.test("processes that start together come to one set", async (t) => {
  const directory = t.testdir();
  const kids = await Promise.all([1, 2, 3, 4].map(async () => (await signingKeysIn(directory).active()).kid));
  t.equal(new Set(kids).size, 1);
});

t.test("[CRED-26] a key that lay in the clear is taken over once, and destroyed", async (t) => {
  const jwk = await exportJWK((await generateKeyPair("ES256", { extractable: true })).privateKey);
  const directory = t.testdir({ [plainKeyFile]: `${JSON.stringify(jwk)}\n` });
  const plain = join(directory, plainKeyFile);
  chmodSync(plain, 0o600);
  const both = await Promise.all([1, 2].map(() => signingKeysIn(directory).active()));
  for (const { publicJwk } of both) t.match(publicJwk, { x: String(jwk.x), y: String(jwk.y) }, "its tokens stay good");
  t.notOk(existsSync(plain));
  for (const file of readdirSync(directory))
    t.notOk(readFileSync(join(directory, file), "latin1").includes(String(jwk.d)), file);

  // A crash between overwriting and removing, and a file that an older version made anew beside the sealed one.
  for (const rest of ["\0".repeat(200), JSON.stringify(jwk)]) {
    writeFileSync(plain, rest, { mode: 0o600 });
    t.equal((await signingKeysIn(directory).active()).kid, both[0]?.kid);
    t.notOk(existsSync(plain));
  }
});

t.test(
  "a plain key that others can read, that is a link, or that is none is refused, and stays for its owner to see",
  async (t) => {
    const cases: [string, (file: string) => void, RegExp][] = [
      ["group-readable", (file) => chmodSync(file, 0o640), /mode 0640/],
      ["world-readable", (file) => chmodSync(file, 0o604), /mode 0604/],
      ["not a key", (file) => writeFileSync(file, '{"kty":"oct","k":"c2VjcmV0"}'), /no signing key/],
      ["not JSON", (file) => writeFileSync(file, "c2VjcmV0"), /no signing key/],
    ];
    for (const [name, spoil, found] of cases) {
      const directory = t.testdir({ [plainKeyFile]: "{}" });
      const plain = join(directory, plainKeyFile);
      chmodSync(plain, 0o600);
      spoil(plain);
      const error = await signingKeysIn(directory)
        .active()
        .catch((thrown: unknown) => thrown);
      t.ok(error instanceof MayflyError && error.code === "state_directory", name);
      t.match((error as MayflyError).found, found, name);
      t.notMatch((error as MayflyError).describe(), /c2VjcmV0/, "no content of the file is shown");
      t.ok(existsSync(plain), name);
    }
    const directory = t.testdir({ "real.json": "{}" });
    symlinkSync("real.json", join(directory, plainKeyFile));
    await t.rejects(signingKeysIn(directory).active(), { code: "state_directory" }, "a symbolic link");
  },
);

t.test(
  "a key signs for its period, is known to verifiers before it does, and stays known while its tokens live",
  async (t) => {
    const clock = handClock();
    const keys = signingKeysIn(t.testdir(), { clock, rotationMs: 30 * day });
    const kids = async () => (await keys.published()).map(({ kid }) => kid);
    const first = await keys.active();
    const before = await kids();
    t.equal(before.length, 2, "the next one is published with it");
    clock.advance(30 * day - 1);
    t.equal((await keys.active()).kid, first.kid, "the last moment of its period");
    clock.advance(1);
    const second = await keys.active();
    t.strictSame([first.kid, second.kid], before, "the one that signs now was published all the time");
    t.strictSame((await kids()).slice(0, 2), before);
    clock.advance(tokenLifeMsMax - 1);
    t.ok((await kids()).includes(first.kid), "until the last token that it could have signed has expired");
    clock.advance(1);
    t.notOk((await kids()).includes(first.kid));
    t.match(await keys.states(), [{ state: "retired" }, { state: "active" }, { state: "next" }]);
  },
);

t.test(
  "[CRED-25] after a rotation an old token is good until it expires and no longer, and so says an independent verifier",
  async (t) => {
    const clock = handClock();
    const directory = t.testdir();
    const keys = signingKeysIn(directory, { clock });
    const registry = makeMemoryTokenRegistry();
    const listen = { host: "127.0.0.1", port: 0 };
    const endpoint = await openJwtEndpoint({ listen, identityUrl: null, keys, registry, clock });
    t.teardown(() => endpoint.close());
    const jwks = createRemoteJWKSet(new URL(`${endpoint.url}/jwks`), { cooldownDuration: 0 });
    const sign = async (exp: number) => {
      const { kid, privateKey } = await keys.active();
      const claims = new TextEncoder().encode(JSON.stringify({ iss: endpoint.url, aud: "a", exp }));
      return new CompactSign(claims).setProtectedHeader({ alg: "ES256", kid, typ: "JWT" }).sign(privateKey);
    };
    const verify = (token: string) => jwtVerify(token, jwks, { audience: "a", currentDate: new Date(clock.nowMs()) });

    const nowS = clock.nowMs() / 1_000;
    const old = await sign(nowS + 60);
    await verify(old);
    await signingKeysIn(directory, { clock }).rotate(); // by another process
    const fresh = await sign(nowS + 600);
    t.not(
      decodeProtectedHeader(fresh).kid,
      decodeProtectedHeader(old).kid,
      "the running one signs with the new key at once",
    );
    await t.resolves(verify(old));
    await t.resolves(verify(fresh));
    clock.advance(60_001);
    await t.rejects(verify(old), { code: "ERR_JWT_EXPIRED" });
    await t.resolves(verify(fresh));
  },
);

t.test("of rotations by several processes at once none is lost, and no key that has signed vanishes", async (t) => {
  const directory = t.testdir();
  const signed = new Set<string>([(await signingKeysIn(directory).active()).kid]);
  const rotated = await Promise.all([1, 2, 3, 4, 5].map(() => signingKeysIn(directory).rotate()));
  for (const kid of rotated) signed.add(kid);
  const published = (await signingKeysIn(directory).published()).map(({ kid }) => kid);
  t.equal(published.length, 7, "the first, five rotations, and the next");
  for (const kid of signed) t.ok(published.includes(kid), kid);
});

t.test("rotated too often within the life of a token, a set is left as it is", async (t) => {
  const clock = handClock();
  const keys = signingKeysIn(t.testdir(), { clock });
  for (let count = 2; count < 32; count += 1) await keys.rotate();
  t.equal((await keys.published()).length, 32);
  const { kid } = await keys.active();
  await t.rejects(keys.rotate(), { code: "key_unavailable", found: /32 keys/ });
  t.equal((await keys.active()).kid, kid);
  clock.advance(tokenLifeMsMax);
  await t.resolves(keys.rotate(), "once their tokens are dead");
});
