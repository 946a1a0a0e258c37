// V8's code cache for the guest's globals. `make`: they are compiled and run once in an isolate of their own, so that the
// cache has the functions that starting up compiles. `try`: a guest is started from it, as in an executor. A process of its
// own that never sees a job. It says "done", and nothing else counts.
//
// argv: make | try, addon path, globals' script path, path of the cache.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { loadIsolatedVm, makeCodeCache, startsFrom } from "./isolate.ts";

const [mode = "", addon = "", guestScript = "", cache = ""] = process.argv.slice(2);
const isolatedVm = loadIsolatedVm(addon);
const script = readFileSync(guestScript, "utf8");
if (mode === "make") {
  writeFileSync(cache, makeCodeCache(isolatedVm, script), { mode: 0o644 });
  writeSync(1, "done\n");
} else if (startsFrom(isolatedVm, script, readFileSync(cache))) writeSync(1, "done\n");
else writeSync(2, "V8 refuses the code cache that it made, or a guest that starts from it ends no job\n");
process.kill(process.pid, "SIGKILL"); // `exit` beside an isolate has crashed before
