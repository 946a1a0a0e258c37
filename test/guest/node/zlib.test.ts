// node:zlib, asked the same questions as Node's; and what comes out of a bomb.
import { gzipSync } from "node:zlib";
import t from "tap";
import { outputBytesMax, streamsMax, turnBytesMax } from "../../../runtime/executor/services-node-zlib.ts";
import { askBoth } from "./side-by-side.ts";

const module = (body: string) =>
  `import { defineJob } from "mayfly"; import zlib from "node:zlib"; import { Readable } from "node:stream"; export default defineJob(async (c) => { ${body} });`;
const room = { memoryBytes: 768 << 20, cpuMs: 60_000, wallMs: 60_000 };
const bomb = (bytes: number) => gzipSync(Buffer.alloc(bytes)).toString("base64");

const runs = await askBoth(t, {
  modules: { zlib: "node:zlib", util: "node:util", stream: "node:stream", bare: "zlib" },
  before: `
    const text = "some text, some text, some text. ".repeat(200);
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 7919) % 251));
    const collect = async (s) => { const parts = []; for await (const x of s) parts.push(x); return Buffer.concat(parts) };
  `,
  questions: {
    whole: [
      "return [zlib.gzipSync(text), zlib.deflateSync(text), zlib.deflateRawSync(text, { level: 1 }), zlib.brotliCompressSync(text), zlib.deflateSync(noise, { level: 9, memLevel: 4, windowBits: 10, strategy: zlib.constants.Z_HUFFMAN_ONLY })].map((b) => [b.length, b.subarray(0, 30)])",
      "return [zlib.gunzipSync(zlib.gzipSync(text)), zlib.inflateSync(zlib.deflateSync(text)), zlib.inflateRawSync(zlib.deflateRawSync(text)), zlib.unzipSync(zlib.gzipSync(text)), zlib.unzipSync(zlib.deflateSync(text)), zlib.brotliDecompressSync(zlib.brotliCompressSync(text))].map((b) => b.toString() === text)",
      "return [(await util.promisify(zlib.gzip)(text)).length, (await util.promisify(zlib.gunzip)(zlib.gzipSync('a'))).toString(), await new Promise((f) => zlib.inflate(Buffer.from('bad'), (e) => f([e.name, e.code, e.errno, e.message])))]",
      "return [zlib.inflateSync(zlib.deflateSync('with words', { dictionary: Buffer.from('words') }), { dictionary: Buffer.from('words') }).toString(), (() => { try { zlib.inflateSync(zlib.deflateSync('with words', { dictionary: Buffer.from('words') })) } catch (e) { return [e.code, e.errno] } })()]",
      "return zlib.gunzipSync(Buffer.from('not gzip at all'))",
      "return zlib.gunzipSync(zlib.gzipSync(text).subarray(0, 20))",
      "return zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(1000)), { maxOutputLength: 999 })",
      "return [zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(1000)), { maxOutputLength: 1000 }).length, zlib.crc32('hello'), zlib.crc32(' world', zlib.crc32('hello')), zlib.crc32(noise)]",
      "return [zlib.zstdDecompressSync(zlib.zstdCompressSync(text)).toString() === text]",
      "try { zlib.gzipSync(5) } catch (e) { return [e.name, e.code] }",
    ],
    streams: [
      "return (await collect(stream.Readable.from([Buffer.from(text), noise]).pipe(zlib.createGzip()))).equals(zlib.gzipSync(Buffer.concat([Buffer.from(text), noise])))",
      "return (await collect(stream.Readable.from([zlib.gzipSync(noise)]).pipe(zlib.createGunzip()))).equals(noise)",
      "return (await collect(stream.Readable.from([zlib.brotliCompressSync(noise)]).pipe(zlib.createBrotliDecompress()))).equals(noise)",
      "const big = Buffer.alloc(6_000_000, 'abcdefg'); const out = await collect(stream.Readable.from([zlib.gzipSync(big)]).pipe(new zlib.Gunzip())); return out.equals(big)",
      "const packed = zlib.deflateRawSync(text); const parts = Array.from(packed, (b) => Buffer.from([b])); return (await collect(stream.Readable.from(parts).pipe(zlib.createInflateRaw()))).toString() === text",
      "const s = zlib.createGunzip(); s.end('junk that is no gzip'); try { await collect(s) } catch (e) { return [e.name, e.code, e.errno, e.message] }",
      "const s = zlib.createGunzip(); s.end(zlib.gzipSync(text).subarray(0, 30)); try { await collect(s) } catch (e) { return [e.name, e.code, e.errno] }",
      "const s = zlib.createDeflate(); const seen = []; s.on('data', (x) => seen.push(x)); s.write('abc'); await new Promise((f) => s.flush(f)); const soFar = zlib.inflateSync(Buffer.concat(seen), { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString(); s.end(); return [soFar, s instanceof zlib.Deflate, s.constructor.name]",
      "const s = zlib.createGzip(); s.write('x'); await new Promise((f) => s.close(f)); return s.destroyed",
      "return await new Promise((f) => stream.pipeline(stream.Readable.from([text]), zlib.createGzip(), zlib.createGunzip(), async function (source) { let n = 0; for await (const x of source) n += x.length; return n }, (e, n) => f([e, n])))",
    ],
    module: ["return [zlib.constants, zlib.codes, zlib.Z_BEST_COMPRESSION, bare === zlib]"],
  },
  job: { limits: { wallMs: 60_000, cpuMs: 60_000, resultBytes: 4 << 20, memoryBytes: 512 << 20 } },
  jobs: {
    bomb: {
      module: module(`
        const edge = Buffer.from(${JSON.stringify(bomb(outputBytesMax))}, "base64"), over = Buffer.from(${JSON.stringify(bomb(outputBytesMax + 1))}, "base64");
        const size = zlib.gunzipSync(edge).length;
        try { zlib.gunzipSync(over); return "inflated" } catch (e) { return [size, e.name, e.code] }
      `),
      limits: room,
    },
    greedy: {
      module: module(`
        const over = Buffer.from(${JSON.stringify(bomb(outputBytesMax + 1))}, "base64");
        try { zlib.gunzipSync(over, { maxOutputLength: ${outputBytesMax * 4} }); return "inflated" } catch (e) { return e.code }
      `),
      limits: room,
    },
    trickle: {
      module: module(`
        const s = zlib.createGunzip(); s.end(Buffer.from(${JSON.stringify(bomb(400 << 20))}, "base64"));
        let n = 0, largest = 0; for await (const x of s) { n += x.length; largest = Math.max(largest, x.length); }
        return [n, largest];
      `),
      limits: { ...room, memoryBytes: 128 << 20 },
    },
    crowd: {
      module: module(`
        const first = zlib.createGzip(); first.write("x"); first.on("error", () => {});
        await new Promise((f) => first.flush(f));
        for (let i = 0; i < ${streamsMax}; i++) zlib.createGzip();
        return await new Promise((f) => { first.on("error", (e) => f([e.code, e.message])); first.end("y"); first.resume(); first.on("end", () => f("ended")); });
      `),
      limits: room,
    },
  },
});

t.test("a bomb at the edge of what is inflated, and a byte beyond it, whatever its caller allows", async (t) => {
  const record = await runs.run("bomb");
  t.same(record.result, [outputBytesMax, "RangeError", "ERR_BUFFER_TOO_LARGE"], record.error?.message ?? "");
  t.equal((await runs.run("greedy")).result, "ERR_BUFFER_TOO_LARGE");
});

t.test("a bomb of 400 MiB through a stream, in a job of 128: in turns, as it is read", async (t) => {
  const record = await runs.run("trickle");
  const [bytes, largest] = (record.result ?? []) as number[];
  t.equal(bytes, 400 << 20, record.error?.message ?? "");
  t.ok((largest ?? Number.POSITIVE_INFINITY) <= turnBytesMax + 65_536, `${largest} bytes at once`);
});

t.test("more streams than are kept: the one that was used least recently is gone, and says so", async (t) => {
  t.match((await runs.run("crowd")).result, ["ERR_MAYFLY_LIMIT", `${streamsMax} are kept`]);
});

t.test("what all of them left behind", (t) => runs.end(t));
