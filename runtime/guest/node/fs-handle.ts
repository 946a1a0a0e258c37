// An open file: the capability has none, so it is the file's path, its content as soon as somebody reads or writes in its
// middle, and a position. Appending goes straight through.
import { Buffer, bytesOf } from "./buffer.ts";
import { EventEmitter } from "./events.ts";
import { append, appendFile, optionsOf, type PathLike, pathOf, readBytes, replace, stat } from "./fs-core.ts";
import { fsError, noSuchOperation } from "./fs-errors.ts";
import type { Stats } from "./fs-stats.ts";

export interface ReadResult {
  bytesRead: number;
  buffer: ArrayBufferView;
}

/** As in open(2): reading, writing, and where from. */
interface Mode {
  reads: boolean;
  writes: boolean;
  appends: boolean;
}

function modeOf(flags: unknown): Mode & { truncates: boolean; creates: boolean; exclusive: boolean } {
  const text = typeof flags === "string" ? flags : spelled(Number(flags ?? 0));
  const plus = text.includes("+");
  const kind = text[0];
  return {
    reads: kind === "r" || plus,
    writes: kind !== "r" || plus,
    appends: kind === "a",
    truncates: kind === "w",
    creates: kind !== "r",
    exclusive: text.includes("x"),
  };
}

/** Linux's numbers (open(2)). */
function spelled(flags: number): string {
  const plus = (flags & 3) === 2 ? "+" : "";
  const exclusive = (flags & 0o200) !== 0 ? "x" : "";
  if ((flags & 0o2000) !== 0) return `a${exclusive}${plus}`;
  if ((flags & 0o1000) !== 0) return `w${exclusive}${plus}`;
  return (flags & 3) === 0 ? "r" : `r${exclusive}+`;
}

let nextFd = 3;
const open = new Map<number, FileHandle>();

export class FileHandle extends EventEmitter {
  readonly fd: number;
  readonly #path: string;
  readonly #mode: Mode;
  #content: Buffer | undefined;
  #position = 0;
  #isDirty = false;

  private constructor(path: string, mode: Mode) {
    super();
    this.#path = path;
    this.#mode = mode;
    this.fd = nextFd;
    nextFd += 1;
    open.set(this.fd, this);
  }

  static async open(target: PathLike, flags: unknown = "r"): Promise<FileHandle> {
    const at = pathOf(target);
    const mode = modeOf(flags);
    const found = await stat(at).catch((error: { code?: string }) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (found === undefined && !mode.creates) throw fsError("ENOENT", "open", at);
    if (found !== undefined && mode.exclusive) throw fsError("EEXIST", "open", at);
    if (found?.isDirectory() && mode.writes) throw fsError("EISDIR", "open", at);
    if (mode.truncates || (found === undefined && mode.creates)) await replace(at, new Uint8Array(0));
    return new FileHandle(at, mode);
  }
  static of(fd: unknown, syscall: string): FileHandle {
    const handle = open.get(fd as number);
    if (handle === undefined) throw fsError("EBADF", syscall);
    return handle;
  }

  async #whole(): Promise<Buffer> {
    this.#content ??= await readBytes(this.#path, "read");
    return this.#content;
  }
  #require(may: boolean, syscall: string): void {
    if (!open.has(this.fd) || !may) throw fsError("EBADF", syscall);
  }

  async read(buffer: unknown = {}, ...rest: unknown[]): Promise<ReadResult> {
    this.#require(this.#mode.reads, "read");
    const asked = readingOf(buffer, rest);
    const content = await this.#whole();
    const from = asked.position ?? this.#position;
    const end = Math.min(content.length, from + asked.length);
    const piece = content.subarray(Math.min(from, content.length), Math.max(from, end));
    asked.buffer.set(piece, asked.offset);
    if (asked.position === null) this.#position += piece.length;
    return { bytesRead: piece.length, buffer: asked.given };
  }

  /** Bytes with offset, length and position; text with position and encoding. */
  async write(data: unknown, ...rest: unknown[]): Promise<{ bytesWritten: number; buffer: unknown }> {
    this.#require(this.#mode.writes, "write");
    const { bytes, position } = writingOf(data, rest);
    await this.#put(bytes, position);
    return { bytesWritten: bytes.length, buffer: data };
  }
  async #put(bytes: Uint8Array, position: number | null): Promise<void> {
    if (this.#mode.appends) return append(this.#path, bytes);
    const content = await this.#whole();
    const at = position ?? this.#position;
    if (at === content.length) {
      await append(this.#path, bytes);
      this.#content = Buffer.concat([content, bytes]);
    } else {
      const grown = Buffer.alloc(Math.max(content.length, at + bytes.length));
      grown.set(content);
      grown.set(bytes, at);
      this.#content = grown;
      this.#isDirty = true;
    }
    if (position === null) this.#position = at + bytes.length;
  }
  async writev(pieces: readonly Uint8Array[], position: number | null = null): Promise<{ bytesWritten: number }> {
    return this.write(Buffer.concat(pieces), 0, undefined, position);
  }
  async sync(): Promise<void> {
    if (this.#isDirty && this.#content !== undefined) await replace(this.#path, this.#content);
    this.#isDirty = false;
  }
  datasync(): Promise<void> {
    return this.sync();
  }
  async readFile(options?: unknown): Promise<Buffer | string> {
    this.#require(this.#mode.reads, "read");
    const rest = (await this.#whole()).subarray(this.#position);
    this.#position += rest.length;
    const { encoding } = optionsOf(options);
    return encoding ? rest.toString(encoding) : Buffer.from(rest);
  }
  async writeFile(data: unknown, options?: unknown): Promise<void> {
    await this.write(bytesOf(data, "data", optionsOf(options).encoding ?? "utf8"));
  }
  appendFile(data: unknown, options?: unknown): Promise<void> {
    return appendFile(this.#path, data, options);
  }
  async stat(): Promise<Stats> {
    this.#require(true, "fstat");
    await this.sync();
    return stat(this.#path);
  }
  async truncate(length = 0): Promise<void> {
    const content = await this.#whole();
    const cut = Buffer.alloc(length);
    cut.set(content.subarray(0, length));
    this.#content = cut;
    await replace(this.#path, cut);
  }
  async chmod(): Promise<void> {}
  async chown(): Promise<void> {}
  async utimes(): Promise<void> {}
  readableWebStream(): never {
    throw noSuchOperation("FileHandle.readableWebStream");
  }
  async close(): Promise<void> {
    this.#require(true, "close");
    await this.sync();
    open.delete(this.fd);
    this.emit("close");
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Reading {
  buffer: Uint8Array;
  /** The same memory, as the caller has it. */
  given: ArrayBufferView;
  offset: number;
  length: number;
  position: number | null;
}

function readingOf(buffer: unknown, rest: readonly unknown[]): Reading {
  const isView = ArrayBuffer.isView(buffer);
  const options = ((isView ? rest[0] : buffer) ?? {}) as Partial<Reading> & { buffer?: ArrayBufferView };
  const view = (isView ? buffer : options.buffer) ?? Buffer.alloc(16_384);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const listed = typeof rest[0] === "object" && rest[0] !== null ? [] : (rest as (number | null | undefined)[]);
  const offset = listed[0] ?? options.offset ?? 0;
  const length = listed[1] ?? options.length ?? bytes.length - offset;
  const position = listed[2] ?? options.position ?? null;
  return {
    buffer: bytes,
    given: view,
    offset,
    length,
    position: position !== null && Number(position) < 0 ? null : position,
  };
}

function writingOf(data: unknown, rest: readonly unknown[]): { bytes: Uint8Array; position: number | null } {
  if (typeof data === "string") {
    const [position = null, encoding] = rest as [number | null | undefined, string | undefined];
    return { bytes: bytesOf(data, "buffer", encoding ?? "utf8"), position };
  }
  const bytes = bytesOf(data, "buffer");
  const options = typeof rest[0] === "object" && rest[0] !== null ? (rest[0] as Partial<Reading>) : undefined;
  const [offset = 0, length, position = null] = options
    ? [options.offset, options.length, options.position]
    : (rest as [number?, number?, (number | null)?]);
  return { bytes: bytes.subarray(offset ?? 0, (offset ?? 0) + (length ?? bytes.length - (offset ?? 0))), position };
}
