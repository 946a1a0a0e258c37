// Ring 2: the process around one isolate at a time. It owns nothing: no environment, no network, no writable disk, one pipe.
// Who lives in it, and what is answered here, is inhabitant.ts. Its life: warming → ready → launched → done | failed → killed
// by the supervisor, or made anew (`renew`): a fresh isolate, and ready again.
//
// argv: addon path, globals' script path and its code cache, memory limit of the isolate in bytes, uid to become when
// started as root.
import { readFileSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { encodeFrame, type Frame, FrameDecoder } from "../protocol/frame.ts";
import { type Inhabitant, makeInhabitant } from "./inhabitant.ts";
import { loadIsolatedVm } from "./isolate.ts";
import { becomeNobody, dropPowers, endWithSupervisor } from "./limits.ts";
import { mergeServices } from "./services.ts";
import { makeCryptoServices } from "./services-crypto.ts";
import { nodeServices } from "./services-node.ts";
import { makeUrlPatternServices } from "./services-url-pattern.ts";
import { makeZlibServices } from "./services-zlib.ts";

const PIPE_FD = 3;
const pause = new Int32Array(new SharedArrayBuffer(4));
const pipeFullPauseMs = 1;

const [addon = "", guestScript = "", codeCache = "", memoryBytes = "0", nobody = "65534"] = process.argv.slice(2);
// Read with the rights that we were started with: they may stand where nobody else can read. None of it has run yet.
const files = { guestScript: readFileSync(guestScript, "utf8"), codeCache: readFileSync(codeCache) };
const isolatedVm = loadIsolatedVm(addon);
becomeNobody(Number(nobody));
const decoder = new FrameDecoder();
// One buffer for all that is read: 64 KiB of garbage a read would count as the job's memory until it is collected.
const pipe = new Socket({
  fd: PIPE_FD,
  readable: true,
  writable: true,
  onread: {
    buffer: new Uint8Array(65_536),
    callback: (count: number, buffer: Uint8Array) => {
      for (const frame of decoder.push(buffer.subarray(0, count))) onFrame(frame);
      return true;
    },
  },
});

const services = mergeServices(
  makeZlibServices(() => require("node:zlib") as typeof import("node:zlib")),
  makeCryptoServices(() => crypto.subtle),
  makeUrlPatternServices(() => URLPattern),
  nodeServices,
);
const settle = (): Inhabitant =>
  makeInhabitant({ isolatedVm, memoryBytes: Number(memoryBytes), ...files, services, write });
let inhabitant = settle();

// At once and to the end: what the job said before an endless loop must get out, and a job that floods must wait for
// the supervisor rather than fill this process.
function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(PIPE_FD, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, pipeFullPauseMs);
    }
  }
}

function onFrame(frame: Frame): void {
  if (frame.header.type !== "renew") {
    inhabitant.take(frame);
    return;
  }
  inhabitant.end();
  inhabitant = settle();
  inhabitant.rehearse();
  sayReady({ word: frame.header.word });
}

/** @param more the word of who asked for it: whatever the guest before said in the same form, it couldn't know that. */
function sayReady(more: object = {}): void {
  const header = { type: "ready", v8: process.versions.v8, node: process.versions.node, ...more };
  for (const part of encodeFrame({ header, body: new Uint8Array(0) })) write(part);
}

dropPowers();
endWithSupervisor(pipe);
inhabitant.rehearse();
pipe.resume();
sayReady();
