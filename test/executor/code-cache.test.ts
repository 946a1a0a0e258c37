// V8's code cache for a job's bundle: who makes it, what it is kept under, and that a wrong one does no harm. V8 takes a
// cache for whatever source has the same length, so that last one is shown with what it would do.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { systemClock } from "../../runtime/adapters/system/clock.ts";
import type { SandboxedPool } from "../../runtime/adapters/system/executor-pool.ts";
import { type CodeCaches, makeCodeCaches } from "../../runtime/core/bundle/code-cache.ts";
import { digestOf } from "../../runtime/core/bundle/digest.ts";
import type { Bundle } from "../../runtime/ports/bundler.ts";
import type { Frame } from "../../runtime/protocol/frame.ts";
import { bundleText, launchHeader, openPools, wanted } from "../support/pool.ts";
import { impostor } from "./impostor.ts";

const { directory, files, withPool } = await openPools(t, "0000f0cc");

/** Long enough to be worth a cache: 2,000 functions that nobody calls. */
const ballast = Array.from({ length: 2_000 }, (_, n) => `function f${n}(x) { return x + ${n}; }`).join("\n");

function bundleOf(body: string, before = ""): Bundle {
  const text = `${ballast}\n${before}\n${bundleText(body)}`;
  const code = new TextEncoder().encode(text);
  return { code, digest: digestOf(code), sourceMap: "{}", inputs: [] };
}

/** Asks as each run does, until the bundle has a cache, or has had the time that making one takes. */
async function cached(caches: CodeCaches, bundle: Bundle, forMs = 8_000): Promise<Uint8Array | undefined> {
  for (const untilMs = systemClock.monotonicMs() + forMs; systemClock.monotonicMs() < untilMs; ) {
    const { body, codeCacheBytes } = caches.launchBody(bundle);
    if (codeCacheBytes > 0) return body.subarray(body.length - codeCacheBytes);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return undefined;
}

async function launch(
  pool: SandboxedPool,
  { code }: Bundle,
  cache: Uint8Array,
): Promise<Frame["header"] & { result: unknown }> {
  const executor = await pool.take(wanted);
  const { promise, resolve } = Promise.withResolvers<Frame>();
  executor.onFrame(resolve);
  executor.send({ header: launchHeader({ codeCacheBytes: cache.length }), body: Buffer.concat([code, cache]) });
  const { header: said, body } = await promise;
  await executor.kill(5_000);
  return { ...said, result: said.type === "done" ? JSON.parse(Buffer.from(body).toString()) : undefined };
}

t.test("[ISO-17] a bundle that runs again: its cache comes from an executor that compiled it and ran nothing", (t) =>
  withPool(t, {}, async (pool) => {
    const caches = makeCodeCaches({ pool, clock: systemClock });
    const bundle = bundleOf("return f1(1);");
    t.equal(caches.launchBody(bundle).codeCacheBytes, 0, "the first run waits for nothing");
    const cache = await cached(caches, bundle);
    t.ok((cache?.length ?? 0) > 1_000);
    const { body, codeCacheBytes } = caches.launchBody(bundle);
    t.same(
      Buffer.from(body.subarray(0, body.length - codeCacheBytes)),
      Buffer.from(bundle.code),
      "the code is the same",
    );
    t.match(await launch(pool, bundle, cache ?? body), { type: "done", result: 2 });
    const endless = bundleOf("return 1;", "for (;;);");
    t.ok(await cached(caches, endless), "one that never ends when it is run compiles all the same: it was not run");
    await caches.close();
  }),
);

t.test("[ISO-17] two bundles of the same length, which V8 can't tell apart by a cache: each has its own", (t) =>
  withPool(t, {}, async (pool) => {
    const caches = makeCodeCaches({ pool, clock: systemClock });
    const saying = (word: string) => bundleOf("return globalThis.said;", `globalThis.said = "${word}";`);
    const [one, two] = [saying("one"), saying("two")];
    t.equal(one.code.length, two.code.length);
    const [ofOne, ofTwo] = [await cached(caches, one), await cached(caches, two)];
    if (ofOne === undefined || ofTwo === undefined) throw new Error("no cache was made");
    t.match(await launch(pool, one, ofOne), { result: "one" });
    t.match(await launch(pool, two, ofTwo), { result: "two" });
    t.match(
      await launch(pool, two, ofOne),
      { result: "one" },
      "what a cache under another key than the digest would do",
    );
    await caches.close();
  }),
);

t.test("bytes that are no cache of V8's, or a part of one: the job runs as if there were none", (t) =>
  withPool(t, {}, async (pool) => {
    const caches = makeCodeCaches({ pool, clock: systemClock });
    const bundle = bundleOf("return 'right';");
    const cache = (await cached(caches, bundle)) ?? new Uint8Array(0);
    for (const wrong of [new Uint8Array(5_000).fill(7), cache.subarray(0, cache.length >> 1), new Uint8Array(1)])
      t.match(await launch(pool, bundle, wrong), { type: "done", result: "right" }, `${wrong.length} bytes`);
    await caches.close();
  }),
);

t.test("what doesn't compile, is short, or was changed since its digest was taken gets none", (t) =>
  withPool(t, {}, async (pool) => {
    const caches = makeCodeCaches({ pool, clock: systemClock });
    const short: Bundle = { ...bundleOf(""), code: new TextEncoder().encode("1") };
    const changed = { ...bundleOf("return 1;"), digest: digestOf(short.code) };
    const broken = bundleOf("return 1;", "this is no JavaScript");
    const fine = bundleOf("return 1;");
    const asked = [short, changed, broken];
    for (const bundle of [...asked, ...asked]) caches.launchBody(bundle);
    t.ok(await cached(caches, fine), "they are made one after another: when this one is there, those were tried");
    for (const bundle of asked) t.equal(caches.launchBody(bundle).codeCacheBytes, 0);
    await caches.close();
  }),
);

for (const [name, act] of Object.entries({
  "says that it is done": 'say({ type: "done" }, "1");',
  "says nothing that is a frame": 'raw(Buffer.from("no frame at all, and long enough for a header"));',
  ends: "process.kill(process.pid, 'SIGKILL');",
}))
  t.test(`an executor that ${name} when it is asked to compile: no cache, and no run is disturbed`, async (t) => {
    const script = impostor("")
      .replace('header.type === "launch"', 'header.type === "compile"')
      .replace("async function act() {  }", `async function act() { ${act} }`);
    const entry = join(directory, `impostor-${name.length}.cjs`);
    writeFileSync(entry, script, { mode: 0o644 });
    await withPool(t, { files: { ...files, entry } }, async (pool) => {
      const caches = makeCodeCaches({ pool, clock: systemClock });
      const bundle = bundleOf("return 1;");
      t.equal(await cached(caches, bundle, 1_500), undefined);
      t.equal(caches.launchBody(bundle).body, bundle.code);
      await caches.close();
    });
  });

t.test("closed while one is being made: nothing is left, and nothing more is made", (t) =>
  withPool(t, {}, async (pool) => {
    const caches = makeCodeCaches({ pool, clock: systemClock });
    const bundle = bundleOf("return 1;");
    caches.launchBody(bundle);
    caches.launchBody(bundle);
    await caches.close();
    t.equal(caches.launchBody(bundle).codeCacheBytes, 0);
  }),
);
