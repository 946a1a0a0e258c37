// node:stream over npm's readable-stream, which is Node's own streams; the bridges to the web's streams are ours.
import base, {
  Duplex,
  finished,
  PassThrough,
  pipeline,
  promises,
  Readable,
  Stream,
  Transform,
  Writable,
} from "readable-stream/lib/stream.js";
import { bridges } from "./stream-bridges.ts";

export { Duplex, finished, PassThrough, pipeline, promises, Readable, Stream, Transform, Writable };

Object.assign(Readable, { toWeb: bridges.readableToWeb, fromWeb: bridges.readableFromWeb });
Object.assign(Writable, { toWeb: bridges.writableToWeb, fromWeb: bridges.writableFromWeb });
Object.assign(Duplex, { toWeb: bridges.duplexToWeb, fromWeb: bridges.duplexFromWeb });

// This Node's; npm's copy has an earlier one's.
base.setDefaultHighWaterMark(false, 65_536);

/** Two ends: what is written to one is read from the other. */
function duplexPair(options: object = {}): [Duplex, Duplex] {
  class End extends Duplex {
    other: End | undefined;
    #taken: (() => void) | undefined;
    override _read(): void {
      const taken = this.#taken;
      this.#taken = undefined;
      taken?.();
    }
    override _write(chunk: unknown, _: string, callback: () => void): void {
      const { other } = this;
      if (other === undefined) throw new TypeError("the other end is missing");
      other.#taken = callback;
      other.push(chunk);
    }
    override _final(callback: () => void): void {
      this.other?.push(null);
      callback();
    }
  }
  const [one, two] = [new End(options), new End(options)];
  one.other = two;
  two.other = one;
  return [one, two];
}

export default Object.assign(base, { duplexPair });
