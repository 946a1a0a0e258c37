// node:stream with its promises, consumers and bridges to the web's streams, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: {
    stream: "node:stream",
    promises: "node:stream/promises",
    consumers: "node:stream/consumers",
    web: "node:stream/web",
    bare: "stream",
  },
  before: "const { Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished } = stream;",
  questions: {
    streams: [
      "const r = Readable.from(['a', 'b', 'c']), seen = []; for await (const x of r) seen.push(x); return [seen, r.destroyed, r.readableEnded]",
      "const seen = []; const w = new Writable({ write(chunk, e, cb) { seen.push(chunk.toString()); cb() }, final(cb) { seen.push('final'); cb() } }); w.write('a'); w.end('b'); await promises.finished(w); return [seen, w.writableFinished]",
      "const up = new Transform({ transform(chunk, e, cb) { cb(null, chunk.toString().toUpperCase()) } }); return await consumers.text(Readable.from(['x', 'y']).pipe(up))",
      "const r = new Readable({ read() {} }); r.setEncoding('utf8'); r.push(Buffer.from([0xe2, 0x82])); r.push(Buffer.from([0xac])); r.push(null); const seen = []; for await (const x of r) seen.push(x); return seen.join('')",
      "const w = new Writable({ highWaterMark: 2, write(c, e, cb) { setTimeout(cb, 1) } }); const full = w.write('abc'); await new Promise((f) => w.once('drain', f)); return [full, w.writableLength]",
      "const r = new Readable({ objectMode: true, read() { this.push({ n: 1 }); this.push(null) } }); return (await r.toArray())",
      "return await Readable.from([1, 2, 3, 4]).filter((x) => x % 2 === 0).map((x) => x * 10).toArray()",
      "const d = new PassThrough(); d.end('data'); return (await consumers.buffer(d))",
      "const s = new Readable({ read() { this.destroy(new RangeError('broken')) } }); try { for await (const _ of s); } catch (e) { return [e.name, e.message] }",
      "const [a, b] = stream.duplexPair(); a.write('ping'); a.end(); return await consumers.text(b)",
    ],
    pipelines: [
      "const seen = []; await promises.pipeline(Readable.from(['a', 'b']), async function* (source) { for await (const x of source) yield x + x }, new Writable({ objectMode: true, write(c, e, cb) { seen.push(String(c)); cb() } })); return seen",
      "return await new Promise((f) => pipeline(Readable.from(['a']), new Transform({ transform(c, e, cb) { cb(new Error('midway')) } }), new PassThrough(), (error) => f(error.message)))",
      "return await promises.pipeline(Readable.from(['a']), new PassThrough(), async (source) => { let all = ''; for await (const x of source) all += x; return all })",
      "const c = new AbortController(); const r = stream.addAbortSignal(c.signal, new Readable({ read() {} })); setTimeout(() => c.abort(), 1); try { for await (const _ of r); } catch (e) { return [e.name, e.code] }",
      "const r = new Readable({ read() {} }); finished(r, () => {}); r.destroy(); return await new Promise((f) => finished(r, (e) => f(e.code)))",
    ],
    module: [
      "return [stream.Stream === stream, bare === stream, stream.promises === promises, new PassThrough() instanceof stream, new PassThrough() instanceof Readable, Object.create(Writable.prototype) instanceof Writable, new Duplex({ read() {}, write() {} }) instanceof Writable]",
      "function Old() { Readable.call(this) } Object.setPrototypeOf(Old.prototype, Readable.prototype); Old.prototype._read = function () { this.push('old'); this.push(null) }; return await consumers.text(new Old())",
      "const r = Readable.from(['a']); return [stream.isReadable(r), stream.isErrored(r), stream.getDefaultHighWaterMark(false), stream.getDefaultHighWaterMark(true)]",
      "return [await consumers.json(Readable.from(['{\"a\":', '1}'])), new Uint8Array(await consumers.arrayBuffer(Readable.from([Buffer.from('ab')])))]",
    ],
    "the web's": [
      "return [web.ReadableStream === ReadableStream, web.TransformStream === TransformStream]",
      "const r = Readable.toWeb(Readable.from(['a', 'b'])); const reader = r.getReader(); return [await reader.read(), await reader.read(), await reader.read()]",
      "const r = Readable.fromWeb(new ReadableStream({ start(c) { c.enqueue('x'); c.enqueue('y'); c.close() } })); const seen = []; for await (const x of r) seen.push(String(x)); return seen",
      "const seen = []; const w = Writable.toWeb(new Writable({ write(c, e, cb) { seen.push(c.toString()); cb() } })); const writer = w.getWriter(); await writer.write('a'); await writer.close(); return seen",
      "const seen = []; const w = Writable.fromWeb(new WritableStream({ write(c) { seen.push(String(c)) }, close() { seen.push('closed') } })); w.write('a'); w.end(); await promises.finished(w); return seen",
      "const r = Readable.fromWeb(new ReadableStream({ pull() { throw new RangeError('from the web') } })); try { for await (const _ of r); } catch (e) { return [e.name, e.message] }",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
