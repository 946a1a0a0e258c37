// Attacks from inside the isolate: what a job's own JavaScript could get hold of.
import type { RunRecord } from "../../../model/run.ts";
import { type Attack, endOf, jobAttack, type Seen } from "../attack.ts";

/** Of Node, of other runtimes, and of V8 what is off unless granted. */
const forbiddenNames = [
  ...["process", "require", "module", "exports", "global", "Buffer", "setImmediate", "Deno", "Bun", "importScripts"],
  ...["WebAssembly", "SharedArrayBuffer", "Atomics"],
];

/** Everything of the host's that a job is given, by name. */
const given = `{ context: c, fetch: c.fetch, read: c.files.read, credential: c.credential.fetch, log: c.log.info, signal: c.signal,
  promise: c.files.stat("/"), answer: await c.files.list("/"), error: await c.files.read("/none").catch((e) => e),
  denial: await c.credential.fetch().catch((e) => e), timer: setTimeout, url: new URL("http://a.example/") }`;

const modules = [
  "node:fs",
  "fs",
  "node:child_process",
  "data:text/javascript,0",
  "file:///etc/passwd",
  "./executor.cjs",
];

const nothing = (record: RunRecord) =>
  record.state === "succeeded" && Array.isArray(record.result) && record.result.length === 0;

export function isolationAttacks(): Attack[] {
  return [
    jobAttack(
      {
        group: "isolation",
        name: "globals of Node",
        tries: `typeof ${forbiddenNames.slice(0, 4).join(", ")} and ${forbiddenNames.length - 4} more`,
        expects: "all undefined",
        quick: true,
      },
      {
        body: `if (typeof fetch !== "function") throw new Error("nothing is there at all");
          return ${JSON.stringify(forbiddenNames)}.filter((name) => typeof globalThis[name] !== "undefined");`,
      },
      nothing,
    ),
    jobAttack(
      {
        group: "isolation",
        name: "constructor chains",
        tries: "constructor.constructor of all that the host gave, promises, answers and errors included",
        expects: "the guest's own Function, without process and require",
      },
      {
        body: `const found = [];
          for (const [name, thing] of Object.entries(${given})) {
            let at = thing;
            for (let depth = 0; depth < 4 && at !== undefined && at !== null; depth += 1) {
              const F = at.constructor?.constructor;
              if (F !== undefined && (F !== Function || F("return typeof process + typeof require")() !== "undefinedundefined")) found.push(name);
              at = Object.getPrototypeOf(at);
            }
          }
          return found;`,
      },
      nothing,
    ),
    jobAttack(
      {
        group: "isolation",
        name: "dynamic import",
        tries: `import() of ${modules.join(", ")}`,
        expects: "rejected",
      },
      {
        body: `const found = [];
          for (const name of ${JSON.stringify(modules)}) await import(name).then(() => found.push(name), () => {});
          return found;`,
      },
      nothing,
    ),
    stackAttack,
    pollutionAttack,
  ];
}

/** What only the host knows: its folders, its file URLs, Node's own frames. */
function hostPaths(texts: readonly string[]): string[] {
  const marks = [import.meta.dirname, process.execPath, "file://", "node:internal", "node_modules", "executor.cjs"];
  return marks.filter((mark) => texts.some((text) => text.includes(mark)));
}

const stackAttack: Attack = {
  group: "isolation",
  name: "host paths in errors",
  tries: "message, stack, cause and call sites of failures and denials",
  expects: "no path, frame or module of the host",
  jobs: {
    attack: {
      body: `const texts = [];
        const look = (e) => { for (let at = e; at; at = at.cause) texts.push(String(at.message), String(at.stack), JSON.stringify(Object.getOwnPropertyNames(at))); };
        const tries = [() => c.files.read("/none"), () => c.files.read("/../etc"), () => c.credential.fetch(), () => c.fetch("http://127.0.0.1:9/"),
          () => c.files.write("/a", { toString() { throw new Error("x"); } }), () => c.fetch("no url"), () => null.x];
        for (const attempt of tries) { try { await attempt(); } catch (e) { look(e); } }
        Error.prepareStackTrace = (e, sites) => sites.map((site) => String(site.getFileName()) + " " + String(site.getFunction?.())).join();
        for (const attempt of tries) { try { await attempt(); } catch (e) { look(e); } }
        return texts;`,
    },
  },
  async run(bench): Promise<Seen> {
    const record = await bench.run("attack");
    const texts = Array.isArray(record.result) ? record.result.map(String) : [];
    const found = hostPaths(texts);
    const own = hostPaths([new Error("of the host").stack ?? ""]);
    return {
      held: texts.length > 20 && found.length === 0,
      saw: found.length === 0 ? `${texts.length} texts, ${endOf(record)}` : `found ${found.join(", ")}`,
      ...(own.length > 0 ? {} : { blind: "an error of the host's own names no path" }),
    };
  },
};

const pollutionAttack: Attack = {
  group: "isolation",
  name: "polluted prototypes",
  tries: "setters and values on Object, Array and Promise, then every capability; then another run",
  expects: "the host answers as ever, and the next run has none of it",
  jobs: {
    attack: {
      body: `for (const name of ["path", "url", "method", "redirect", "op", "args", "toJSON", "ok", "polluted"]) Object.prototype[name] = "/../../etc/passwd";
        Array.prototype.map = null; Promise.prototype.polluted = true;
        const code = (e) => e.code ?? e.name;
        await c.files.write("/a", "a").catch(code);
        return [await c.files.readText("/a").catch(code), await c.credential.fetch().catch(code)];`,
    },
    next: { body: "return [typeof ({}).polluted, typeof [].map, typeof Promise.prototype.polluted];" },
  },
  async run(bench) {
    const first = await bench.run("attack");
    const next = await bench.run("next");
    const [read, fetched] = Array.isArray(first.result) ? first.result : [];
    const clean = JSON.stringify(next.result) === '["undefined","function","undefined"]';
    return {
      held: read === "a" && fetched === "grant" && clean,
      saw: `read ${String(read)}, credential ${String(fetched)}; the next run ${clean ? "has none of it" : "has some of it"}`,
    };
  },
};
