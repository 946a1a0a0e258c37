// One HTTP request through the bridge. Up: a small body goes with the call, a larger one piece by piece as the host pulls.
// Down: pieces come as they arrive, a window of them unread at most; what is read gives the host credit for more.
import { inlineBodyBytesMax, pieceBytesMax, windowBytes } from "../protocol/sizes.ts";
import type { AbortSignal } from "./abort.ts";
import { type BodySource, isStreamed, type Pieces } from "./body.ts";
import { DOMException } from "./dom-exception.ts";
import { call, deafen, listen, post } from "./mailbox.ts";

export interface AskedRequest {
  url: string;
  method: string;
  headers: [string, string][];
  redirect: "follow" | "manual" | "error";
}

export interface HttpAnswer {
  status: number;
  statusText: string;
  headers: [string, string][];
  url: string;
  redirected: boolean;
}

export interface Transferred {
  answer: HttpAnswer;
  body: Pieces;
}

/** Credit is given for this much at a time: a message for each piece would cost more than it moves. */
const creditBytes = windowBytes / 4;

/** Rejects with what the host says, with the signal's reason, or with what the request's own stream threw. */
export function transfer(asked: AskedRequest, source: BodySource, signal: AbortSignal | null): Promise<Transferred> {
  const upload = uploadOf(source);
  const promise = call("http.request", { ...asked, body: upload.kind, bodyBytes: upload.bytes }, upload.inline);
  const { callId } = promise;
  const download = makeDownload(callId);
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      post("http.abort", { call: callId });
      upload.cancel(reason);
      download.fail(reason);
      reject(reason);
    };
    const onAbort = () => giveUp(signal?.reason ?? new DOMException("This operation was aborted", "AbortError"));
    signal?.addEventListener("abort", onAbort, { once: true });
    download.onEnd(() => {
      deafen(callId);
      signal?.removeEventListener("abort", onAbort);
    });
    listen(callId, {
      piece: download.take,
      pull: (seq, again) =>
        void upload.next(again).then(
          ({ bytes, last }) => post("http.piece", { call: callId, seq, last }, bytes),
          (error: unknown) => giveUp(error),
        ),
    });
    promise.then(
      ({ value }) => resolve({ answer: value as HttpAnswer, body: download.pieces }),
      (error: unknown) => {
        upload.cancel(error);
        download.fail(error);
        reject(error);
      },
    );
  });
}

interface Upload {
  kind: "none" | "inline" | "stream" | "again";
  bytes: number | null;
  inline?: Uint8Array;
  next(again: boolean): Promise<{ bytes: Uint8Array; last: boolean }>;
  cancel(reason: unknown): void;
}

const nothing = new Uint8Array(0);

function uploadOf(source: BodySource): Upload {
  const done = async () => ({ bytes: nothing, last: true });
  if (source === null) return { kind: "none", bytes: null, next: done, cancel() {} };
  if (isStreamed(source)) return { kind: "stream", bytes: null, next: rechunked(source), cancel: source.cancel };
  const bytes = source.length;
  if (bytes <= inlineBodyBytesMax) return { kind: "inline", bytes, inline: source, next: done, cancel() {} };
  let at = 0;
  return {
    kind: "again",
    bytes,
    async next(again) {
      if (again) at = 0;
      const piece = source.subarray(at, at + pieceBytesMax);
      at += piece.length;
      return { bytes: piece, last: at === bytes };
    },
    cancel() {},
  };
}

/** Pieces of any size in pieces of the bridge's. */
function rechunked(source: Pieces): Upload["next"] {
  let left: Uint8Array = nothing;
  return async () => {
    while (left.length === 0) {
      const piece = await source.next();
      if (piece === undefined) return { bytes: nothing, last: true };
      left = piece;
    }
    const bytes = left.subarray(0, pieceBytesMax);
    left = left.subarray(pieceBytesMax);
    return { bytes, last: false };
  };
}

/** What has come and was not read yet: a window at most. */
function makeDownload(callId: number) {
  const arrived: Uint8Array[] = [];
  let state: "open" | "complete" | "failed" = "open";
  let failure: unknown;
  let unpaidBytes = 0;
  let wake: (() => void) | undefined;
  let ended: () => void = () => {};

  function end(next: "complete" | "failed"): void {
    if (state !== "open") return;
    state = next;
    ended();
    wake?.();
  }

  function fail(reason: unknown): void {
    if (state !== "open") return;
    failure = reason;
    end("failed");
  }

  function pay(bytes: number): void {
    unpaidBytes += bytes;
    if (state !== "open" || unpaidBytes < creditBytes) return;
    post("http.credit", { call: callId, bytes: unpaidBytes });
    unpaidBytes = 0;
  }

  const pieces: Pieces = {
    async next() {
      while (arrived.length === 0 && state === "open") {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const piece = arrived.shift();
      if (piece === undefined && state === "failed") throw failure;
      if (piece !== undefined) pay(piece.length);
      return piece;
    },
    cancel() {
      if (state === "open") post("http.abort", { call: callId });
      arrived.length = 0;
      end("complete");
    },
  };

  return {
    pieces,
    fail,
    onEnd: (listener: () => void) => {
      ended = listener;
    },
    take(bytes: Uint8Array, last: boolean, error: Error | undefined): void {
      if (bytes.length > 0 && state === "open") {
        arrived.push(bytes);
        wake?.();
      }
      if (error !== undefined) fail(error);
      else if (last) end("complete");
    },
  };
}
