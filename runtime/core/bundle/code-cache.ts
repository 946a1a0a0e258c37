// V8's code cache for bundles that run more than once: with it one of 800 KB is compiled in 1 ms instead of 12. It is made by
// an executor that never runs a job: behind the same walls as all, it compiles the bundle whose digest was checked, evaluates
// nothing, and is killed. None comes from an executor that ran the job, which could say anything. V8 knows a cache that
// doesn't fit by its source's length alone, so it is kept under the digest.
import type { Bundle } from "../../ports/bundler.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ExecutorClass, ExecutorPool } from "../../ports/executor-process.ts";
import { bodyBytesMax } from "../../protocol/frame.ts";
import { verifiedDigest } from "./digest.ts";

/** What a launch is sent with: the bundle's code, and behind it so many bytes of V8's code cache, 0 where there is none. */
export interface LaunchBody {
  body: Uint8Array;
  codeCacheBytes: number;
}

export interface CodeCaches {
  /** At once. From the second run of a bundle on a cache is being made for those that follow. */
  launchBody(bundle: Bundle): LaunchBody;
  /** Resolves when nothing is being made any more. */
  close(): Promise<void>;
}

/** A shorter one compiles in less than 1 ms. */
const codeBytesMin = 32_768;
/** Of all that are kept; the ones that nobody has asked for the longest go. */
const keptBytesMax = 134_217_728;
/** Of bundles that were seen, with a cache or without. */
const seenMax = 1_000;
/** After the run that showed that it would help: that one goes first. */
const delayMs = 250;
const compiledWithinMs = 10_000;
/** No job's class, so that none is taken which waits for one. */
const compilerClass: ExecutorClass = { memoryBytes: 268_435_456, cpuMs: 9_999 };

interface Seen {
  /** It has run twice: one is being made, was made, or can't be. */
  isWanted: boolean;
  made?: LaunchBody;
}

export function makeCodeCaches({ pool, clock }: { pool: ExecutorPool; clock: Clock }): CodeCaches {
  const seen = new Map<string, Seen>();
  let keptBytes = 0;
  let making: Promise<void> = Promise.resolve();
  let closed = false;
  let stopWaiting = () => {};

  function launchBody(bundle: Bundle): LaunchBody {
    const plain = { body: bundle.code, codeCacheBytes: 0 };
    if (closed || bundle.code.length < codeBytesMin) return plain;
    const key = bundle.digest;
    const found = seen.get(key);
    seen.delete(key);
    seen.set(key, found ?? { isWanted: false });
    letGo();
    if (found?.isWanted === false) {
      found.isWanted = true;
      making = making.then(() => make(key, bundle, found));
    }
    return found?.made ?? plain;
  }

  async function make(key: string, bundle: Bundle, entry: Seen): Promise<void> {
    await quiet();
    const cache = closed ? undefined : await compile(bundle).catch(() => undefined);
    if (cache === undefined || bundle.code.length + cache.length > bodyBytesMax || seen.get(key) !== entry) return;
    const body = new Uint8Array(bundle.code.length + cache.length);
    body.set(bundle.code);
    body.set(cache, bundle.code.length);
    entry.made = { body, codeCacheBytes: cache.length };
    keptBytes += body.length;
    letGo();
  }

  function quiet(): Promise<void> {
    return new Promise((resolve) => {
      if (closed) return resolve();
      const cancel = clock.setTimer(delayMs, resolve);
      stopWaiting = () => {
        cancel();
        resolve();
      };
    });
  }

  /** What V8 gives for it; undefined when it can't be compiled, or the executor says something else. */
  async function compile(bundle: Bundle): Promise<Uint8Array | undefined> {
    verifiedDigest(bundle);
    const executor = await pool.take(compilerClass);
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    const cancel = clock.setTimer(compiledWithinMs, () => resolve(undefined));
    stopWaiting = () => resolve(undefined);
    if (closed) stopWaiting();
    try {
      executor.onFrame(({ header, body }) => resolve(header.type === "compiled" && body.length > 0 ? body : undefined));
      executor.onGarbage(() => resolve(undefined));
      void executor.exited.then(() => resolve(undefined));
      executor.send({ header: { type: "compile" }, body: bundle.code });
      return await promise;
    } finally {
      cancel();
      await executor.kill(5_000);
    }
  }

  function letGo(): void {
    for (const [key, { made }] of seen) {
      if (seen.size <= seenMax && keptBytes <= keptBytesMax) return;
      seen.delete(key);
      keptBytes -= made?.body.length ?? 0;
    }
  }

  return {
    launchBody,
    async close() {
      closed = true;
      stopWaiting();
      await making;
    },
  };
}
