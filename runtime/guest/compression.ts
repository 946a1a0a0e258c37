// CompressionStream and DecompressionStream (https://compression.spec.whatwg.org/): the coding is done by Node's zlib in the
// executor, piece by piece; what comes out is held by the job, and nobody else.
import { toBytes } from "./encoding.ts";
import { compute, computeLater, errorOf, ServiceFailure } from "./services.ts";
import { streams } from "./streams.ts";
import { asInterface, requireArguments, toDomString } from "./webidl.ts";

type Pair = InstanceType<ReturnType<typeof streams>["TransformStream"]>;

const formats = ["brotli", "deflate", "deflate-raw", "gzip"];

function makePair(direction: "compress" | "decompress", format: unknown): Pair {
  const name = toDomString(format);
  if (!formats.includes(name)) throw new TypeError(`"${name.slice(0, 40)}" is no format of compression`);
  const { TransformStream } = streams();
  const id = open(direction, name);
  const drop = () => void compute("zlib.close", { id });

  async function pass(
    op: "zlib.write" | "zlib.end",
    chunk: Uint8Array | undefined,
    enqueue: (bytes: Uint8Array) => void,
  ) {
    try {
      let answer = await computeLater(op, { id }, chunk);
      for (;;) {
        if (answer.bytes.length > 0) enqueue(answer.bytes);
        if ((answer.value as { isDrained: boolean }).isDrained) return;
        answer = await computeLater("zlib.more", { id });
      }
    } catch (error) {
      drop();
      throw error instanceof ServiceFailure ? new TypeError(error.message) : error;
    }
  }

  return new TransformStream({
    transform: (chunk: unknown, controller) => pass("zlib.write", toBytes(chunk), (bytes) => controller.enqueue(bytes)),
    flush: (controller) => pass("zlib.end", undefined, (bytes) => controller.enqueue(bytes)).then(drop),
    cancel: drop,
  });
}

/** @throws RangeError when too many are open. */
function open(direction: string, format: string): number {
  try {
    return compute("zlib.open", { direction, format }).value as number;
  } catch (thrown) {
    throw errorOf(thrown, TypeError);
  }
}

export class CompressionStream {
  readonly #pair: Pair;
  constructor(format: string) {
    requireArguments(arguments.length, 1, "a CompressionStream");
    this.#pair = makePair("compress", format);
  }
  get readable(): Pair["readable"] {
    return this.#pair.readable;
  }
  get writable(): Pair["writable"] {
    return this.#pair.writable;
  }
}

export class DecompressionStream {
  readonly #pair: Pair;
  constructor(format: string) {
    requireArguments(arguments.length, 1, "a DecompressionStream");
    this.#pair = makePair("decompress", format);
  }
  get readable(): Pair["readable"] {
    return this.#pair.readable;
  }
  get writable(): Pair["writable"] {
    return this.#pair.writable;
  }
}
for (const [name, each] of Object.entries({ CompressionStream, DecompressionStream })) asInterface(name, each);
