// Data types of the SSH protocols (RFC 4251, section 5), written and read: bytes, integers, strings. A reader takes nothing
// beyond its bytes: what is cut off or has something behind its end is an error, never a guess.

/** `byte` and raw bytes of fixed length are their own encoding. */
export type Field = Uint8Array;

export function byte(value: number): Field {
  return Uint8Array.of(value);
}

export function uint32(value: number): Field {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function uint64(value: bigint): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

export function string(value: string | Uint8Array): Field {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return join(uint32(bytes.length), bytes);
}

export function join(...fields: readonly Field[]): Buffer {
  return Buffer.concat(fields);
}

/** What ends too early, or goes on too long. */
export class WireError extends Error {
  override readonly name = "WireError";
}

export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.raw(1).readUInt8();
  }

  uint32(): number {
    return this.raw(4).readUInt32BE();
  }

  uint64(): bigint {
    return this.raw(8).readBigUInt64BE();
  }

  string(): Buffer {
    return this.raw(this.uint32());
  }

  /** A string that is UTF-8, and nothing else. */
  text(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.string());
    } catch (error) {
      if (error instanceof WireError) throw error;
      throw new WireError("a text is no UTF-8");
    }
  }

  /** That many bytes as they stand. */
  raw(length: number): Buffer {
    if (length > this.left) throw new WireError(`${length} bytes are said to follow, ${this.left} do`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** @throws WireError when something is left. */
  end(): void {
    if (this.left > 0) throw new WireError(`${this.left} bytes behind the end`);
  }
}

/** All of `bytes`, read by `read`. @throws WireError also when something is left. */
export function readAll<T>(bytes: Uint8Array, read: (reader: WireReader) => T): T {
  const reader = new WireReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/** Strings, one behind the other, to the end. */
export function strings(bytes: Uint8Array): string[] {
  return readAll(bytes, (reader) => {
    const all: string[] = [];
    while (reader.left > 0) all.push(reader.text());
    return all;
  });
}
