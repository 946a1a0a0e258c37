// What is compressed is looked into: members wherever they begin and however they are cut, within bounds on size and ratio.
import { createHash, randomBytes } from "node:crypto";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import t from "tap";
import { encodedForms } from "../../../runtime/core/leases/leak-forms.ts";
import { inflatedBytesMax, inflatedRatioMax, makeInspector } from "../../../runtime/core/leases/leak-inflate.ts";
import { makeScanner } from "../../../runtime/core/leases/leak-scanner.ts";
import { findCanary, makeCanary } from "../../../runtime/testkit/canary.ts";

async function inspect(canary: string, bytes: Uint8Array, pieceBytes = bytes.length): Promise<string[]> {
  const found: string[] = [];
  const inspector = makeInspector(makeScanner(encodedForms(canary, [])), (packed, form) =>
    found.push(`${form} ${packed}`),
  );
  for (let at = 0; at < bytes.length; at += pieceBytes) await inspector.write(bytes.subarray(at, at + pieceBytes));
  await inspector.end();
  return [...new Set(found)];
}

/** Text that doesn't compress to nothing, with the canary in it. */
const around = (canary: string) =>
  `${randomBytes(600).toString("hex")} "${canary}" ${randomBytes(600).toString("hex")}`;

t.test("[CRED-11] gzip, zlib, raw deflate and brotli, whole and cut into pieces of any size", async (t) => {
  const canary = makeCanary();
  for (const [name, pack] of Object.entries({
    gzip: gzipSync,
    zlib: deflateSync,
    deflate: deflateRawSync,
    brotli: brotliCompressSync,
  })) {
    const bytes = Buffer.from(pack(around(canary)));
    t.match(findCanary(canary, { bytes })[0]?.form, name, "the oracle finds it");
    for (const size of [bytes.length, 1, 3, 64, 1_000])
      t.same(await inspect(canary, bytes, size), [`raw ${name}`], `${name} by ${size}`);
  }
});

t.test("[CRED-11] a gzip member in the middle of something else, the second of two, and one in another", async (t) => {
  const canary = makeCanary();
  const member = gzipSync(around(canary));
  for (const bytes of [
    Buffer.concat([Buffer.from("header\n"), member, Buffer.from("trailer")]),
    Buffer.concat([randomBytes(10_000), member]),
    Buffer.concat([gzipSync(around("nothing")), member]),
    gzipSync(Buffer.concat([Buffer.from("a tar, say"), member])),
    brotliCompressSync(member),
  ])
    for (const size of [bytes.length, 1, 777]) t.same(await inspect(canary, bytes, size), ["raw gzip"], `by ${size}`);
  // Beside text, so that no layer is merely stored in the next.
  const wrap = (bytes: Buffer) => gzipSync(Buffer.concat([Buffer.from("some more text ".repeat(500)), bytes]));
  t.same(await inspect(canary, wrap(member)), ["raw gzip"]);
  t.same(await inspect(canary, wrap(wrap(member))), [], "a third one within is not looked into");
});

t.test("what isn't compressed is passed over, and what is broken is left where it breaks", async (t) => {
  const canary = makeCanary();
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from([0x1f]),
    Buffer.from([0x1f, 0x8b, 0x08]),
    Buffer.from("x\u009c text"),
    randomBytes(100_000),
  ])
    t.same(await inspect(canary, bytes), []);
  const whole = gzipSync(around(canary));
  t.same(await inspect(canary, whole.subarray(0, whole.length - 20)), ["raw gzip"], "found before the break");
  const fake = Buffer.from([0x1f, 0x8b, 0x08]);
  const many = Buffer.concat([...Array.from({ length: 200 }, () => fake), whole]);
  t.same(await inspect(canary, many), [], "two hundred false beginnings use up what one item may have");
});

t.test("[CRED-12] a bomb is left alone at its bounds", async (t) => {
  const canary = makeCanary();
  const zeros = (bytes: number) => Buffer.alloc(bytes);
  // The same each time: of random bytes, some are a beginning of brotli too.
  const noise = (bytes: number) => createHash("shake256", { outputLength: bytes }).update("noise").digest();
  const before = (bytes: number) => gzipSync(Buffer.concat([noise(bytes), Buffer.from(canary)]), { level: 0 });
  t.same(await inspect(canary, before(1_000_000)), ["raw gzip"], "a member of a megabyte is read to its end");
  t.same(await inspect(canary, before(inflatedBytesMax)), [], "the bytes beyond are not");
  const dense = brotliCompressSync(Buffer.concat([zeros(20_000_000), Buffer.from(canary)]));
  t.ok(20_000_000 / dense.length > inflatedRatioMax, "denser than any deflate");
  t.same(await inspect(canary, dense), [], "is not read on");
});
