// The supervisor of the benchmark of revocations: the real runtime with one issuer, one job that holds its credential until
// it is told to end. Tells its parent each credential once its job has used it (a role may have few sessions at once, and a
// thief would take the job's), and the moment that a run's result was there.
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import { openRuntime } from "../../runtime/compose.ts";
import { parseConfig, type SandboxConfig } from "../../runtime/config.ts";
import { scriptBundle } from "../../test/support/runs.ts";
import type { Issued } from "../../test/worlds/world.ts";
import { endWithParent, sayToParent } from "./child.ts";
import { machineMs } from "./stats.ts";

export interface RevokeOptions {
  directory: string;
  words: SandboxConfig;
  env: Record<string, string>;
  /** PEM: authorities that egress trusts beside Node's own. */
  authorities: readonly string[];
  /** Of the job; the input is the name of the file that ends it. */
  body: string;
  /** What the job logs when it has used its credential. */
  usedLine: string;
}

export type RevokeSays =
  | { type: "ready"; installation: string }
  | { type: "issued"; issued: Issued }
  /** `resultAt`: `machineMs`. */
  | { type: "ended"; resultAt: number; lease: string | null; state: string; error: string | null };

async function main({ directory, words, env, authorities, body, usedLine }: RevokeOptions): Promise<void> {
  let resultAt = Number.NaN;
  const issuedOf = new Map<string, Issued>();
  const runtime = await openRuntime({
    config: parseConfig(words, { directory, path: `${directory}/sandbox.config.ts` }),
    role: "start",
    osSandbox: "preferred",
    env: { ...process.env, ...env },
    onEvent: (event) => {
      if (event.type === "result") resultAt = machineMs();
      if (event.type !== "log" || event.text !== usedLine) return;
      const shown = issuedOf.get(event.runId);
      if (shown !== undefined) say({ type: "issued", issued: shown });
    },
    onWarning: (message) => process.stderr.write(`bench: ${message}\n`),
    world: {
      bundle: async () => scriptBundle(body),
      openHttpClient: makeUndiciClients({ extraCaForTests: authorities }),
      around: {
        store: (store) => store,
        issuer: (_name, issuer) =>
          Object.create(issuer, {
            issue: {
              value: (async (request, signal, note) => {
                const issued = await issuer.issue(request, signal, note);
                const { secret, egress } = issued;
                const shown = { runId: request.lease.runId, secret, ...(egress === undefined ? {} : { egress }) };
                issuedOf.set(shown.runId, shown);
                return issued;
              }) satisfies typeof issuer.issue,
            },
          }),
      },
    },
  });
  process.on("message", async (bell: string) => {
    const { done } = await runtime.scheduler.submit({
      job: "held",
      input: JSON.stringify(bell),
      trigger: { kind: "submit" },
    });
    const { lease, state, error } = await done;
    say({ type: "ended", resultAt, lease: lease?.state ?? null, state, error: error?.message ?? null });
  });
  say({ type: "ready", installation: runtime.store.installation });
}

function say(message: RevokeSays): void {
  sayToParent(message);
}

endWithParent();
process.once("message", (options: RevokeOptions) => {
  main(options).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(3);
  });
});
