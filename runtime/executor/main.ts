// Ring 2: the process around one isolate at a time. It owns nothing: no environment, no network, no writable disk, one pipe.
// Who lives in it, and what is answered here, is inhabitant.ts. Its life: warming → ready → launched → done | failed → killed
// by the supervisor, or made anew (`renew`): a fresh isolate, and ready again.
//
// argv: addon path, globals' script path and its code cache, memory limit of the isolate in bytes, uid to become when
// started as root.
import { readFileSync } from "node:fs";
import { encodeFrame, type Frame, FrameDecoder } from "../protocol/frame.ts";
import { type Inhabitant, makeInhabitant } from "./inhabitant.ts";
import { compileBundle, holdBytes, loadIsolatedVm } from "./isolate.ts";
import { becomeNobody, dropPowers, endWithSupervisor } from "./limits.ts";
import { endOnError, readPipe, writePipe } from "./pipe.ts";
import { mergeServices } from "./services.ts";
import { makeCryptoServices } from "./services-crypto.ts";
import { nodeServices } from "./services-node.ts";
import { makeUrlPatternServices } from "./services-url-pattern.ts";
import { makeZlibServices } from "./services-zlib.ts";

const [addon = "", guestScript = "", codeCache = "", memoryBytes = "0", nobody = "65534"] = process.argv.slice(2);
// Read with the rights that we were started with: they may stand where nobody else can read. None of it has run yet.
const script = readFileSync(guestScript, "utf8");
const cache = readFileSync(codeCache);
const isolatedVm = loadIsolatedVm(addon);
becomeNobody(Number(nobody));
const decoder = new FrameDecoder();
const services = mergeServices(
  makeZlibServices(() => require("node:zlib") as typeof import("node:zlib")),
  makeCryptoServices(() => crypto.subtle),
  makeUrlPatternServices(() => URLPattern),
  nodeServices,
);
const parts = {
  isolatedVm,
  memoryBytes: Number(memoryBytes),
  guestScript: script,
  codeCache: holdBytes(isolatedVm, cache),
  services,
  write: writePipe,
};
const settle = (): Inhabitant => makeInhabitant(parts);
let inhabitant = settle();

function onFrame(frame: Frame): void {
  if (frame.header.type === "renew") renew(frame.header.word);
  else if (frame.header.type === "compile") say({ type: "compiled" }, compiled(frame.body));
  else inhabitant.take(frame);
}

function renew(word: unknown): void {
  inhabitant.end();
  inhabitant = settle();
  inhabitant.rehearse();
  sayReady({ word });
}

// In the place of the guest, which is not needed here: there is memory for one isolate.
function compiled(bundle: Uint8Array): Uint8Array {
  inhabitant.end();
  try {
    return compileBundle(isolatedVm, Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length).toString("utf8"));
  } catch {
    return new Uint8Array(0); // the run that comes will say why
  }
}

/** @param more the word of who asked for it: whatever the guest before said in the same form, it couldn't know that. */
function sayReady(more: object = {}): void {
  say({ type: "ready", v8: process.versions.v8, node: process.versions.node, ...more });
}

function say(header: Frame["header"], body: Uint8Array = new Uint8Array(0)): void {
  for (const part of encodeFrame({ header, body })) writePipe(part);
}

dropPowers();
endOnError();
inhabitant.rehearse();
readPipe((chunk) => {
  for (const frame of decoder.push(chunk)) onFrame(frame);
}, endWithSupervisor);
sayReady();
