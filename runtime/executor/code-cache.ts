// Makes V8's code cache for the guest's globals: they are compiled and run once in an isolate of their own, so that the
// cache has the functions that starting up compiles. A process of its own that never sees a job; what it writes is
// keyed by content and V8 version, and V8 itself refuses one that doesn't fit.
//
// argv: addon path, globals' script path, path to write to.
import { readFileSync, writeFileSync } from "node:fs";
import { loadIsolatedVm, makeCodeCache } from "./isolate.ts";

const [addon = "", guestScript = "", target = ""] = process.argv.slice(2);
writeFileSync(target, makeCodeCache(loadIsolatedVm(addon), readFileSync(guestScript, "utf8")), { mode: 0o644 });
process.kill(process.pid, "SIGKILL"); // `exit` beside an isolate has crashed before
