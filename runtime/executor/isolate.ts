// The only importer of isolated-vm: one isolate, one context, the guest's globals, one job. What the guest holds is one
// plain function (`Callback`); no object of isolated-vm ever enters it, since one is enough to reach the process.
//
// Everything here runs on the executor's main thread, which may therefore be blocked by the job: deadline, CPU and
// memory are watched by the supervisor from outside. The `timeout` given to each entry is a second, inner line.
import type * as IsolatedVm from "isolated-vm";

type Ivm = typeof IsolatedVm;

/** Answers the guest at once, or undefined. Must not throw: a host error would show the guest a host path. */
export type HostCall = (op: string, text: string, bytes: string) => string | undefined;

export interface Guest {
  /**
   * Compiles and runs the job's bundle.
   * @param codeCache V8's, for that bundle; one that doesn't fit is ignored.
   */
  load(bundle: string, timeoutMs: number, codeCache?: Uint8Array): EntryFailure | undefined;
  /** Enters the guest's one function. */
  dispatch(
    kind: "prepare" | "start" | "reply" | "stream" | "timer" | "signal" | "rejection",
    json: string,
    body: Uint8Array | undefined,
    timeoutMs: number,
  ): EntryFailure | undefined;
  dispose(): void;
}

/** What ended an entry into the isolate, apart from its normal return. */
export interface EntryFailure {
  kind: "threw" | "timeout" | "memory";
  name: string;
  message: string;
  stack: string;
}

export interface GuestOptions {
  memoryBytes: number;
  /** The globals' script; its value is `boot`. */
  guestScript: string;
  /** V8's code cache for it, from code-cache.ts; one that doesn't fit is ignored. */
  codeCache: HeldBytes;
  host: HostCall;
}

/** Loads the addon from its file, so that nothing else has to be readable. */
export function loadIsolatedVm(addonPath: string): Ivm {
  const module = { exports: {} as { ivm: Ivm } };
  process.dlopen(module, addonPath);
  return module.exports.ivm;
}

/** Outside of any isolate, so that each can be made with them. */
export type HeldBytes = IsolatedVm.ExternalCopy<ArrayBuffer>;

/** @param bytes the whole of a buffer, which is gone afterwards: no copy is made. */
export function holdBytes(ivm: Ivm, bytes: Uint8Array): HeldBytes {
  return new ivm.ExternalCopy(bytes.buffer, { transferOut: true }) as unknown as HeldBytes;
}

const guestName = "mayfly:guest";
const bundleName = "job.js";

/** Does once what most jobs do, so that the functions which they use are in the cache too. */
const rehearsal = `__mayflyRegister({ kind: "mayfly.job", run: async (c) => {
  c.log.info("rehearsal", { of: "logging", when: new Date(0) });
  console.log("%s", "rehearsal", [1, { a: true }]);
  setTimeout(() => {}, 0);
  c.files.write("/output/rehearsal", "text").catch(() => {});
  c.files.readText("/rehearsal").catch(() => {});
  c.credential.fetch().catch(() => {});
  fetch("https://rehearsal.invalid/path?query=1", { headers: { a: "b" }, signal: c.signal }).catch(() => {});
  await new Response(JSON.stringify({ a: [1, "é"] })).json();
  return { ok: true, list: [1, "two", null] };
} });`;

/** The code cache of the globals' script after it has run once, with a job of our own. */
export function makeCodeCache(ivm: Ivm, guestScript: string): Uint8Array {
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  const context = isolate.createContextSync();
  const options = { filename: guestName, produceCachedData: true } as const;
  rehearse(
    ivm,
    isolate,
    context,
    isolate.compileScriptSync(guestScript, options).runSync(context, { reference: true }) as Boot,
  );
  // Compiled again, V8 finds the same functions, now with those that starting up has compiled.
  const { cachedData } = isolate.compileScriptSync(guestScript, options) as {
    cachedData?: IsolatedVm.ExternalCopy<ArrayBuffer>;
  };
  return new Uint8Array(cachedData?.copy() ?? new ArrayBuffer(0));
}

/** Whether the job has said that it is done. */
function rehearse(ivm: Ivm, isolate: IsolatedVm.Isolate, context: IsolatedVm.Context, boot: Boot): boolean {
  const said: unknown[] = [];
  const silent = new ivm.Callback((op: unknown) => void said.push(op)) as unknown as string;
  const enter = boot.applySync(undefined, [silent], { result: { reference: true } }) as unknown as Enter;
  isolate.compileScriptSync(rehearsal).runSync(context);
  const launch = { runId: "", job: "", input: "null", resultBytesMax: 1_000, isolate: {}, clock: { mode: "real" } };
  enter.applySync(undefined, ["start", JSON.stringify(launch)]);
  enter.applySync(undefined, ["reply", JSON.stringify({ id: 1, ok: true, value: null })]);
  return said.includes("done");
}

/** Whether V8 takes that code cache, and a guest that starts from it takes a job of our own. @throws what the guest does. */
export function startsFrom(ivm: Ivm, guestScript: string, codeCache: Uint8Array): boolean {
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  const context = isolate.createContextSync();
  const cachedData = new ivm.ExternalCopy(codeCache.slice().buffer);
  const script = isolate.compileScriptSync(guestScript, { filename: guestName, cachedData });
  if ((script as { cachedDataRejected?: boolean }).cachedDataRejected !== false) return false;
  return rehearse(ivm, isolate, context, script.runSync(context, { reference: true }) as Boot);
}

/** V8's code cache for a bundle, which is compiled and not run. @throws what isolated-vm says of one that can't be compiled. */
export function compileBundle(ivm: Ivm, bundle: string): Uint8Array {
  const isolate = new ivm.Isolate({ memoryLimit: 128 });
  try {
    const compiled = isolate.compileScriptSync(bundle, { filename: bundleName, produceCachedData: true });
    const { cachedData } = compiled as { cachedData?: IsolatedVm.ExternalCopy<ArrayBuffer> };
    return new Uint8Array(cachedData?.copy() ?? new ArrayBuffer(0));
  } finally {
    if (!isolate.isDisposed) isolate.dispose();
  }
}

type Boot = IsolatedVm.Reference<(host: unknown) => unknown>;
type Enter = IsolatedVm.Reference<(...args: unknown[]) => unknown>;

export function makeGuest(ivm: Ivm, options: GuestOptions): Guest {
  const isolate = new ivm.Isolate({
    memoryLimit: Math.max(8, Math.ceil(options.memoryBytes / 1_048_576)), // MiB; isolated-vm takes no less than 8
    // No `onCatastrophicError`: it is called on the thread that is busy in here, so never, while V8's allocation waits
    // for ever. Without it the process aborts at once, and the supervisor sees why.
  });
  const context = isolate.createContextSync();
  const host = new ivm.Callback((op: unknown, text: unknown, bytes: unknown) =>
    typeof op === "string" && typeof text === "string" && typeof bytes === "string"
      ? options.host(op, text, bytes)
      : undefined,
  );
  const boot = isolate
    .compileScriptSync(options.guestScript, { filename: guestName, cachedData: options.codeCache })
    .runSync(context, { reference: true }) as Boot;
  const enter = boot.applySync(undefined, [host as unknown as string], {
    result: { reference: true },
  }) as unknown as Enter;
  boot.release();

  const guarded = (action: () => void): EntryFailure | undefined => {
    try {
      action();
      return undefined;
    } catch (thrown) {
      return describeFailure(thrown, isolate.isDisposed);
    }
  };

  return {
    load: (bundle, timeoutMs, codeCache) =>
      guarded(() => {
        const cached = codeCache === undefined ? {} : { cachedData: new ivm.ExternalCopy(codeCache.slice().buffer) };
        const script = isolate.compileScriptSync(bundle, { filename: bundleName, ...cached });
        script.runSync(context, { timeout: timeoutMs });
      }),
    dispatch: (kind, json, body, timeoutMs) =>
      guarded(() => {
        const bytes = body === undefined || body.length === 0 ? undefined : moveIn(ivm, body);
        enter.applySync(undefined, [kind, json, bytes as string | undefined], { timeout: timeoutMs });
      }),
    dispose: () => {
      if (!isolate.isDisposed) isolate.dispose();
    },
  };
}

// The frame's body is the whole of its buffer (FrameDecoder), which goes over to the guest without a copy: of a response
// that streams through, nothing is left here to be collected.
function moveIn(ivm: Ivm, body: Uint8Array): unknown {
  return new ivm.ExternalCopy(body.buffer, { transferOut: true }).copyInto({ release: true, transferIn: true });
}

// isolated-vm reports by message text; these three have been stable through its versions (7.0.1). It copies an Error or a
// primitive value; of any other object it says only that it was one.
function describeFailure(thrown: unknown, disposed: boolean): EntryFailure {
  const error = thrown instanceof Error ? thrown : withoutStack(`thrown: ${String(thrown)}`);
  if (/^An object was thrown from supplied code within isolated-vm/.test(error.message))
    return { kind: "threw", ...withoutStack("thrown: an object that is no Error") };
  const kind =
    disposed || /memory limit/.test(error.message)
      ? "memory"
      : /^Script execution timed out/.test(error.message)
        ? "timeout"
        : "threw";
  return { kind, name: String(error.name), message: String(error.message), stack: String(error.stack ?? "") };
}

/** Where it was thrown, only the guest could have said. */
function withoutStack(message: string): { name: string; message: string; stack: string } {
  return { name: "Error", message, stack: "" };
}
