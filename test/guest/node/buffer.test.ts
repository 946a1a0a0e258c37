// node:buffer, and Buffer as a free identifier, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: { buffer: "node:buffer", bare: "buffer" },
  questions: {
    making: [
      'return ["utf8", "hex", "base64", "base64url", "latin1", "ascii", "utf16le", "binary", "ucs2"].map((e) => [Buffer.from("4f6bé", e), Buffer.from("4f6bé", e).toString(e), Buffer.byteLength("4f6bé", e), Buffer.isEncoding(e)])',
      'return [Buffer.from([256, -1, 1.9]), Buffer.from(new Uint16Array([1, 256])), Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1, 1), Buffer.from(Buffer.from("a")), Buffer.from({ length: 2, 0: 1, 1: 2 }), Buffer.from(new String("s")), Buffer.from({ type: "Buffer", data: [7] })]',
      'return [Buffer.alloc(3), Buffer.alloc(5, "ab"), Buffer.alloc(4, "_-", "base64url"), Buffer.alloc(2, 257), Buffer.allocUnsafe(2).length, Buffer.concat([Buffer.from("a"), new Uint8Array([98])], 5), Buffer.concat([])]',
      'return [() => Buffer.from(1), () => Buffer.from(null), () => Buffer.alloc(-1), () => Buffer.alloc("1"), () => Buffer.from("a", "no-such"), () => Buffer.concat("x")].map((f) => { try { return f() } catch (e) { return [e.name, e.code] } })',
      'return [Buffer.from("_-8", "base64url"), Buffer.from("_-8", "base64"), Buffer.from("/+8=", "base64url"), Buffer.from([251, 255]).toString("base64url"), Buffer.from("zz", "hex"), Buffer.from("abc", "hex")]',
      "return [Buffer.copyBytesFrom(new Uint16Array([1, 2, 3]), 1, 1), Buffer.isBuffer(Buffer.alloc(1)), Buffer.isBuffer(new Uint8Array(1)), Buffer.compare(Buffer.from('a'), Buffer.from('b'))]",
    ],
    "reading and writing": [
      "const b = Buffer.alloc(8); b.writeUInt32BE(0xdeadbeef); b.writeInt16LE(-2, 4); b.writeDoubleBE; return [b, b.readUInt32BE(), b.readInt16LE(4), b.readUIntBE(0, 6), b.readBigUInt64LE()]",
      "const b = Buffer.alloc(16); b.writeDoubleLE(1.5); b.writeFloatBE(-0.25, 8); b.writeBigInt64BE; return [b, b.readDoubleLE(), b.readFloatBE(8)]",
      'const b = Buffer.from("hello world"); return [b.slice(1, 3).toString(), b.subarray(-5).toString(), b.indexOf("o"), b.lastIndexOf("o"), b.includes("wor"), b.indexOf(Buffer.from("ld")), b.equals(Buffer.from("hello world")), b.toJSON(), b.toString("utf8", 0, 5)]',
      'const b = Buffer.from("abcdef"); b.copy(b, 2, 0, 3); b.write("Z", 5); b.swap16(); return [b.toString(), b.fill("xy", 1, 4).toString(), b.compare(Buffer.from("b"))]',
      'const s = Buffer.from("abc").subarray(1); s[0] = 90; return [s.parent instanceof ArrayBuffer, s.buffer.byteLength > 0, s instanceof Uint8Array, Buffer.isBuffer(s), s.constructor.name, Buffer.isBuffer(s.map((x) => x)), [...s.entries()]]',
      "return [() => Buffer.alloc(2).readUInt32BE(), () => Buffer.alloc(2).writeUInt8(256), () => Buffer.alloc(2).readInt8(2), () => Buffer.alloc(4).writeInt16BE(40000)].map((f) => { try { return f() } catch (e) { return e.name } })",
    ],
    module: [
      "return [buffer.Buffer === Buffer, bare === buffer, buffer.constants.MAX_LENGTH > 2 ** 30, typeof buffer.kMaxLength, buffer.INSPECT_MAX_BYTES]",
      "return [buffer.isUtf8(Buffer.from('é')), buffer.isUtf8(Buffer.from([0xff])), buffer.isAscii(Buffer.from('é')), buffer.isAscii(Buffer.from('e'))]",
      "return [buffer.transcode(Buffer.from('€é'), 'utf8', 'latin1'), buffer.transcode(Buffer.from('é'), 'utf8', 'ucs2'), buffer.transcode(Buffer.from('€'), 'utf8', 'ascii')]",
      "return [buffer.atob('YQ=='), buffer.btoa('a'), String(Buffer.from('x')), JSON.stringify(Buffer.from('x')), Buffer.from('é').toLocaleString('hex')]",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
