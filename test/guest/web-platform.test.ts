// The larger half of the web API, asked the same questions as Node's: files and forms, messages, streams, compression,
// keys, patterns, reported errors, the clock.
import t from "tap";
import { askBoth } from "./ask-both.ts";

const hex = "const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, '0')).join('');";
const collect =
  "const all = async (s) => { const parts = []; for await (const p of s) parts.push(...(typeof p === 'string' ? [p] : p)); return parts; };";
/** What a sink has seen after `act` on the source `c`, on the sink's own `w`, or on the pipe's signal. */
const piped = (act: string) =>
  `let c, w; const seen = [], stop = new AbortController(); const source = new ReadableStream({ start(x) { c = x } }, { highWaterMark: 0 }); const sink = new WritableStream({ start(x) { w = x }, write(x) { seen.push(x) }, close() { seen.push('closed') }, abort(e) { seen.push('abort ' + e) } }); const pipe = source.pipeTo(sink, { signal: stop.signal, preventCancel: true }).then(() => 'done', (e) => e); await new Promise((f) => setTimeout(f)); ${act} seen.push('acted'); return [await pipe, ...seen, source.locked, sink.locked]`;
const refused = (code: string) =>
  `try { ${code}; return 'taken' } catch (e) { return [e.name, e instanceof DOMException, typeof e.code === 'number' ? e.code : 0] }`;

await askBoth(t, {
  interfaces: [
    "return [AbortController.prototype.abort, AbortSignal, AbortSignal.abort, Blob, Blob.prototype.slice, File, Crypto, CryptoKey, SubtleCrypto, SubtleCrypto.supports, TextDecoder.prototype.decode, EventTarget.prototype.addEventListener, EventTarget.prototype.removeEventListener, MessagePort, Navigator, Performance, fetch].map((f) => f.length)",
    "return [FormData, Headers].flatMap((f) => ['entries', 'forEach', 'keys', 'values', Symbol.iterator].map((name) => f.prototype[name].name))",
    "const own = (name) => { const d = Object.getOwnPropertyDescriptor(globalThis, name); return ['value' in d, d.writable, d.enumerable, d.configurable] }; void ReadableStream; return ['CompressionStream', 'Crypto', 'CryptoKey', 'ReadableStream', 'ReadableStreamBYOBReader', 'CountQueuingStrategy', 'SubtleCrypto', 'TextEncoderStream'].map(own)",
    "const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, 'crypto'); return [get.call(undefined) === crypto, get.name, set === undefined, enumerable, configurable, Reflect.set(globalThis, 'crypto', 1), crypto.constructor.name]",
    refused("Object.getOwnPropertyDescriptor(globalThis, 'crypto').get.call({})"),
    refused("performance.toJSON.call({})"),
    refused("TextEncoderStream.prototype.encoding"),
  ],
  files: [
    "const b = new Blob(['aé', new Uint8Array([1, 2]), new Blob(['x'])], { type: 'Text/Plain' }); return [b.size, b.type, await b.text(), [...await b.bytes()]]",
    "const b = new Blob(['abcdef']); return [await b.slice(1, 3).text(), await b.slice(-2).text(), await b.slice(4, 2).text(), b.slice(0, 2, 'A/b').type]",
    `${collect} return [await all(new Blob(['ab', 'c']).stream()), String(new Blob())]`,
    "const f = new File(['x'], 'n\\ud800.txt', { lastModified: 5, type: 'a/b' }); return [f.name, f.lastModified, f.type, f instanceof Blob, await f.text()]",
    refused("new Blob('text')"),
    refused("new File([])"),
    "const c = structuredClone({ f: new File(['x'], 'n', { lastModified: 7 }) }); return [c.f instanceof File, c.f.name, c.f.lastModified, await c.f.text()]",
  ],
  forms: [
    "const f = new FormData(); f.append('a', '1'); f.append('a', 'ü'); f.set('b', new Blob(['x'], { type: 'c/d' }), 'n.txt'); return [f.getAll('a'), f.get('b').name, f.get('b').type, f.has('c'), [...f.keys()]]",
    "const f = new FormData(); f.append('q\\r\\n\"', 'v\\n'); f.append('file', new File(['bytes'], 'a\".bin')); const r = new Response(f); const text = await r.text(); const boundary = /boundary=(.*)$/.exec(r.headers.get('content-type'))[1]; return text.replaceAll(boundary, 'B')",
    "const r = new Response('--B\\r\\nContent-Disposition: form-data; name=\"a\"\\r\\n\\r\\n1\\r\\n--B\\r\\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\\r\\nContent-Type: x/y\\r\\n\\r\\nbody\\r\\n--B--\\r\\n', { headers: { 'content-type': 'multipart/form-data; boundary=B' } }); const f = await r.formData(); return [f.get('a'), f.get('f').name, f.get('f').type, await f.get('f').text()]",
    "return [...await new Response(new URLSearchParams({ a: 'b c', d: '&' })).formData()]",
    "return await new Response('x', { headers: { 'content-type': 'multipart/form-data; boundary=B' } }).formData().then(() => 'parsed', (e) => e.name)",
    "return [(await new Response('x', { headers: { 'content-type': 'a/b;c=d' } }).blob()).type, (await new Response(new Blob(['q'], { type: 'e/f' })).blob()).type]",
  ],
  messages: [
    "const { port1, port2 } = new MessageChannel(); const got = []; await new Promise((f) => { port2.onmessage = ({ data }) => { got.push(data); if (got.length === 2) f(); }; port1.postMessage({ a: [1] }); port1.postMessage('two'); }); port1.close(); return got",
    "const { port1, port2 } = new MessageChannel(); const b = new Uint8Array([1, 2]).buffer; const got = new Promise((f) => { port2.onmessage = (e) => f(e.data.byteLength); }); port1.postMessage(b, [b]); const n = await got; port1.close(); return [n, b.byteLength]",
    "const a = new MessageChannel(), b = new MessageChannel(); const got = new Promise((f) => { a.port2.onmessage = (e) => { e.data.onmessage = (x) => f(x.data); }; }); a.port1.postMessage(b.port1, [b.port1]); b.port2.postMessage('through'); const r = await got; a.port1.close(); b.port2.close(); return r",
    "const { port1 } = new MessageChannel(); try { port1.postMessage(() => {}) } catch (e) { return e.name } finally { port1.close() }",
    "const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength]",
    refused("const b = new ArrayBuffer(4); structuredClone(b, { transfer: [b, b] })"),
    "const b = new ArrayBuffer(2, { maxByteLength: 8 }); const v = structuredClone(new Uint8Array(b)); return [v.length, v.buffer.maxByteLength, v.buffer.resizable]",
  ],
  streams: [
    `${collect} return await all(new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('b'); c.close(); } }).pipeThrough(new TransformStream({ transform(x, c) { c.enqueue(x + x); } })))`,
    `${collect} return [await all(ReadableStream.from([1, 2])).catch((e) => e.name)]`,
    `${collect} const [a, b] = new Response('tee').body.tee(); return [new TextDecoder().decode(new Uint8Array(await all(a))), (await all(b)).length]`,
    "const r = new ReadableStream({ type: 'bytes', pull(c) { c.byobRequest.view[0] = 7; c.byobRequest.respond(1); } }).getReader({ mode: 'byob' }); const { value } = await r.read(new Uint8Array(4)); return [value.length, value[0]]",
    "const seen = []; const w = new WritableStream({ write(x) { seen.push(x); }, close() { seen.push('closed'); } }).getWriter(); w.write(1); w.write(2); await w.close(); return seen",
    `${collect} return (await all(new Blob(['a€', 'b']).stream().pipeThrough(new TextDecoderStream()))).join('')`,
    `${collect} return await all(ReadableStream.from(['\\ud83d', '\\ude00']).pipeThrough(new TextEncoderStream()))`,
    piped("c.enqueue(1); c.enqueue(2); c.close();"),
    piped("c.enqueue(1); c.error('broken');"),
    piped("c.enqueue(1); stop.abort('enough');"),
    "return [new CountQueuingStrategy({ highWaterMark: 3 }).highWaterMark, new ByteLengthQueuingStrategy({ highWaterMark: 5 }).size(new Uint8Array(4))]",
  ],
  compression: [
    ...["gzip", "deflate", "deflate-raw"].map(
      (format) =>
        `const text = 'mayfly '.repeat(5000); const packed = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('${format}'))).bytes(); const back = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('${format}'))).text(); return [packed.length < 1000, back === text]`,
    ),
    "return await new Response(new Blob(['no gzip']).stream().pipeThrough(new DecompressionStream('gzip'))).text().then(() => 'read', (e) => e.name)",
    "const packed = await new Response(new Blob(['x'.repeat(100)]).stream().pipeThrough(new CompressionStream('gzip'))).bytes(); return await new Response(new Blob([packed.subarray(0, 20)]).stream().pipeThrough(new DecompressionStream('gzip'))).text().then(() => 'read', (e) => e.name)",
    "const packed = await new Response(new Blob(['x']).stream().pipeThrough(new CompressionStream('gzip'))).bytes(); return await new Response(new Blob([packed, 'rest']).stream().pipeThrough(new DecompressionStream('gzip'))).text().then(() => 'read', (e) => e.name)",
    refused("new CompressionStream('zip')"),
  ],
  keys: [
    ...["SHA-1", "SHA-256", "SHA-384", "SHA-512"].map(
      (name) => `${hex} return hex(await crypto.subtle.digest('${name}', new TextEncoder().encode('mayfly')))`,
    ),
    `${hex} const key = await crypto.subtle.importKey('raw', new Uint8Array(32).fill(7), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); const data = new TextEncoder().encode('x'); const mac = await crypto.subtle.sign('HMAC', key, data); return [hex(mac), await crypto.subtle.verify('HMAC', key, mac, data), key.type, key.extractable, key.algorithm, key.usages]`,
    `${hex} const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', false, ['encrypt', 'decrypt']); const iv = new Uint8Array(12); const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: new Uint8Array([1]) }, key, new Uint8Array([1, 2, 3])); return [hex(sealed), [...new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: new Uint8Array([1]) }, key, sealed))], await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed).catch((e) => e.name)]`,
    `${hex} const key = await crypto.subtle.importKey('raw', new TextEncoder().encode('password'), 'PBKDF2', false, ['deriveBits']); return hex(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 1000 }, key, 256))`,
    "const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']); const data = new Uint8Array(9); const signed = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, data); const jwk = await crypto.subtle.exportKey('jwk', publicKey); return [await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, signed, data), jwk.kty, jwk.crv, Object.keys(jwk).sort(), privateKey.usages, String(publicKey)]",
    "const { publicKey } = await crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt']); return [[...publicKey.algorithm.publicExponent], publicKey.algorithm.hash, publicKey.algorithm.modulusLength]",
    "const k = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', false, ['encrypt']); return await crypto.subtle.exportKey('raw', k).catch((e) => [e.name, e instanceof DOMException])",
    "return await crypto.subtle.digest('MD5', new Uint8Array(1)).catch((e) => [e.name, e.code])",
    "return await crypto.subtle.digest('SHA-256').catch((e) => [e.name, e instanceof TypeError])",
    "const k = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', true, ['encrypt']); const c = structuredClone(k); return [c !== k, [...new Uint8Array(await crypto.subtle.exportKey('raw', c))].length, c.algorithm.name]",
    refused("new CryptoKey()"),
  ],
  patterns: [
    "const p = new URLPattern({ pathname: '/books/:id(\\\\d+)' }); const m = p.exec('https://a.example/books/12?q'); return [m.pathname.groups.id, m.pathname.input, m.inputs, p.test('https://a.example/books/x'), p.pathname, p.hostname, p.hasRegExpGroups]",
    "const p = new URLPattern('/a/*', 'https://b.example'); return [p.test('https://b.example/a/c'), p.test('https://c.example/a/c'), p.protocol, p.pathname]",
    "const m = new URLPattern({ pathname: '/:a/:b?' }).exec({ pathname: '/x' }); return [m.pathname.groups.a, 'b' in m.pathname.groups, m.pathname.groups.b === undefined]",
    "return new URLPattern({ pathname: '/A' }, { ignoreCase: true }).test({ pathname: '/a' })",
    refused("new URLPattern('/relative')"),
    refused("new URLPattern({ pathname: '/(((' })"),
  ],
  events: [
    "const t = new EventTarget(); const e = new CustomEvent('x', { detail: { a: 1 } }); let path; t.addEventListener('x', () => { path = e.composedPath().length; }); t.dispatchEvent(e); return [e.detail, path, e.composedPath().length, e.eventPhase, e.isTrusted]",
    refused(
      "const t = new EventTarget(); const e = new Event('x'); t.addEventListener('x', () => { t.dispatchEvent(e); }, { once: true }); e.initEvent('y'); Event.prototype.type",
    ),
    "const e = new ErrorEvent('error', { message: 'm', lineno: 3, error: 5 }); return [e.message, e.lineno, e.error, e.type]",
    "return [Object.keys(Event.prototype).includes('type'), Event.AT_TARGET, Event.length, String(new Event('a')), Object.getOwnPropertyDescriptor(globalThis, 'Event').enumerable]",
    "const a = new AbortController(); const any = AbortSignal.any([AbortSignal.any([a.signal])]); a.abort('r'); return any.reason",
  ],
  exceptions: [
    "const e = new DOMException('m', { name: 'AbortError', cause: 1 }); return [e.name, e.code, e.cause, Object.keys(e), 'message' in Object.getOwnPropertyDescriptors(e), String(e), Object.prototype.toString.call(e), e.stack.startsWith('AbortError: m')]",
    "return [DOMException.ABORT_ERR, DOMException.prototype.DATA_CLONE_ERR, DOMException.length]",
  ],
  clock: [
    "const a = performance.now(); await new Promise((f) => setTimeout(f, 20)); const b = performance.now(); return [b > a, b - a < 5000, performance.timeOrigin > 1.6e12, Object.keys(performance.toJSON()).includes('timeOrigin')]",
    "return typeof navigator.userAgent",
  ],
});
