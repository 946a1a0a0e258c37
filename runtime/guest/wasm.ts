// WebAssembly, SharedArrayBuffer and Atomics: off unless the job's config grants them. They are memory and code that the
// heap's limit doesn't count, and the finest timer there is. Taking the globals away is not the wall (the process's limits
// are); it keeps honest packages from choosing them.
//
// V8's `compile` and `instantiate` never settle in an isolate of isolated-vm, whose thread pool isn't asked; these use the
// constructors, which do the same at once (https://webassembly.github.io/spec/js-api/, web-api/).
import type { IsolateGrant } from "../model/grant.ts";

type Global = Record<string, unknown>;

interface Wasm {
  Module: new (bytes: unknown) => object;
  Instance: new (module: object, imports?: unknown) => object;
  [name: string]: unknown;
}

const names = { webAssembly: ["WebAssembly"], sharedMemory: ["SharedArrayBuffer", "Atomics"] } as const;

/** Takes them away, and gives the function that puts back what is granted. */
export function withhold(): (granted: IsolateGrant) => void {
  const held = Object.values(names)
    .flat()
    .map((name) => [name, (globalThis as unknown as Global)[name]] as const);
  for (const [name] of held) Reflect.deleteProperty(globalThis, name);
  return (granted) => {
    for (const [name, value] of held) {
      const key = name === "WebAssembly" ? "webAssembly" : "sharedMemory";
      if (granted[key]) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
      if (granted[key] && name === "WebAssembly") settle(value as Wasm);
    }
  };
}

function settle(wasm: Wasm): void {
  const { Module, Instance } = wasm;
  const ready = async (bytes: unknown) => new Module(bytes);

  async function instantiated(source: unknown, imports: unknown): Promise<object> {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  }

  // Methods, so that none of them can be constructed.
  const methods = {
    async compile(bytes: unknown) {
      return ready(copyOf(bytes));
    },
    async instantiate(source: unknown, imports?: unknown) {
      if (imports !== undefined && typeof imports !== "object") throw new TypeError("imports are an object");
      const copy = copyOf(source);
      if (!(source instanceof Module)) await undefined; // the imports are read when the module is there
      return instantiated(copy, imports);
    },
    async compileStreaming(source: unknown) {
      return ready(await bytesOf(source));
    },
    async instantiateStreaming(source: unknown, imports?: unknown) {
      return instantiated(await bytesOf(source), imports);
    },
  };
  for (const [name, method] of Object.entries(methods)) {
    Object.defineProperty(method, "length", { value: 1, configurable: true });
    Object.defineProperty(wasm, name, { value: method, writable: true, enumerable: true, configurable: true });
  }
}

/** What is changed in the buffer afterwards changes nothing. */
function copyOf(bytes: unknown): unknown {
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
  return bytes instanceof ArrayBuffer ? bytes.slice(0) : bytes;
}

interface ResponseLike {
  ok: boolean;
  headers: { get(name: string): string | null };
  arrayBuffer(): Promise<ArrayBuffer>;
}

async function bytesOf(source: unknown): Promise<ArrayBuffer> {
  const response = (await source) as ResponseLike;
  const { Response } = globalThis as unknown as { Response: new () => object };
  if (!(response instanceof Response)) throw new TypeError("a Response, or a promise of one, is needed");
  const type = response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/wasm")
    throw new TypeError(`the response is ${type ?? "of no type"}, and not application/wasm`);
  if (!response.ok) throw new TypeError("the response is an error");
  return response.arrayBuffer();
}
