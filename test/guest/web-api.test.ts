// The web API of the guest, asked the same questions as Node's: URL, encodings, base64, structuredClone, events and
// signals, headers, requests and responses, randomness, timers. The answers must be the same.
import t from "tap";
import { askBoth } from "./ask-both.ts";

/** Bodies of async functions, by what they are about; `name of what is thrown` stands for an error. */
const questions: Record<string, string[]> = {
  URL: [
    'return new URL("HTTP://user:pa%20ss@EXAMPLE.com:80/a/../b/./c?q=1&q=2#frag").href',
    'const u = new URL("../x?y#z", "https://a.example:8443/b/c/d"); return [u.origin, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.protocol]',
    'return ["127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "①②⑦.0.0.1", "bücher.example", "ⓐllowed.example", "xn--bcher-kva.example"].map((h) => new URL("http://" + h + "/").hostname)',
    'return ["http://a b/", "http://[::1", "//x", "http://a:70000/", "", "http://%00/", "http://xn--/"].map((s) => { try { return new URL(s).href } catch (e) { return e instanceof TypeError } })',
    "return [URL.canParse('http://a/'), URL.canParse('a'), URL.canParse('a', 'http://b/'), URL.parse('x:y')?.href, URL.parse('no')]",
    "const u = new URL('http://a/'); u.searchParams.append('k', 'ä &='); u.pathname = '/x y'; u.hash = 'h'; u.port = '81'; return [u.href, u.toString(), JSON.stringify(u)]",
    "const p = new URLSearchParams([['b', '2'], ['a', '1'], ['b', '3']]); p.sort(); p.delete('b', '2'); return [p.toString(), p.getAll('b'), p.has('a', '1'), p.size, [...p]]",
    "return new URLSearchParams({ a: '1 2', ü: '+' }).toString()",
    "return Object.prototype.toString.call(new URL('a:b')) + Object.prototype.toString.call(new URLSearchParams())",
  ],
  encodings: [
    "return [...new TextEncoder().encode('aé€😀\\ud800')]",
    "return new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xff, 0xe2, 0x82]))",
    "return new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])).length",
    "return new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff]))",
    "const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])) + d.decode()",
    "return [new TextDecoder('UTF8').encoding, new TextDecoder('latin1').encoding, new TextDecoder('utf-16le').decode(new Uint8Array([97, 0]))]",
    "return new TextDecoder('windows-1252').decode(new Uint8Array([0x80, 0xe9]))",
    "return new TextDecoder('no-such')",
    "const b = new Uint8Array(4); const r = new TextEncoder().encodeInto('a€€', b); return [r.read, r.written, [...b]]",
  ],
  base64: [
    "return ['', 'a', 'ab', 'abc', '\\xff\\x00'].map((s) => btoa(s))",
    "return ['', 'YQ==', 'YQ', 'YWI=', ' Y W I j ', 'YR', 'YWJ'].map((s) => [...atob(s)].map((c) => c.charCodeAt(0)))",
    ...["btoa('€')", "atob('a')", "atob('ab=')", "atob('a===')", "atob('ab*c')", "atob('====')", "atob('YQ=')"].map(
      (call) => `try { return ${call} } catch (e) { return [e.name, e instanceof DOMException, e.code] }`,
    ),
    "return [btoa(null), btoa(12), atob(undefined).length]",
  ],
  structuredClone: [
    "const o = { a: [1, , 3], d: new Date(5), r: /x/gi, m: new Map([[{ k: 1 }, new Set([1])]]), n: null, u: undefined, b: 10n }; const c = structuredClone(o); return [c !== o, c.a.length, 1 in c.a, c.d.getTime(), String(c.r), [...c.m.keys()][0].k, [...c.m.values()][0].has(1), c.n, 'u' in c, String(c.b)]",
    "const o = {}; o.self = o; o.list = [o]; const c = structuredClone(o); return [c.self === c, c.list[0] === c, c !== o]",
    "const v = new Uint8Array([1, 2, 3, 4]).subarray(1, 3); const c = structuredClone({ v, w: v }); return [[...c.v], c.v.byteOffset, c.v.buffer.byteLength, c.v === c.w]",
    "const e = structuredClone(new RangeError('m', { cause: { x: 1 } })); return [e instanceof RangeError, e.message, e.cause.x, e.name]",
    "class A { x = 1; get y() { return 2 } } const c = structuredClone(new A()); return [c.constructor === Object, c.x, 'y' in c]",
    ...["() => {}", "Symbol()", "{ a: () => {} }", "new WeakMap()", "Promise.resolve()"].map(
      (value) =>
        `try { structuredClone(${value}); return 'cloned' } catch (e) { return [e.name, e.code, e instanceof DOMException] }`,
    ),
    "return [structuredClone(Object(1)) instanceof Number, structuredClone(Object('s')).valueOf(), Object.is(structuredClone(-0), -0)]",
  ],
  events: [
    "const c = new AbortController(); const seen = []; c.signal.addEventListener('abort', (e) => seen.push(e.type, e.target === c.signal), { once: true }); c.signal.onabort = () => seen.push('on'); c.abort('why'); c.abort('again'); return [c.signal.aborted, c.signal.reason, seen.sort()]",
    "const c = new AbortController(); c.abort(); try { c.signal.throwIfAborted() } catch (e) { return [e.name, e.code, e instanceof DOMException] }",
    "const s = AbortSignal.abort(); return [s.aborted, s.reason.name, AbortSignal.any([s]).aborted, AbortSignal.any([]).aborted]",
    "const a = new AbortController(), b = new AbortController(); const any = AbortSignal.any([a.signal, b.signal]); b.abort(2); a.abort(1); return any.reason",
    "return await new Promise((f) => { const s = AbortSignal.timeout(5); s.addEventListener('abort', () => f([s.reason.name, s.reason.code])); setTimeout(f, 2000, 'never') })",
    "try { new AbortSignal() } catch (e) { return e instanceof TypeError }",
    "const t = new EventTarget(); const seen = []; const f = (e) => seen.push(e.type); t.addEventListener('x', f); t.addEventListener('x', f); t.addEventListener('x', { handleEvent(e) { e.preventDefault(); seen.push('object') } }); const kept = t.dispatchEvent(new Event('x', { cancelable: true })); t.removeEventListener('x', f); t.dispatchEvent(new Event('x')); return [seen, kept]",
    "const t = new EventTarget(); const c = new AbortController(); let n = 0; t.addEventListener('x', () => n++, { signal: c.signal }); t.dispatchEvent(new Event('x')); c.abort(); t.dispatchEvent(new Event('x')); return n",
    "const e = new DOMException('m', 'DataCloneError'); return [e.name, e.code, e.message, e instanceof Error, new DOMException().name, new DOMException('x', 'Other').code]",
  ],
  headers: [
    "const h = new Headers({ B: ' 2 ', a: '1' }); h.append('A', '3'); h.set('c', 'x'); h.delete('B'); return [[...h], h.get('a'), h.has('B'), h.get('none')]",
    "const h = new Headers([['set-cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['x', 'y']]); return [[...h], h.getSetCookie(), h.get('set-cookie')]",
    ...["['a b', 'c']", "['', 'c']", "['a', 'b\\nc']", "['a', '€']", "['a', 'b\\0']", "['ä', 'b']"].map(
      (pair) => `try { new Headers([${pair}]); return 'made' } catch (e) { return e instanceof TypeError }`,
    ),
    "const seen = []; new Headers({ b: '1', a: '2' }).forEach((v, k) => seen.push(k + v)); return [seen, [...new Headers({ z: 1 }).keys()], [...new Headers({ z: 1 }).values()]]",
  ],
  "data: URLs": [
    "const r = await fetch('data:text/plain;charset=utf-8;base64,Z3LDvG4='); return [r.status, r.statusText, r.type, r.ok, r.url, [...r.headers], await r.text()]",
    "const r = await fetch('data:,a%20b#c'); return [r.headers.get('content-type'), [...new Uint8Array(await r.arrayBuffer())], r.bodyUsed]",
    "const r = await fetch('data:text/html,<p>', { method: 'HEAD' }); return [r.status, r.headers.get('content-type'), await r.text()]",
    "const r = await fetch('data:,'); return [(await r.blob()).size, r.clone === undefined]",
    "const b = await (await fetch('data:image/png;base64,AAEC')).blob(); return [b.type, b.size]",
    ...["data:no-comma", "data:text/plain;base64,a"].map(
      (url) =>
        `try { await fetch(${JSON.stringify(url)}); return 'fetched' } catch (e) { return e instanceof TypeError }`,
    ),
    "const c = new AbortController(); c.abort(); try { await fetch('data:,', { signal: c.signal }) } catch (e) { return e.name }",
  ],
  bodies: [
    "const r = new Response('text', { status: 201, statusText: 'Made', headers: { x: 'y' } }); return [r.status, r.ok, r.statusText, r.headers.get('x'), r.headers.get('content-type'), await r.text(), r.bodyUsed]",
    "const r = new Response('x'); await r.text(); try { await r.text(); return 'twice' } catch (e) { return e instanceof TypeError }",
    "const r = new Response('{\"a\":1}'); const c = r.clone(); return [await r.json(), await c.text()]",
    "const r = new Response(new Uint8Array([1, 2])); return [...new Uint8Array(await r.arrayBuffer())]",
    "return [await new Response(null).text(), (await new Response(undefined).bytes()).length]",
    "const r = Response.json({ a: 1 }, { status: 404 }); return [r.status, r.ok, r.headers.get('content-type'), await r.json()]",
    "return [new Response(new URLSearchParams({ a: 'b c' })).headers.get('content-type'), await new Response(new URLSearchParams({ a: 'b c' })).text()]",
    "try { new Response('', { status: 99 }); return 1 } catch (e) { return e instanceof RangeError }",
    "const e = Response.error(); return [e.status, e.type, e.ok]",
    "const r = new Request('http://a.example/x', { method: 'post', body: 'b', headers: { c: 'd' } }); return [r.method, r.url, r.headers.get('content-type'), await r.text()]",
    "const r = new Request(new Request('http://a.example/', { method: 'PUT', body: 'x' }), { headers: { q: 'r' } }); return [r.method, r.headers.get('q'), await r.text()]",
    "return ['patch', 'get', 'PATCH', 'foo'].map((method) => new Request('http://a.example/', { method }).method)",
    "try { new Request('http://a.example/', { body: 'x' }) } catch (e) { return e instanceof TypeError }",
    "try { new Request('/relative') } catch (e) { return e instanceof TypeError }",
    "return await new Response('no json').json().catch((e) => e instanceof SyntaxError)",
  ],
  crypto: [
    "return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), crypto.randomUUID() !== crypto.randomUUID()]",
    "const b = new Uint8Array(65536); return [crypto.getRandomValues(b) === b, b.some((x) => x > 0), new Set(b).size]",
    "const b = new Uint32Array(3); const inner = b.subarray(1, 2); crypto.getRandomValues(inner); return [b[0], b[2]]",
    "try { crypto.getRandomValues(new Uint8Array(65537)) } catch (e) { return e.name }",
    "try { crypto.getRandomValues(new Float64Array(1)) } catch (e) { return e.name }",
  ],
  timers: [
    "const seen = []; setTimeout(() => seen.push('40'), 40); setTimeout(() => seen.push('1'), 1); queueMicrotask(() => seen.push('micro')); Promise.resolve().then(() => seen.push('then')); seen.push('sync'); await new Promise((f) => setTimeout(f, 120)); return seen",
    "let n = 0; await new Promise((f) => { const i = setInterval(() => { n++; if (n === 3) { clearInterval(i); f(); } }, 2); }); return n",
    "let ran = false; clearTimeout(setTimeout(() => { ran = true }, 1)); await new Promise((f) => setTimeout(f, 20)); return ran",
    "return await new Promise((f) => setTimeout((...args) => f(args), 1, 'a', 2))",
    "clearTimeout(undefined); clearTimeout(null); clearTimeout(12345); clearInterval(-1); return 'ignored'",
    "return await new Promise((f) => { const seen = []; for (let i = 0; i < 50; i++) setTimeout(() => { seen.push(i); if (i === 49) f(seen) }, 5); })",
  ],
};

await askBoth(t, questions);
