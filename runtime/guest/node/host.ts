// What the guest handed over for this bundle (guest/handover.ts). The bundle's entry evaluates this before anything else,
// since the handover is gone when the job runs; where it never was, the layer can only compute.
import type { Handover } from "../handover.ts";
import { unsupported } from "./refuse.ts";

const none = (name: string) => (): never => {
  throw unsupported(name, "this script was not handed the guest's capabilities");
};

const given = (globalThis as { __mayflyNode?: Handover }).__mayflyNode;

export const host: Handover = given ?? {
  compute: none("compute"),
  computeLater: none("computeLater"),
  files: new Proxy({}, { get: () => none("files") }) as Handover["files"],
  log: () => {},
  nowMs: Date.now,
};

/** While the bundle is evaluated, and the job hasn't begun. */
export function isLoading(): boolean {
  return "__mayflyNode" in globalThis;
}
