// TextDecoderStream and TextEncoderStream (https://encoding.spec.whatwg.org/).
import { type DecoderOptions, encodeUtf8, makeDecoder, toBytes } from "./encoding.ts";
import { streams } from "./streams.ts";
import { asInterface, toDomString } from "./webidl.ts";

type Pair = InstanceType<ReturnType<typeof streams>["TransformStream"]>;

export class TextDecoderStream {
  readonly #decoder: ReturnType<typeof makeDecoder>;
  readonly #pair: Pair;
  constructor(label: string = "utf-8", options: DecoderOptions = {}) {
    const decoder = makeDecoder(label, options);
    const { TransformStream } = streams();
    this.#decoder = decoder;
    this.#pair = new TransformStream({
      transform(chunk: unknown, controller) {
        const text = decoder.decode(toBytes(chunk, true), { stream: true });
        if (text !== "") controller.enqueue(text);
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") controller.enqueue(text);
      },
    });
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  get readable(): Pair["readable"] {
    return this.#pair.readable;
  }
  get writable(): Pair["writable"] {
    return this.#pair.writable;
  }
}
asInterface("TextDecoderStream", TextDecoderStream);

export class TextEncoderStream {
  readonly #pair: Pair;
  constructor() {
    const { TransformStream } = streams();
    let lead = "";
    this.#pair = new TransformStream({
      transform(chunk: unknown, controller) {
        let text = lead + toDomString(chunk);
        const last = text.charCodeAt(text.length - 1);
        const isSplit = last >= 0xd800 && last <= 0xdbff;
        lead = isSplit ? text.slice(-1) : "";
        if (isSplit) text = text.slice(0, -1);
        if (text !== "") controller.enqueue(encodeUtf8(text));
      },
      flush(controller) {
        if (lead !== "") controller.enqueue(encodeUtf8("\ufffd"));
      },
    });
  }
  get encoding(): string {
    if (!(#pair in this)) throw new TypeError("Illegal invocation");
    return "utf-8";
  }
  get readable(): Pair["readable"] {
    return this.#pair.readable;
  }
  get writable(): Pair["writable"] {
    return this.#pair.writable;
  }
}
asInterface("TextEncoderStream", TextEncoderStream);
