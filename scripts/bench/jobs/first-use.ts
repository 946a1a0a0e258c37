// Uses one of the big globals twice, and says what each time took: what part (h) measures. The guest's clock has steps of
// a millisecond, so a measurement begins at a step, and what is missing to the next one is told by how often the clock can
// be read until then.
import { defineJob } from "mayfly";

interface Input {
  use: string;
  /** On loopback, for `fetch`. */
  url: string;
}

const text = "the same words again and again, ".repeat(8);
const bytes = new TextEncoder().encode(text);
const shiftJis = new Uint8Array([0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea]);
// (module (func (export "one") (result i32) i32.const 1))
const wasm = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 111, 110, 101, 0, 0, 10, 6, 1, 4, 0, 65,
  1, 11,
]);

const uses: Record<string, (input: Input) => unknown> = {
  nothing: () => undefined,
  fetch: async ({ url }) => (await fetch(url)).text(),
  Headers: () => new Headers({ accept: "text/plain" }),
  Request: () => new Request("https://example.com/", { method: "POST", body: text }),
  Response: () => new Response(text).text(),
  FormData: () => new FormData().append("name", "value"),
  URL: () => new URL("../b?c=d#e", "https://user@example.com/a/").href,
  URLPattern: () => new URLPattern({ pathname: "/books/:id" }).exec("https://example.com/books/7"),
  ReadableStream: () => new ReadableStream({ start: (controller) => controller.close() }).getReader().read(),
  TextDecoderStream: () => piped(new TextDecoderStream()),
  CompressionStream: () => piped(new CompressionStream("gzip")),
  "crypto.subtle.digest": () => crypto.subtle.digest("SHA-256", bytes),
  structuredClone: () => structuredClone({ list: [1, 2, 3], map: new Map([["a", new Date(0)]]) }),
  Blob: () => new Blob([text]).text(),
  File: () => new File([text], "words.txt").size,
  "TextDecoder, utf-8": () => new TextDecoder().decode(bytes),
  "TextDecoder, shift_jis": () => new TextDecoder("shift_jis").decode(shiftJis),
  "Intl.DateTimeFormat": () => new Intl.DateTimeFormat("de", { dateStyle: "full" }).format(0),
  WebAssembly: () => new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports,
};

async function piped(stream: { readable: ReadableStream; writable: WritableStream }): Promise<void> {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const reader = stream.readable.getReader();
  for (let piece = await reader.read(); !piece.done; ) piece = await reader.read();
  await written;
}

/** Reads of the clock until its next step. */
function readsToStep(): number {
  const at = performance.now();
  let reads = 0;
  while (performance.now() === at) reads += 1;
  return reads;
}

/** Reads in a whole step: the most that were seen, once the loop is compiled. */
function readsInStep(): number {
  for (let step = 0; step < 10; step += 1) readsToStep();
  let most = 0;
  for (let step = 0; step < 5; step += 1) most = Math.max(most, readsToStep());
  return most;
}

async function msOf(use: () => unknown, readsEachMs: number): Promise<number> {
  readsToStep();
  const start = performance.now();
  const pending = use();
  if (pending instanceof Promise) await pending;
  const missing = readsToStep() / readsEachMs;
  return performance.now() - start - missing;
}

export default defineJob<Input>(async ({ input }) => {
  const use = uses[input.use];
  if (use === undefined) throw new Error(`no use of ${input.use}`);
  const readsEachMs = readsInStep();
  const once = () => use(input);
  return [await msOf(once, readsEachMs), await msOf(once, readsEachMs)];
});
