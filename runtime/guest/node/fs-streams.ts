// fs.createReadStream and createWriteStream. A file is read whole by one call and given out in pieces; what is written is
// appended, several chunks by one call where they have gathered.
import { Buffer, type Buffer as Bytes, bytesOf } from "./buffer.ts";
import { append, optionsOf, type PathLike, pathOf, readBytes, replace, stat } from "./fs-core.ts";
import { fsError } from "./fs-errors.ts";
import { Readable, Writable } from "./stream.ts";
import { web } from "./web.ts";

type Callback = (error?: unknown) => void;

interface ReadOptions {
  start?: number;
  end?: number;
  encoding?: string;
  highWaterMark?: number;
}

export class ReadStream extends Readable {
  readonly path: PathLike;
  bytesRead = 0;
  readonly #start: number;
  readonly #end: number;
  #opened: Promise<void> | undefined;
  #content: Bytes | undefined;
  #at = 0;
  readonly #pieceBytes: number;

  constructor(target: PathLike, options?: unknown) {
    const asked = optionsOf(options) as ReadOptions;
    super({ highWaterMark: 65_536, ...asked });
    this.path = target;
    this.#start = asked.start ?? 0;
    this.#end = asked.end ?? Number.POSITIVE_INFINITY;
    this.#pieceBytes = asked.highWaterMark ?? 65_536;
    web.queueMicrotask(() => void this.#open().catch((error: unknown) => void this.destroy(error)));
  }
  #open(): Promise<void> {
    this.#opened ??= this.#begin();
    return this.#opened;
  }
  async #begin(): Promise<void> {
    const whole = await readBytes(pathOf(this.path));
    this.emit("open", 0);
    this.emit("ready");
    this.#content = whole.subarray(this.#start, Math.min(this.#end + 1, whole.length));
  }
  #give(): void {
    const piece = this.#content?.subarray(this.#at, this.#at + this.#pieceBytes) ?? Buffer.alloc(0);
    this.#at += piece.length;
    this.bytesRead += piece.length;
    this.push(piece.length === 0 ? null : piece);
  }
  override _read(): void {
    this.#open().then(
      () => this.#give(),
      (error: unknown) => void this.destroy(error),
    );
  }
  close(callback?: Callback): void {
    if (callback !== undefined) this.once("close", callback);
    this.destroy();
  }
}

export class WriteStream extends Writable {
  readonly path: PathLike;
  bytesWritten = 0;
  readonly #flags: string;
  #opened: Promise<string> | undefined;

  constructor(target: PathLike, options?: unknown) {
    const asked = optionsOf(options);
    super({ ...asked, decodeStrings: true });
    this.path = target;
    this.#flags = asked.flags ?? "w";
    web.queueMicrotask(() => void this.#open().catch((error: unknown) => void this.destroy(error)));
  }
  #open(): Promise<string> {
    this.#opened ??= this.#begin();
    return this.#opened;
  }
  async #begin(): Promise<string> {
    const at = pathOf(this.path);
    const flags = this.#flags;
    if (flags.includes("x") || flags.startsWith("r")) {
      const found = await stat(at).catch(() => undefined);
      if (found !== undefined && flags.includes("x")) throw fsError("EEXIST", "open", at);
      if (found === undefined && flags.startsWith("r")) throw fsError("ENOENT", "open", at);
    }
    await (flags.startsWith("w") ? replace(at, new Uint8Array(0)) : append(at, new Uint8Array(0)));
    this.emit("open", 0);
    this.emit("ready");
    return at;
  }
  async #append(bytes: Uint8Array): Promise<void> {
    await append(await this.#open(), bytes);
    this.bytesWritten += bytes.length;
  }
  override _write(chunk: unknown, encoding: string, callback: Callback): void {
    this.#append(bytesOf(chunk, "chunk", encoding)).then(() => callback(), callback);
  }
  override _writev(chunks: { chunk: unknown; encoding: string }[], callback: Callback): void {
    const pieces = chunks.map(({ chunk, encoding }) => bytesOf(chunk, "chunk", encoding));
    this.#append(Buffer.concat(pieces)).then(() => callback(), callback);
  }
  override _final(callback: Callback): void {
    this.#open().then(() => callback(), callback);
  }
  close(callback?: Callback): void {
    if (callback !== undefined) {
      if (this.destroyed) web.queueMicrotask(callback);
      else this.once("close", callback);
    }
    this.end();
  }
}

export const createReadStream = (target: PathLike, options?: unknown) => new ReadStream(target, options);
export const createWriteStream = (target: PathLike, options?: unknown) => new WriteStream(target, options);
