// What the `node:*` modules in a bundle (guest/node/) need of the guest. The bundle is a script of its own, so it is handed
// over by a global that is there while the bundle is evaluated, and gone before the job runs. Functions of the guest, none of
// the host: what they ask for goes through the same door as the job's own calls, and a package that takes them has what its
// job has. The credential isn't among them: a job hands that on by name, or nobody has it.
import { clock } from "./clock.ts";
import { type Level, writeLog } from "./console.ts";
import { files } from "./files.ts";
import { compute, computeLater } from "./services.ts";

export interface Handover {
  compute: typeof compute;
  computeLater: typeof computeLater;
  files: typeof files;
  log(level: Level, text: string): void;
  /** Whole milliseconds since the epoch. */
  nowMs(): number;
}

export const handoverName = "__mayflyNode";

export function offerHandover(): void {
  const handover: Handover = Object.freeze({ compute, computeLater, files, log: writeLog, nowMs: () => clock.nowMs() });
  Object.defineProperty(globalThis, handoverName, { configurable: true, value: handover });
}

export function withdrawHandover(): void {
  Reflect.deleteProperty(globalThis, handoverName);
}
