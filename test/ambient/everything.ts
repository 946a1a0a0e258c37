// A job that uses a good part of what a job has, each as its documentation would, and says where a type must be this and no
// other. Text for tsc: it is not run.
export const everything = `
import { defineJob } from "mayfly";
import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { createHash, webcrypto } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate, setTimeout as timeout } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import { URL as NodeURL } from "node:url";
import { inspect } from "util";

interface Order {
  id: string;
  totalCents: number;
}

/** Fails where T is not exactly U. */
function exactly<T>() {
  return <U>(value: U & ((<X>() => X extends T ? 1 : 2) extends <X>() => X extends U ? 1 : 2 ? unknown : never)): U => value;
}

export default defineJob(async ({ input, fetch, files, log, signal, credential, identity, run }) => {
  // fetch, bodies, streams
  const response = await fetch(new URL("https://a.example/orders"), { method: "POST", headers: { a: "b" }, body: new Blob(["x"]), signal });
  const [one, two] = response.clone().body?.tee() ?? [];
  if (one === undefined || two === undefined) throw new DOMException("no body", "NotFoundError");
  for await (const chunk of one) log.info("chunk", { bytes: exactly<Uint8Array<ArrayBuffer>>()(chunk).byteLength });
  const text = await new Response(two.pipeThrough(new DecompressionStream("gzip")).pipeThrough(new TextDecoderStream())).text();
  const up = new ReadableStream<string>({
    start(controller) {
      controller.enqueue("x");
      controller.close();
    },
  });
  await globalThis.fetch(new Request("https://a.example/", { method: "PUT", body: up.pipeThrough(new TextEncoderStream()), duplex: "half", redirect: "manual" }));
  const { readable, writable } = new TransformStream<number, string>({ transform: (n, controller) => controller.enqueue(String(n)) });
  const writer = writable.getWriter();
  await Promise.all([writer.write(1), writer.close()]);
  const { done, value } = await readable.getReader().read();
  if (!done) exactly<string>()(value);
  const byob = new ReadableStream({ type: "bytes", pull: (controller) => controller.byobRequest?.respond(1) }).getReader({ mode: "byob" });
  const filled = await byob.read(new Uint8Array(5), { min: 2 });
  await ReadableStream.from([1, 2]).pipeTo(new WritableStream<number>({ write: (n) => log.debug(String(n.toFixed(1))) }));

  // forms, headers, URLs
  const form = new FormData();
  form.append("file", new File([await files.read("/data/x")], "x.txt", { lastModified: 1, type: "text/plain" }));
  form.append("text", "text");
  for (const [name, entry] of form) log.info(name, { kind: typeof entry === "string" ? "text" : entry.name });
  const pairs: [string, string][] = [...new Headers([["a", "b"]])];
  const names = [...new URLSearchParams({ a: "1" }).keys()].map((name) => name.toUpperCase());
  const id = new URLPattern({ pathname: "/orders/:id" }).exec("https://a.example/orders/1")?.pathname.groups.id ?? "";

  // keys
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, exactly<CryptoKey>()(key), new TextEncoder().encode("x"));
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, sealed);
  const jwk = exactly<JsonWebKey>()(await crypto.subtle.exportKey("jwk", key));
  const hmac: CryptoKey = await webcrypto.subtle.importKey("raw", new Uint8Array(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const bits = await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: iv, iterations: 1 }, hmac, 256);

  // events, messages, timers
  const target = new EventTarget();
  target.addEventListener("x", (event) => log.info(event.type), { once: true, signal: AbortSignal.timeout(5) });
  target.dispatchEvent(new CustomEvent("x", { detail: { a: 1 } }));
  const controller = new AbortController();
  controller.signal.addEventListener("abort", function () {
    log.info(String(this.reason));
  });
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => log.info(String(data));
  port2.postMessage({ a: 1 }, [new ArrayBuffer(1)]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  const interval: number = setInterval((times: number, word: string) => log.info(word.repeat(times)), 5, 1, "x");
  clearInterval(interval);
  let timer: ReturnType<typeof setTimeout> | undefined;
  timer = setTimeout(() => {}, 1);
  clearTimeout(timer);
  queueMicrotask(() => {});
  onerror = (message, _file, line) => {
    log.warn(String(message), { line });
    return true;
  };
  addEventListener("unhandledrejection", (event) => event.preventDefault());
  self.removeEventListener("error", null);
  const quota = new QuotaExceededError("x", { quota: 1, requested: 2 }).requested;

  // the rest of the global object
  const copy = structuredClone({ a: new Map([[1, 2]]) }).a.get(1);
  const since: number = performance.now() + performance.timeOrigin;
  const agent: string = navigator.userAgent;
  console.log("%s", agent, since, copy, quota, atob(btoa("x")));

  // the language, as V8 has it
  const bytes: Uint8Array<ArrayBuffer> = Uint8Array.fromBase64("AAA=");
  const when = Temporal.Now.instant().epochMilliseconds;
  using stack = new DisposableStack();
  stack.defer(() => {});
  const sets = new Set([1]).union(new Set([2])).size + Iterator.from([1]).map((n) => n + 1).toArray().length;
  const grouped = Map.groupBy([1, 2], (n) => n % 2);
  const failed = new AggregateError([new Error("x", { cause: 1 })]);
  Error.captureStackTrace(failed);
  const tried = await Promise.try(() => (Error.isError(failed) ? RegExp.escape("x") : ""));

  // Node's modules
  await pipeline(
    Readable.from(["x"]),
    async function* (source) {
      for await (const chunk of source) yield chunk;
    },
    async (source) => {
      for await (const _ of source);
    },
  );
  await new Response(Readable.toWeb(Readable.from([]))).text();
  Readable.fromWeb(new ReadableStream<Uint8Array>());
  const hex: string = createHash("sha256").update(Buffer.concat([Buffer.from("x"), bytes])).digest("hex");
  const read: string = await readFile(path.join("/data", "x"), { encoding: "utf8", signal });
  await Promise.race([delay(5, undefined, { signal }), once(new EventEmitter(), "x", { signal })]);
  await globalThis.fetch(new NodeURL("https://a.example/"));
  timeout(() => setImmediate(() => {}).unref(), 1).unref();
  http.get("http://a.example/", { signal: controller.signal }, (answer) => log.info(String(answer.statusCode)));
  new AsyncLocalStorage<number>().run(1, () => inspect(process.env.NODE_ENV));

  // the context
  const orders = (await response.json()) as Order[];
  await files.write("/output/x", await new Blob([bytes]).bytes());
  return {
    orders: orders.length, pairs, names, id, hex, read, when, tried, text, input,
    key: jwk.k, token: await credential.fetch(), identity: await identity.token("x"), run: run.id,
    sizes: [grouped.size, sets, failed.errors.length, bits.byteLength, signature.byteLength, filled.value?.byteLength],
  };
});
`;
