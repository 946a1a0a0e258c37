// Compression for the guest's streams (guest/compression.ts), by Node's zlib. One piece goes in at a time, and what comes out
// is fetched in pieces: a small one that inflates to gigabytes fills the job's memory, and not this process's.
import type { Transform } from "node:stream";
import type { ServiceAnswer, Services } from "./services.ts";

type Zlib = typeof import("node:zlib");

/** Coders of one run at once, up to some 300 KiB each. */
export const codersMax = 64;
/** Pieces of 16 KiB, zlib's own, that wait at most. */
const piecesMax = 16;

interface Coder {
  stream: Transform;
  /** What has come out and was not fetched yet. */
  pieces: Buffer[];
  /** What was written has been taken in whole. */
  isTaken: boolean;
  isEnded: boolean;
  failure: Error | undefined;
  wake: () => void;
}

/** @param load gives zlib, which most runs don't need. */
export function makeZlibServices(load: () => Zlib): Services {
  const coders = new Map<number, Coder>();
  let nextId = 1;

  function coderOf(id: unknown): Coder {
    const coder = coders.get(Number(id));
    if (coder === undefined) throw new TypeError("the stream is closed");
    return coder;
  }

  function close(id: unknown): void {
    coders.get(Number(id))?.stream.destroy();
    coders.delete(Number(id));
  }

  return {
    atOnce: {
      "zlib.open": ({ direction, format }) => {
        if (coders.size >= codersMax) throw new RangeError(`more than ${codersMax} streams of compression at once`);
        const id = nextId;
        nextId += 1;
        coders.set(id, makeCoder(makeStream(load(), direction === "compress", String(format))));
        return { value: id };
      },
      "zlib.close": ({ id }) => {
        close(id);
        return { value: null };
      },
    },
    later: {
      "zlib.write": ({ id }, bytes) => {
        const coder = coderOf(id);
        coder.isTaken = bytes.length === 0;
        if (bytes.length > 0) {
          coder.stream.write(bytes, () => {
            coder.isTaken = true;
            coder.wake();
          });
        }
        return next(coder);
      },
      "zlib.end": ({ id }) => {
        const coder = coderOf(id);
        coder.isTaken = false;
        coder.stream.end();
        return next(coder);
      },
      "zlib.more": ({ id }) => next(coderOf(id)),
    },
    forget: () => {
      for (const id of [...coders.keys()]) close(id);
    },
  };
}

function makeStream(zlib: Zlib, compresses: boolean, format: string): Transform {
  switch (format) {
    case "gzip":
      return compresses ? zlib.createGzip() : zlib.createGunzip({ rejectGarbageAfterEnd: true });
    case "deflate":
      return compresses ? zlib.createDeflate() : zlib.createInflate({ rejectGarbageAfterEnd: true });
    case "deflate-raw":
      return compresses ? zlib.createDeflateRaw() : zlib.createInflateRaw({ rejectGarbageAfterEnd: true });
    case "brotli":
      return compresses ? zlib.createBrotliCompress() : zlib.createBrotliDecompress({ rejectGarbageAfterEnd: true });
    default:
      throw new TypeError("no such format");
  }
}

// What comes out is taken as it comes: an error would throw away what the stream still has.
function makeCoder(stream: Transform): Coder {
  const coder: Coder = { stream, pieces: [], isTaken: true, isEnded: false, failure: undefined, wake: () => {} };
  stream.on("data", (piece: Buffer) => {
    coder.pieces.push(piece);
    if (coder.pieces.length >= piecesMax) stream.pause();
    coder.wake();
  });
  stream.on("end", () => {
    coder.isEnded = true;
    coder.wake();
  });
  stream.on("error", (error) => {
    coder.failure = error;
    coder.wake();
  });
  return coder;
}

/** What has come out; drained when nothing more comes for what went in. */
async function next(coder: Coder): Promise<ServiceAnswer> {
  const { stream, pieces } = coder;
  for (;;) {
    if (pieces.length > 0) {
      const bytes = Buffer.concat(pieces.splice(0));
      stream.resume();
      return { value: { isDrained: false }, bytes };
    }
    if (coder.failure !== undefined) throw coder.failure;
    if (coder.isEnded || (coder.isTaken && stream.readableLength === 0)) return { value: { isDrained: true } };
    await new Promise<void>((resolve) => {
      coder.wake = resolve;
    });
  }
}
