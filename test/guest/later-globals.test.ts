// Globals that come with the first of their group: what a job had put in the place of one of them by then.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  replaced: {
    body: `
      globalThis.WritableStream = "the job's";
      Object.defineProperty(globalThis, "TransformStream", { get: () => "the job's too", configurable: true });
      delete globalThis.CountQueuingStrategy;
      void ReadableStream;
      return [WritableStream, TransformStream, typeof CountQueuingStrategy, typeof ByteLengthQueuingStrategy];
    `,
  },
  performance: {
    body: `
      const { set } = Object.getOwnPropertyDescriptor(globalThis, "performance");
      const elsewhere = (() => { try { set.call({}, 1); return "taken" } catch (e) { return e.name } })();
      const before = typeof performance.now();
      globalThis.performance = 7;
      return [elsewhere, before, performance];
    `,
  },
});

t.test("a global that the job has replaced or removed comes back with another of its group", async (t) => {
  const { state, error, result } = await runs.run("replaced");
  t.equal(state, "succeeded", error?.message ?? "");
  t.same(result, ["the job's", "the job's too", "undefined", "function"]);
});

t.test("performance is set on an object that has none, or can't be replaced where it is", async (t) => {
  const { state, error, result } = await runs.run("performance");
  t.equal(state, "succeeded", error?.message ?? "");
  t.same(result, ["TypeError", "number", 7]);
});

t.test("what they left behind", (t) => runs.end(t));
