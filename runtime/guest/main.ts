// Ring 1: everything that a job finds in its isolate. Evaluated while the executor warms; `boot` then takes the host
// function and returns the one function by which the executor reaches in. No job code has run before `start`.
//
//   prepare   where the guest's time isn't its own: before the bundle is there (repeatable.ts)
//   register  the bundle hands over its job (through a global that is gone before the job runs, as handover.ts's is)
//   start     runs the job; its promise's fate goes up as `done` or `failed`
//   reply, timer, signal   answers of the host, timers that are due, the end that draws near
//   rejection what nobody handled: a listener may say that this is well
//   stream    a piece of a response, or the wish for one of a request
import type { LaunchHeader } from "../protocol/channel.ts";
import { AbortController } from "./abort.ts";
import { clock } from "./clock.ts";
import { installConsole } from "./console.ts";
import { makeContext } from "./context.ts";
import { describeThrown, type ThrownText } from "./errors.ts";
import { installGlobals } from "./globals.ts";
import { offerHandover, withdrawHandover } from "./handover.ts";
import { connect, type HostFunction, settle, streamed, tell } from "./mailbox.ts";
import { type Preparation, prepare } from "./repeatable.ts";
import { unhandledRejection, useRunEnd } from "./report-error.ts";
import { resultToJson } from "./result.ts";
import { fireTimer } from "./timers.ts";
import { withhold } from "./wasm.ts";

export type Dispatch = (
  kind: "prepare" | "start" | "reply" | "stream" | "timer" | "signal" | "rejection",
  json: string,
  body?: ArrayBuffer,
) => void;

interface RegisteredJob {
  kind: "mayfly.job";
  run(context: unknown): unknown;
}

const { parse, stringify } = JSON;

let registered: unknown;
let restore: ReturnType<typeof withhold> = () => {};
const ending = new AbortController();

export default function boot(host: HostFunction): Dispatch {
  connect(host);
  restore = withhold();
  installGlobals();
  useRunEnd((thrown) => fail("threw", thrown));
  installConsole();
  Object.defineProperty(globalThis, "__mayflyRegister", {
    configurable: true,
    value: (job: unknown) => {
      registered = job;
    },
  });
  offerHandover();
  return (kind, json, body) => {
    if (kind === "reply") {
      moveClock(json);
      settle(json, body);
    } else if (kind === "stream") {
      if (clock.isHosts) moveClock(json);
      streamed(json, body);
    } else if (kind === "prepare") prepare(parse(json) as Preparation);
    else if (kind === "timer") fireTimer(Number(json));
    else if (kind === "rejection") rejected(parse(json) as ThrownText);
    else if (kind === "signal") ending.abort(new Error(json));
    else start(parse(json) as LaunchHeader);
  };
}

function moveClock(json: string): void {
  const { nowMs } = parse(json) as { nowMs?: number };
  if (nowMs !== undefined) clock.moveTo(nowMs);
}

function start(launch: LaunchHeader): void {
  Reflect.deleteProperty(globalThis, "__mayflyRegister");
  withdrawHandover();
  clock.begin();
  restore(launch.isolate);
  const job = registered;
  registered = undefined;
  if (!isJob(job)) {
    fail(
      "shape",
      new TypeError("the module's default export is no job: write `export default defineJob(async (context) => …)`"),
    );
    return;
  }
  const context = makeContext({ ...launch, signal: ending.signal });
  run(job, context, launch.resultBytesMax);
}

async function run(job: RegisteredJob, context: object, resultBytesMax: number): Promise<void> {
  let value: unknown;
  try {
    value = await job.run(context);
  } catch (thrown) {
    fail("threw", thrown);
    return;
  }
  const result = resultToJson(value, resultBytesMax);
  if (result.ok) tell("done", result.json);
  else fail(result.kind, new TypeError(result.message));
}

function isJob(value: unknown): value is RegisteredJob {
  return typeof value === "object" && value !== null && (value as RegisteredJob).kind === "mayfly.job";
}

function fail(kind: "threw" | "output" | "shape", thrown: unknown): void {
  const { nested, ...text } = describeThrown(thrown);
  // No prototypes: what the job may have put there (toJSON) is not asked.
  const inner = Object.setPrototypeOf(
    nested.map((each) => ({ __proto__: null, ...each })),
    null,
  );
  tell("failed", stringify({ __proto__: null, type: "failed", kind, ...text, nested: inner }));
}

// V8 tells the executor what was thrown, as a copy; which promise it was, nobody knows.
function rejected({ name, message, stack }: ThrownText): void {
  const reason = new Error(message);
  for (const [key, value] of Object.entries({ name, stack }))
    Object.defineProperty(reason, key, { value, writable: true, configurable: true });
  if (!unhandledRejection(reason)) fail("threw", reason);
}
