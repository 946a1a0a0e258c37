// What the executor computes for its guest: bounded in number, with errors that show nothing of the host, and dead with the
// run. Keys never come in.
import t from "tap";
import { codersMax } from "../../runtime/executor/services-zlib.ts";
import { openRuns } from "../support/runs.ts";

const MiB = 1_048_576;

const runs = await openRuns({
  coders: {
    body: `
      const open = [];
      try { for (;;) open.push(new CompressionStream("gzip")); } catch (e) { return [open.length, e.name, e instanceof RangeError, /node:|executor|[.]cjs/.test(e.stack)]; }
    `,
  },
  "closed coders": {
    body: `
      for (let n = 0; n < ${codersMax * 3}; n += 1) {
        const s = new CompressionStream("gzip");
        if (n % 3 === 0) await s.readable.cancel();
        else if (n % 3 === 1) await s.writable.abort();
        else await Promise.all([s.writable.close(), new Response(s.readable).bytes()]);
      }
      return "all";
    `,
  },
  bomb: {
    body: `
      const zeros = new ReadableStream({ pull(c) { this.n = (this.n ?? 0) + 1; if (this.n > 256) c.close(); else c.enqueue(new Uint8Array(1 << 20)); } });
      const packed = await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).bytes();
      const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
      let bytes = 0;
      for (;;) { const { done, value } = await reader.read(); if (done) return [packed.length < 400_000, bytes]; bytes += value.length; }
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000, memoryBytes: 64 * MiB },
  },
  keys: {
    body: `
      const { privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
      const shown = [];
      for (let at = privateKey; at !== null; at = Object.getPrototypeOf(at))
        for (const name of Reflect.ownKeys(at)) { try { shown.push(typeof privateKey[name]); } catch {} }
      return [JSON.stringify(privateKey), shown.includes("bigint"), await crypto.subtle.exportKey("pkcs8", privateKey).catch((e) => e.name)];
    `,
  },
  many: {
    body: `
      const data = new Uint8Array(1000);
      const all = await Promise.all(Array.from({ length: 2_000 }, () => crypto.subtle.digest("SHA-256", data)));
      return [all.length, new Set(all.map((b) => new Uint8Array(b).join())).size];
    `,
    limits: { wallMs: 60_000, cpuMs: 60_000 },
  },
  forged: {
    // A key's number is no key: whoever makes an object like one has nothing.
    body: `
      const real = await crypto.subtle.importKey("raw", new Uint8Array(16), "AES-CBC", false, ["encrypt"]);
      const fake = Object.create(CryptoKey.prototype);
      return await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, fake, new Uint8Array(1)).catch((e) => e.name);
    `,
  },
});

t.test(`[RES-12] ${codersMax} streams of compression at once, and not one more`, async (t) => {
  const { result } = await runs.run("coders");
  t.same(result, [codersMax, "RangeError", true, false]);
});

t.test("what is closed, aborted or cancelled makes room", async (t) => {
  t.equal((await runs.run("closed coders")).result, "all");
});

t.test("[RES-18] what inflates to four times the memory of the run streams through it", async (t) => {
  const { result, error } = await runs.run("bomb");
  t.same(result, [true, 256 * MiB], error?.message ?? "");
});

t.test("a private key is nowhere in the isolate", async (t) => {
  t.same((await runs.run("keys")).result, ["{}", false, "InvalidAccessError"]);
});

t.test("two thousand computations at once wait for their turn in the guest", async (t) => {
  t.same((await runs.run("many")).result, [2_000, 1]);
});

t.test("an object that looks like a key is none", async (t) => {
  t.equal((await runs.run("forged")).result, "TypeError");
});

t.test("at the end nothing is left", (t) => runs.end(t));
