// `npm run demo`: two real jobs, each step of their lives as it happens, and the proof: the credential that order-sync
// used is tried again at the partner after its run, and refused.
import { loadConfigFile } from "../runtime/adapters/system/config-file.ts";
import { warnOfMissingLayers } from "../runtime/cli/commands/run.ts";
import { makeProgress, say, summarize, warn } from "../runtime/cli/print.ts";
import { openRuntime, type Runtime } from "../runtime/compose.ts";
import { parseConfig } from "../runtime/config.ts";
import { verifyChain } from "../runtime/core/audit/chain.ts";
import { exitCodes } from "../runtime/model/error.ts";
import type { RunRecord } from "../runtime/model/run.ts";
import { type Partner, startPartner } from "./partner.ts";

const ordersUrl = (partner: Partner) => `${partner.url}/v1/orders?limit=1`;

async function main(): Promise<boolean> {
  const file = await loadConfigFile(undefined, import.meta.dirname);
  const config = parseConfig(file.value, file);
  const tokens = new Set<string>();
  const partner = await startPartner({ onAccepted: (token) => tokens.add(token) });
  const runtime = await openRuntime({
    config,
    role: "run",
    jobs: ["dependency-report", "order-sync"],
    osSandbox: "preferred",
    onEvent: makeProgress(),
    onWarning: warn,
  });
  try {
    await runtime.reaper.recover();
    await runtime.issuer("partner");
    heading("dependency-report: one mounted file, no network, no credential");
    const report = await runJob(runtime, "dependency-report");
    warnOfMissingLayers(report.layers);
    heading("order-sync: a sealed token, put into requests on their way out, for the partner only");
    const sync = await runJob(runtime, "order-sync");
    heading("the same token, tried at the partner after the run");
    const refused = await tryAgain(partner, tokens);
    return report.state === "succeeded" && sync.state === "succeeded" && refused && verifyAudit(runtime);
  } finally {
    await runtime.close();
    await partner.stop();
  }
}

function heading(text: string): void {
  say(`\n── ${text}`);
}

async function runJob(runtime: Runtime, job: string): Promise<RunRecord> {
  const { done } = await runtime.scheduler.submit({ job, input: "null", trigger: { kind: "run" } });
  const record = await done;
  summarize(record);
  return record;
}

async function tryAgain(partner: Partner, tokens: ReadonlySet<string>): Promise<boolean> {
  const [token] = tokens;
  if (tokens.size !== 1 || token === undefined) {
    say(`the partner saw ${tokens.size} tokens, and one was expected`);
    return false;
  }
  const answer = await fetch(ordersUrl(partner), { headers: { authorization: `Bearer ${token}` } });
  say(`GET ${ordersUrl(partner)}  authorization: Bearer ${token.slice(0, 12)}… (${token.length} characters)`);
  say(`HTTP ${answer.status}  www-authenticate: ${answer.headers.get("www-authenticate")}`);
  return answer.status === 401;
}

function verifyAudit({ store, seals }: Runtime): boolean {
  const verdict = verifyChain((from) => store.auditEntries(from, 1_000), store.auditHead(), seals);
  heading("audit verify");
  say(verdict.ok ? `${verdict.entries} entries, unbroken` : verdict.reason);
  return verdict.ok;
}

const holds = await main();
say(holds ? "\nThe run has ended, and its credential is dead." : "\nThe demo did not go as it should: see above.");
process.exitCode = holds ? exitCodes.succeeded : exitCodes.failed;
