// Errors within errors: causes, those that an AggregateError or a SuppressedError holds, each in its author's lines; and what
// listeners, timers and microtasks throw, which nobody calls from the author's code.
import t from "tap";
import { openRuns } from "../support/runs.ts";

const job = (body: string) => `import { defineJob } from "mayfly";
export default defineJob(async (context) => {
${body}
});
`;
const turn = "\n  await context.files.stat('/');\n  await new Promise((f) => setTimeout(f, 20));\n  return 'went on';";

const modules: Record<string, string> = {
  causes: job(`  try {
    try {
      JSON.parse("{]");
    } catch (cause) {
      throw new TypeError("no report", { cause });
    }
  } catch (cause) {
    throw new Error("no mail", { cause });
  }`),
  aggregate: job(`  const one = async () => { throw new RangeError("one"); };
  const two = async () => {
    throw new Error("two", { cause: new Error("deeper") });
  };
  await Promise.any([one(), two()]);`),
  suppressed: job(`  using first = { [Symbol.dispose]() { throw new Error("of the first"); } };
  using second = { [Symbol.dispose]() { throw new Error("of the second"); } };
  throw new Error("of the body");`),
  listener: job(`  const target = new EventTarget();
  target.addEventListener("x", () => {
    throw new Error("in a listener", { cause: new Error("its cause") });
  });
  target.dispatchEvent(new Event("x"));${turn}`),
  signal: job(`  const controller = new AbortController();
  controller.signal.onabort = () => {
    throw new Error("in a handler");
  };
  controller.abort();${turn}`),
  microtask: job(`  queueMicrotask(() => {
    throw new RangeError("in a microtask");
  });${turn}`),
  interval: job(`  setInterval(() => {
    throw new SyntaxError("in an interval");
  }, 1);${turn}`),
  message: job(`  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => {
    throw new Error("in a message");
  };
  port1.postMessage(1);${turn}`),
  reported: job(`  const error = new Error("reported");
  reportError(error);${turn}`),
  rejection: job(`  void Promise.reject(new TypeError("nobody minds"));${turn}`),
  async: job(`  const later = async () => {
    await context.files.stat("/");
    throw new Error("after an await of a promise that nobody waits for");
  };
  void later();${turn}`),
};

const runs = await openRuns({
  ...Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, { module }])),
  many: {
    body: "throw new AggregateError(Array.from({ length: 500 }, (_, i) => new Error('e'.repeat(9_000) + i)), 'm'.repeat(9_000));",
  },
  escapes: {
    body: "const e = new Error('\\u0001'.repeat(60_000), { cause: new Error('\\u0001'.repeat(60_000)) }); e.name = '\\u0002'.repeat(900); throw e;",
  },
  cycle: { body: "const a = new Error('a'), b = new Error('b', { cause: a }); a.cause = b; throw a;" },
  endless: { body: "class E extends Error { get cause() { return new E('next'); } } throw new E('first');" },
  odd: {
    body: `const e = new AggregateError([1, "two", null, { three: 3 }], "odd");
      e.cause = "a word"; e.error = { no: "error" }; e.suppressed = undefined; throw e;`,
  },
  hostile: {
    body: `const e = new Error("m");
      for (const name of ["errors", "error", "suppressed", "cause"]) Object.defineProperty(e, name, { get() { throw 1; } });
      Object.prototype.toJSON = Array.prototype.toJSON = () => "instead"; throw e;`,
  },
  proxies: {
    body: "const { proxy, revoke } = Proxy.revocable([], {}); revoke(); const e = new Error('m'); e.errors = proxy; e.cause = Proxy.revocable({}, {}).proxy; throw e;",
  },
  ...Object.fromEntries(
    Object.entries({ text: '"just text"', object: "{ code: 7 }", nothing: "undefined" }).map(([name, value]) => [
      `rejected ${name}`,
      { body: `Promise.reject(${value}); await new Promise((f) => setTimeout(f, 20)); return "went on";` },
    ]),
  ),
  "long message": {
    module: job(
      `  const lines = Array.from({ length: 300 }, (_, n) => "line " + n).join("\\n");\n  throw new Error(lines);`,
    ),
  },
  "huge message": { module: job(`  throw new Error("<p>".repeat(40_000));`) },
});

const lineOf = (name: string, text: string) =>
  (modules[name] ?? "").split("\n").findIndex((line) => line.includes(text)) + 1;
const at = (name: string, text: string) => ({
  file: `jobs/${name}.ts`,
  line: lineOf(name, text),
  sourceLine: new RegExp(text.replace(/[()"]/g, "\\$&")),
});

t.test("a chain of causes: each with its own line", async (t) => {
  const { error } = await runs.run("causes");
  t.match(error, {
    message: "no mail",
    source: at("causes", 'new Error("no mail"'),
    nested: [
      { path: "cause", message: "TypeError: no report", source: at("causes", "new TypeError") },
      { path: "cause.cause", message: /^SyntaxError: /, source: at("causes", "JSON.parse") },
    ],
  });
  t.match(error?.stack, /^Error: no mail\n[\s\S]*\nCaused by: TypeError: no report\n[\s\S]*\nCaused by: SyntaxError: /);
});

t.test("an AggregateError: each of its errors, and their causes", async (t) => {
  const { error } = await runs.run("aggregate");
  t.match(error, {
    message: /^AggregateError: /,
    nested: [
      { path: "errors[0]", message: "RangeError: one", source: at("aggregate", 'RangeError("one")') },
      { path: "errors[1]", message: "two", source: at("aggregate", 'new Error("two"') },
      { path: "errors[1].cause", message: "deeper", source: at("aggregate", 'new Error("deeper")') },
    ],
  });
  t.match(error?.stack, /\nerrors\[1\]\.cause: Error: deeper\n {4}at .*jobs\/aggregate\.ts:5:/);
});

t.test("a SuppressedError: what came last, and what it suppressed", async (t) => {
  t.match((await runs.run("suppressed")).error, {
    message: /^SuppressedError/,
    nested: [
      { path: "error", message: "of the first", source: at("suppressed", "of the first") },
      { path: "suppressed", message: /^SuppressedError/ },
      { path: "suppressed.error", message: "of the second", source: at("suppressed", "of the second") },
      { path: "suppressed.suppressed", message: "of the body", source: at("suppressed", "of the body") },
    ],
  });
});

for (const [name, message] of Object.entries({
  listener: "in a listener",
  signal: "in a handler",
  microtask: "RangeError: in a microtask",
  interval: "SyntaxError: in an interval",
  message: "in a message",
  reported: "reported",
  rejection: "TypeError: nobody minds",
  async: "after an await of a promise that nobody waits for",
})) {
  t.test(`${name}: what nobody's call led to, in its author's line`, async (t) => {
    const { state, error } = await runs.run(name);
    const text = message.replace(/^\w+Error: /, "");
    t.match(
      { state, error },
      { state: "failed", error: { code: "job_threw", message, source: at(name, `Error("${text}"`) } },
    );
    if (name === "listener") t.match(error?.nested, [{ message: "its cause", source: at(name, "its cause") }]);
  });
}

t.test("a rejection that nobody handles, with what is no Error", async (t) => {
  for (const [name, message] of Object.entries({
    text: "thrown: just text",
    object: "thrown: an object that is no Error",
    nothing: "thrown: undefined",
  })) {
    const { state, error } = await runs.run(`rejected ${name}`);
    t.match({ state, error }, { state: "failed", error: { code: "job_threw", message } }, name);
    t.notMatch(JSON.stringify(error), "isolated-vm", "which is nobody's word but ours");
  }
});

t.test(
  "more errors, longer texts and deeper chains than anybody reads: the run's own error is told all the same",
  async (t) => {
    const many = (await runs.run("many")).error;
    t.match(many, { code: "job_threw", message: /^AggregateError: m{1000}/ });
    t.ok((many?.nested?.length ?? 0) > 1 && (many?.nested?.length ?? 99) <= 8, `${many?.nested?.length} of 500`);
    t.match((await runs.run("escapes")).error, { code: "job_threw", message: /^\\u\{2\}/ });
    t.match((await runs.run("cycle")).error, { message: "a", nested: [{ path: "cause", message: "b" }] });
    const endless = (await runs.run("endless")).error;
    t.match(endless, { message: "first" });
    t.equal(endless?.nested?.length, 4);
  },
);

t.test("what is no error in the place of one, getters that throw, and a JSON that is not ours", async (t) => {
  t.match((await runs.run("odd")).error, {
    message: "AggregateError: odd",
    nested: [
      { path: "errors[0]", message: "1" },
      { path: "errors[1]", message: "two" },
      { path: "errors[2]", message: "null" },
      { path: "errors[3]", message: '{"three":3}' },
      { path: "cause", message: "a word" },
    ],
  });
  const hostile = (await runs.run("hostile")).error;
  t.match(hostile, { code: "job_threw", message: "m" });
  t.notOk(hostile?.nested);
  t.match((await runs.run("proxies")).error, { code: "job_threw", message: "m" });
});

t.test("a message so long that no line would be left for the frames", async (t) => {
  for (const name of ["long message", "huge message"]) {
    const { error } = await runs.run(name);
    t.match(error, { code: "job_threw", source: { file: `jobs/${name}.ts` } }, name);
    t.match(error?.stack, /\n {4}at .*jobs\//);
  }
});

t.test("at the end nothing is left", (t) => runs.end(t));
