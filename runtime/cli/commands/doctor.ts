// `mayfly doctor`: tries every layer and every limit on this machine, with real executors, and says which hold. Its
// state lives in a temporary directory, so that it never touches an installation's.
import { createHash } from "node:crypto";
import colors from "picocolors";
import { type Finding, inspectExecutor } from "../../adapters/system/inspect-executor.ts";
import { withTemporaryDirectory } from "../../adapters/system/temporary-directory.ts";
import { versionFindings } from "../../adapters/system/versions.ts";
import { openRuntime, type Runtime } from "../../compose.ts";
import { type Config, parseConfig } from "../../config.ts";
import { exitCodes, MayflyError } from "../../model/error.ts";
import type { Bundle } from "../../ports/bundler.ts";
import { type ConfigOption, loadConfig } from "../config.ts";
import { probeScript, probeSpec, probes } from "../doctor/probes.ts";
import { printJson, printResult, say, warn } from "../print.ts";

interface Row extends Finding {
  kind: "version" | "layer" | "limit";
  hint?: string;
}

export async function doctor(options: ConfigOption & { json?: boolean }): Promise<void> {
  const osSandbox = await requiredSandbox(options);
  await withTemporaryDirectory("mayfly-doctor-", async (directory) => {
    const rows = [...versionRows(), ...(await tryAll(probeConfig(directory)))];
    if (options.json) await printJson({ rows, osSandbox });
    else await printResult(rows.map(line).join("\n"));
    process.exitCode = conclude(rows, osSandbox);
  });
}

// A machine can be examined before there is a config; a broken config is an error as everywhere.
async function requiredSandbox(options: ConfigOption): Promise<"required" | "preferred"> {
  try {
    return (await loadConfig(options)).executor.osSandbox ?? "required";
  } catch (error) {
    if (error instanceof MayflyError && error.code === "config_missing" && options.config === undefined)
      return "required";
    throw error;
  }
}

function probeConfig(directory: string): Config {
  const config = parseConfig({ jobs: {} }, { directory, path: `${directory}/sandbox.config.ts` });
  const specs = probes.map(probeSpec);
  return { ...config, jobs: Object.fromEntries(specs.map((spec) => [spec.name, spec])) };
}

function versionRows(): Row[] {
  return versionFindings().map(({ name, found, floor, holds }) => ({
    kind: "version",
    name,
    armed: holds,
    how: `found ${found}, floor ${floor}`,
  }));
}

async function tryAll(config: Config): Promise<Row[]> {
  const scripts = new Map(probes.map((probe) => [probeSpec(probe).name, probeScript(probe)]));
  const bundle = async ({ name }: { name: string }): Promise<Bundle> => {
    const code = Buffer.from(scripts.get(name) ?? "");
    return { code, digest: `sha256:${createHash("sha256").update(code).digest("hex")}`, sourceMap: "{}", inputs: [] };
  };
  const runtime = await openRuntime({
    config,
    role: "test",
    osSandbox: "preferred",
    onEvent: () => {},
    onWarning: warn,
    world: { bundle },
    warm: false,
  });
  try {
    return [...(await tryLayers(runtime)), ...(await tryLimits(runtime))];
  } finally {
    await runtime.close();
  }
}

async function tryLayers({ pool }: Runtime): Promise<Row[]> {
  const executor = await pool.take({ memoryBytes: 32 * 1_048_576, cpuMs: 10_000 });
  const seen = inspectExecutor(executor.pid);
  await executor.kill(5_000);
  // A layer that the plan lacks has a hint; what the plan has must also be seen.
  const planned = new Map(pool.layers().map((layer) => [layer.name, layer]));
  const rows: Row[] = seen.map((finding) => {
    const hint = planned.get(finding.name)?.hint ?? planned.get(`${finding.name.replace("net-", "network-")}`)?.hint;
    return { kind: "layer", ...finding, ...(finding.armed || hint === undefined ? {} : { hint }) };
  });
  const unseen = pool.layers().filter(({ name }) => name === "node-permission" || name === "die-with-parent");
  return [...rows, ...unseen.map(({ name, armed, detail }): Row => ({ kind: "layer", name, armed, how: detail }))];
}

async function tryLimits({ scheduler }: Runtime): Promise<Row[]> {
  const rows: Row[] = [];
  for (const probe of probes) {
    const { done } = await scheduler.submit({ job: probeSpec(probe).name, input: "null", trigger: { kind: "test" } });
    const record = await done;
    const seen = record.error?.code ?? record.denials[0]?.code ?? record.state;
    rows.push({
      kind: "limit",
      name: probe.name,
      armed: probe.holds(record),
      how: `tried ${probe.tries}: ${record.state}, ${seen}, ${record.usage.wallMs} ms`,
    });
  }
  return rows;
}

function line({ kind, name, armed, how, hint }: Row): string {
  const verdict = armed ? colors.green("armed ") : colors.red("absent");
  return `${verdict} ${kind.padEnd(7)} ${name.padEnd(22)} ${how}${hint === undefined ? "" : `; to arm: ${hint}`}`;
}

function conclude(rows: readonly Row[], osSandbox: "required" | "preferred"): number {
  const absent = rows.filter((row) => !row.armed);
  if (absent.length === 0) {
    say(`all ${rows.length} hold`);
    return exitCodes.succeeded;
  }
  const layersOnly = absent.every((row) => row.kind === "layer");
  say(`${absent.length} of ${rows.length} are absent: ${absent.map((row) => row.name).join(", ")}`);
  if (layersOnly) {
    say(
      osSandbox === "required"
        ? "`mayfly start` refuses to serve like this"
        : 'executor.osSandbox is "preferred": runs go on without them',
    );
    return osSandbox === "required" ? exitCodes.usage : exitCodes.succeeded;
  }
  return exitCodes.runtime;
}
