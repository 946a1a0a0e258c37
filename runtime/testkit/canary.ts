// The oracle for leaks: looks for a credential in whatever a run may have left behind, naively. It knows nothing of the
// leak guard, and encodes each window of the text by the platform's own functions; slow, and so simple that it can be
// believed. A test of the guard first lets it find the leak of a twin without one.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/** What stands together gives a credential away: characters. */
export const canaryWindowChars = 12;

/** A credential that stands nowhere else in the world: 128 bits. */
export function makeCanary(): string {
  return `canary-${randomBytes(16).toString("hex")}`;
}

export interface CanaryFound {
  /** Name of the sink. */
  sink: string;
  form: string;
}

export type Sinks = Readonly<Record<string, string | Uint8Array>>;

/** Every form of every window of the canary that is in one of the sinks; of each sink and form the first. */
export function findCanary(canary: string, sinks: Sinks, windowChars: number = canaryWindowChars): CanaryFound[] {
  const windows: string[] = [];
  for (let at = 0; at + windowChars <= canary.length; at += 1) windows.push(canary.slice(at, at + windowChars));
  const forms = windows.flatMap(canaryForms);
  return Object.entries(sinks).flatMap(([sink, content]) => {
    const found = new Set<string>();
    for (const [packed, bytes] of unpacked(Buffer.from(content as Uint8Array))) {
      const text = bytes.toString("latin1");
      for (const [form, needle] of forms) if (text.includes(needle)) found.add(`${form}${packed}`);
    }
    return [...found].map((form) => ({ sink, form }));
  });
}

/** Every file below a directory, as sinks. */
export function fileSinks(directory: string): Record<string, Uint8Array> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.isFile() === true);
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(directory, name))]));
}

/** One text in every form that the guard says it finds: name and Latin-1. */
export function canaryForms(text: string): [form: string, needle: string][] {
  const bytes = Buffer.from(text);
  const each = (spell: (byte: number) => string, between = "") => [...bytes].map(spell).join(between);
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  const utf16 = Buffer.from(text, "utf16le");
  const big = Buffer.from(utf16).swap16();
  const escapes = [...text].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
  return [
    ["raw", bytes.toString("latin1")],
    ["reversed", Buffer.from([...text].reverse().join("")).toString("latin1")],
    ["json", JSON.stringify(text).slice(1, -1)],
    ["hex", bytes.toString("hex")],
    ["hex", bytes.toString("hex").toUpperCase()],
    ["percent", each((byte) => `%${hex(byte)}`)],
    ["percent", each((byte) => `%${hex(byte).toUpperCase()}`)],
    ["percent", encodeURIComponent(text)],
    ["percent", new URLSearchParams([["", text]]).toString().slice(1)],
    ["double percent", each((byte) => `%25${hex(byte)}`)],
    ["double percent", each((byte) => `%25${hex(byte).toUpperCase()}`)],
    ["double percent", encodeURIComponent(encodeURIComponent(text))],
    ["unicode escape", escapes],
    ["unicode escape", escapes.replace(/[0-9a-f]{4}/g, (digits) => digits.toUpperCase())],
    ["utf-16", utf16.toString("latin1")],
    ["utf-16", big.toString("latin1")],
    ["decimal", each(String, ",")],
    ["decimal", each(String, ", ")],
    ...[0, 1, 2].flatMap((offset): [string, string][] => [
      ["base64", inBase64(bytes, offset, "base64")],
      ["base64", inBase64(bytes, offset, "base64url")],
    ]),
  ];
}

/** Without the characters that also hold bits of what stands beside the text. */
function inBase64(bytes: Buffer, offset: number, kind: "base64" | "base64url"): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(3)]).toString(kind);
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

/** The bytes as they are, and what any decompressor makes of them, or of a gzip member in them. */
function unpacked(bytes: Buffer): [packed: string, bytes: Buffer][] {
  const all: [string, Buffer][] = [["", bytes]];
  const attempt = (packed: string, unpack: () => Buffer) => {
    try {
      all.push([`, in ${packed}`, unpack()]);
    } catch {
      // it isn't that
    }
  };
  const magic = Buffer.from([0x1f, 0x8b, 0x08]);
  const cut = { finishFlush: constants.Z_SYNC_FLUSH };
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1))
    attempt("gzip", () => gunzipSync(bytes.subarray(at), cut));
  attempt("zlib", () => inflateSync(bytes, cut));
  attempt("deflate", () => inflateRawSync(bytes, cut));
  attempt("brotli", () => brotliDecompressSync(bytes, { finishFlush: constants.BROTLI_OPERATION_FLUSH }));
  return all;
}
