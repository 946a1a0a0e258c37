// A run's log without its credential. Lines are looked at one behind the other, as if nothing stood between them: a
// credential that is split over lines, or over calls, is redacted from where the second part begins.
import type { LeakGuard } from "../leases/leak-guard.ts";
import type { LogCapability } from "./log.ts";

export function guardLog(log: LogCapability, guard: LeakGuard): LogCapability {
  const redact = guard.redactLines("log");
  return { write: ({ level, text }) => log.write({ level, text: text.split("\n").map(redact).join("\n") }) };
}
