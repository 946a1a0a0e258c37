// Text and bytes: encodings (https://encoding.spec.whatwg.org/) and base64.

type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer;
/** Where a function reads and lets nobody keep what it is given. */
type AllowSharedBufferSource = ArrayBufferView | ArrayBufferLike;

interface TextEncoderEncodeIntoResult {
  /** UTF-16 units of the text. */
  read: number;
  /** Bytes. */
  written: number;
}

interface TextEncoder {
  readonly encoding: string;
  encode(input?: string): Uint8Array<ArrayBuffer>;
  encodeInto(source: string, destination: Uint8Array): TextEncoderEncodeIntoResult;
}

declare var TextEncoder: {
  prototype: TextEncoder;
  new (): TextEncoder;
};

interface TextDecoderOptions {
  /** Bytes that are none of the encoding throw, rather than become U+FFFD. */
  fatal?: boolean;
  ignoreBOM?: boolean;
}

interface TextDecodeOptions {
  /** More bytes are to come. */
  stream?: boolean;
}

interface TextDecoderCommon {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
}

interface TextDecoder extends TextDecoderCommon {
  decode(input?: AllowSharedBufferSource, options?: TextDecodeOptions): string;
}

declare var TextDecoder: {
  prototype: TextDecoder;
  new (label?: string, options?: TextDecoderOptions): TextDecoder;
};

interface TextEncoderStream extends GenericTransformStream {
  readonly encoding: string;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<string>;
}

declare var TextEncoderStream: {
  prototype: TextEncoderStream;
  new (): TextEncoderStream;
};

interface TextDecoderStream extends TextDecoderCommon, GenericTransformStream {
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<BufferSource>;
}

declare var TextDecoderStream: {
  prototype: TextDecoderStream;
  new (label?: string, options?: TextDecoderOptions): TextDecoderStream;
};

/** Base64 to text of one code unit a byte. @throws DOMException `InvalidCharacterError`. */
declare function atob(data: string): string;
/** @throws DOMException `InvalidCharacterError` for text beyond U+00FF. */
declare function btoa(data: string): string;
