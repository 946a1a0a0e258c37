// What nobody catches: it ends the run, in the author's own lines, unless the job has said that it minds itself.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const turn = "await new Promise((f) => setTimeout(f, 20));";

const runs = await openRuns({
  listener: {
    body: `const t = new EventTarget(); t.addEventListener("x", () => { throw new Error("in a listener"); }); t.dispatchEvent(new Event("x")); ${turn} return "went on";`,
  },
  microtask: { body: `queueMicrotask(() => { throw new RangeError("in a microtask"); }); ${turn} return "went on";` },
  reported: { body: `reportError(new Error("reported")); ${turn} return "went on";` },
  port: {
    body: `const { port1, port2 } = new MessageChannel(); port2.onmessage = () => { throw new Error("in a message"); }; port1.postMessage(1); ${turn} return "went on";`,
  },
  rejection: { body: `Promise.reject(new TypeError("nobody minds")); ${turn} return "went on";` },
  minded: {
    body: `
      const seen = [];
      onerror = (message, file, line, column, error) => { seen.push(["onerror", message, error.message]); return true; };
      addEventListener("unhandledrejection", (e) => { e.preventDefault(); seen.push([e.type, e.reason.name, e.reason.message, e.promise instanceof Promise, e.isTrusted]); });
      setTimeout(() => { throw new Error("timer"); }, 1);
      reportError(new RangeError("reported"));
      Promise.reject(new TypeError("rejected"));
      ${turn}
      return seen.sort();
    `,
  },
  throwing: {
    body: `addEventListener("error", () => { throw new Error("of the listener"); }); reportError(new Error("first")); ${turn} return "went on";`,
  },
});

for (const [name, message] of Object.entries({
  listener: /^in a listener$/,
  microtask: /^RangeError: in a microtask$/,
  reported: /^reported$/,
  port: /^in a message$/,
  rejection: /^TypeError: nobody minds$/,
  throwing: /^of the listener$/,
}))
  t.test(`${name}: the run fails with what was thrown`, async (t) => {
    const { state, error } = await runs.run(name);
    t.match({ state, error }, { state: "failed", error: { code: "job_threw", message } });
  });

t.test("a job that minds what nobody caught goes on", async (t) => {
  const { result, state } = await runs.run("minded");
  t.equal(state, "succeeded");
  t.same(result, [
    ["onerror", "reported", "reported"],
    ["onerror", "timer", "timer"],
    ["unhandledrejection", "TypeError", "rejected", true, true],
  ]);
});

t.test("at the end nothing is left", (t) => runs.end(t));
