// node:string_decoder over npm's, which knows no base64url: that is base64 with other letters and no padding.
import { StringDecoder as NpmDecoder } from "string_decoder/lib/string_decoder.js";
import { bufferOver } from "./buffer.ts";
import { nodeError } from "./errors.ts";

function urlSafe(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export class StringDecoder extends NpmDecoder {
  readonly #isUrlSafe: boolean;

  constructor(encoding?: string) {
    const isUrlSafe = String(encoding).toLowerCase() === "base64url";
    try {
      super(isUrlSafe ? "base64" : encoding);
    } catch {
      throw nodeError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
    }
    this.#isUrlSafe = isUrlSafe;
    if (isUrlSafe) this.encoding = "base64url";
    // npm's has own ones on most decoders, which read Buffers only.
    const { write, end } = this;
    const view = (bytes: Uint8Array | string) => (typeof bytes === "string" ? bytes : bufferOver(bytes));
    this.write = (bytes) => this.#told(write.call(this, view(bytes)));
    this.end = (bytes) => this.#told(end.call(this, bytes === undefined ? undefined : view(bytes)));
  }
  #told(text: string): string {
    return this.#isUrlSafe ? urlSafe(text) : text;
  }
}

export default { StringDecoder };
