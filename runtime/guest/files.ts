// The files capability as the guest has it: what a path leads to, and what may be written, is decided outside.
import { decodeStrictUtf8, encodeUtf8 } from "./encoding.ts";
import { type Answer, call } from "./mailbox.ts";

export interface FileEntry {
  name: string;
  kind: "file" | "directory" | "other";
}

export interface FileStat {
  kind: "file" | "directory";
  bytes: number;
  modifiedAtMs: number;
}

export const files = Object.freeze({
  read: async (path: string) => (await call("files.read", { path })).bytes,
  readText,
  write: (path: string, content: string | Uint8Array) => write(path, content, "replace"),
  append: (path: string, content: string | Uint8Array) => write(path, content, "append"),
  list: (path: string) => value<FileEntry[]>(call("files.list", { path })),
  stat: (path: string) => value<FileStat | null>(call("files.stat", { path })),
  mkdir: async (path: string) => void (await call("files.mkdir", { path })),
  remove: async (path: string) => void (await call("files.remove", { path })),
});

async function readText(path: string): Promise<string> {
  const { bytes } = await call("files.read", { path });
  try {
    return decodeStrictUtf8(bytes);
  } catch {
    throw new TypeError(`${path} is not UTF-8 text: read its bytes with files.read`);
  }
}

async function write(path: string, content: string | Uint8Array, mode: "replace" | "append"): Promise<void> {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) {
    throw new TypeError(`files.${mode === "append" ? "append" : "write"} takes a string or a Uint8Array`);
  }
  await call("files.write", { path, mode }, typeof content === "string" ? encodeUtf8(content) : content);
}

async function value<T>(answer: Promise<Answer>): Promise<T> {
  return (await answer).value as T;
}
