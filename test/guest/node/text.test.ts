// path, url, querystring, string_decoder and punycode: what only works on text, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: {
    path: "node:path",
    posix: "node:path/posix",
    url: "node:url",
    querystring: "node:querystring",
    decoder: "node:string_decoder",
  },
  questions: {
    path: [
      'return [["/a", "..", "./b//c/"], ["a", "/b"], [""], ["..", "x"]].map((parts) => [path.join(...parts), path.resolve("/", ...parts)])',
      'return ["/a/b.tar.gz", "a/", ".x", "a.", "/", "", "a/b/../c"].map((p) => [path.basename(p), path.dirname(p), path.extname(p), path.normalize(p), path.parse(p), path.isAbsolute(p)])',
      'return [path.relative("/a/b/c", "/a/d"), path.relative("/a", "/a"), path.basename("x.html", ".html"), path.format({ dir: "/a", base: "b.c" }), path.format({ root: "/", name: "n", ext: ".e" })]',
      "return [path.sep, path.delimiter, posix.join('a', 'b'), path.posix === posix, path.posix.posix === path.posix, path.win32.sep, path.toNamespacedPath('/a')]",
      "return path.join('a', 1)",
    ],
    url: [
      'return ["http://user:pa%20ss@EXAMPLE.com:8080/p/a?q=1&b=2#h", "//host/x", "/only/path?x", "mailto:a@b.example", "http://[::1]:3/"].map((u) => ({ ...url.parse(u) }))',
      'return { ...url.parse("/a?b=1&b=2&c=%20", true) }',
      'return [url.format({ protocol: "https", host: "a.example", pathname: "/x y", query: { a: 1, b: ["2", "3"] } }), url.format({ protocol: "http:", hostname: "::1", port: 3, pathname: "/p" }), url.format(new URL("http://u:p@b\u00fccher.example/x?y#z"), { auth: false, unicode: true, fragment: false, search: false })]',
      'return [url.resolve("http://a/b/c", "../d"), url.resolve("/one/two/three", "four"), url.resolve("http://a.example/one", "//b.example/x")]',
      'return [url.fileURLToPath("file:///a%20b/c"), url.pathToFileURL("/a b/#?%.txt").href, url.domainToASCII("b\u00fccher.example"), url.domainToUnicode("xn--bcher-kva.example"), url.domainToASCII("xn--i\u00f1valid.com")]',
      'return ["http://a/", "file://host/a", "file:///a%2fb"].map((u) => { try { return url.fileURLToPath(u) } catch (e) { return [e.name, e.code] } })',
      'const { protocol, hostname, path, port, auth } = url.urlToHttpOptions(new URL("https://a:b%20@[::1]:8443/x?y#z")); return [protocol, hostname, path, port, auth]',
      "return [url.URL === URL, url.URLSearchParams === URLSearchParams]",
    ],
    querystring: [
      'return [querystring.stringify({ a: 1, b: [true, "x y"], c: "\u00e9", d: null, e: 10n, f: {} }), querystring.stringify({ a: "b", c: "d" }, ";", ":"), querystring.stringify("no")]',
      'return ["a=1&a=2&b", "x%20y=%zz&=v&&", "a=b+c&%61=d", "", "a==b"].map((text) => ({ ...querystring.parse(text) }))',
      'return [{ ...querystring.parse("a:1;b:2", ";", ":") }, Object.keys(querystring.parse(Array.from({ length: 1200 }, (_, i) => "k" + i).join("&"))).length, Object.keys(querystring.parse("a&b&c", null, null, { maxKeys: 2 })).length, Object.keys(querystring.parse("a&b&c", null, null, { maxKeys: 0 })).length]',
      'return [querystring.escape("a b&\u20ac!\'()*~"), querystring.unescape("%41%zz%e2%82%ac"), querystring.encode === querystring.stringify]',
      'return querystring.escape("\\ud800")',
    ],
    string_decoder: [
      'const d = new decoder.StringDecoder("utf8"); return [d.write(Buffer.from([0xe2, 0x82])), d.write(Buffer.from([0xac, 0xf0])), d.end()]',
      'const d = new decoder.StringDecoder("utf16le"); return [d.write(Buffer.from([0x3d, 0xd8])), d.write(Buffer.from([0x4d])), d.end(Buffer.from([0xdc]))]',
      'const d = new decoder.StringDecoder("base64"); return [d.write(Buffer.from("ab")), d.write(Buffer.from("cde")), d.end(Buffer.from("f"))]',
      'const d = new decoder.StringDecoder("base64url"); return [d.write(Buffer.from([0xfb])), d.write(Buffer.from([0xff, 0xfe, 0x3e])), d.end()]',
      'return ["hex", "latin1", "ascii"].map((name) => new decoder.StringDecoder(name).end(Buffer.from([1, 0xe9])))',
      'try { new decoder.StringDecoder("no-such") } catch (e) { return [e.name, e.code, e.message] }',
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
