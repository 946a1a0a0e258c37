// What an issuer needs to end a credential that has no name: sealed before it is stored, each for its own run.
import type { RunId } from "../../model/ids.ts";
import type { Lease } from "../../model/lease.ts";
import type { LeaseRef } from "../../ports/credential-issuer.ts";
import type { SecretBox } from "../../ports/secret-box.ts";

export interface Handles {
  /** As a lease keeps it. */
  seal(runId: RunId, handle: string): Promise<string>;
  /** As its issuer wants it. Rejects with MayflyError `key_unavailable` or `sealed_invalid`. */
  refOf(lease: Pick<Lease, "runId" | "handle">): Promise<LeaseRef>;
}

export function makeHandles(box: SecretBox): Handles {
  const purposeOf = (runId: RunId) => `handle of ${runId}`;
  return {
    async seal(runId, handle) {
      const sealed = await box.seal(purposeOf(runId), new TextEncoder().encode(handle));
      return Buffer.from(sealed).toString("base64");
    },
    async refOf({ runId, handle }) {
      if (handle === null) return { runId };
      const opened = await box.open(purposeOf(runId), Buffer.from(handle, "base64"));
      return { runId, handle: new TextDecoder().decode(opened) };
    },
  };
}
