// `mayfly dev <job>`: runs a job, and again whenever it, what it imports, its input's file, the config or what that imports
// is saved. A save while it runs ends that run first. What is wrong is shown, and the next save waited for. Each round is
// a whole run, with nothing kept from the one before, since a saved config may have changed any of it.
import { basename, join, relative, resolve } from "node:path";
import { findConfigFile, loadConfigFile } from "../../adapters/system/config-file.ts";
import { makeBundler } from "../../adapters/system/esbuild-bundler.ts";
import { type FileWatch, makeFileWatch } from "../../adapters/system/file-watch.ts";
import { guardOwnProcess } from "../../adapters/system/own-process.ts";
import type { Runtime } from "../../compose.ts";
import { type Config, parseConfig } from "../../config.ts";
import { escapeLine, exitCodes, MayflyError } from "../../model/error.ts";
import type { JobSpec } from "../../model/job.ts";
import type { RunRecord } from "../../model/run.ts";
import type { Bundle } from "../../ports/bundler.ts";
import { jobOf } from "../config.ts";
import { readInput } from "../input.ts";
import { stopOnSignal } from "../interrupt.ts";
import { fail, makeProgress, say, warn } from "../print.ts";
import { runHere } from "../run-here.ts";
import { exitCodeAtEnd, printRecord, type RunOptions, warnOfMissingLayers, warnOfOpenings } from "./run.ts";

/** What a round runs. */
interface Reading {
  config: Config;
  bundle: Bundle;
  /** JSON text. */
  input: string;
}

export async function dev(job: string, options: RunOptions): Promise<void> {
  const path = await findConfigFile(options.config, process.cwd());
  warnOfOpenings();
  const stop = stopOnSignal();
  const stopped = new Promise<undefined>((done) => stop.addEventListener("abort", () => done(undefined)));
  const watch = makeFileWatch();
  const read = makeReader(watch, path, job, options);
  const runOnce = makeRound(job, options, stop);
  process.exitCode = exitCodes.interrupted;
  try {
    for (let isFirst = true; !stop.aborted; isFirst = false) {
      const saved = watch.saved();
      await read().then(
        (reading) => runOnce(reading, saved),
        (error: unknown) => showOrThrow(error, isFirst),
      );
      if (stop.aborted) break;
      say("waiting   for a save; Ctrl-C ends");
      const paths = await Promise.race([saved, stopped]);
      if (paths !== undefined) say(`saved     ${paths.map((each) => relative(process.cwd(), each)).join(", ")}`);
    }
  } finally {
    watch.close();
  }
}

/** What no save is likely to mend ends the command: a name that was mistyped. */
function showOrThrow(error: unknown, isFirst: boolean): void {
  const isMistyped = error instanceof MayflyError && ["job_unknown", "usage"].includes(error.code);
  if (!(error instanceof MayflyError) || (isFirst && isMistyped)) throw error;
  fail(error);
}

/** Reads all anew, and watches what it reads. */
function makeReader(watch: FileWatch, path: string, job: string, options: RunOptions): () => Promise<Reading> {
  const { inputFile } = options;
  const fromStandardInput = inputFile === "-" ? readInput(options) : undefined; // which can be read once
  let last: readonly string[] = [path];
  watch.set(last);

  async function readOnce(files: Set<string>): Promise<Reading> {
    const onFile = (each: string) => files.add(each);
    const file = await loadConfigFile(path, process.cwd(), { again: true, onFile });
    const config = parseConfig(file.value, file);
    const spec = jobOf(config, job);
    files.add(spec.entry);
    if (inputFile !== undefined && inputFile !== "-") files.add(resolve(inputFile));
    const input = fromStandardInput ?? readInput(options);
    const bundle = await bundleOf(config, spec);
    for (const each of bundle.inputs) if (!isPackages(each)) files.add(join(config.directory, each));
    return { config, bundle, input };
  }

  // Until nothing new came to be watched: what was read of a file before it was watched may be older than a save.
  return async () => {
    for (;;) {
      const files = new Set([path]);
      try {
        const reading = await readOnce(files);
        last = [...files];
        if (!watch.set(files)) return reading;
      } catch (error) {
        watch.set([...last, ...files], { beside: true });
        throw error;
      }
    }
  };
}

async function bundleOf({ directory, stateDirectory }: Config, { entry }: JobSpec): Promise<Bundle> {
  const bundler = makeBundler({ directory, stateDirectory });
  try {
    return await bundler.bundle(entry);
  } finally {
    await bundler.close();
  }
}

function isPackages(path: string): boolean {
  return path.split("/").includes("node_modules");
}

/** One run, which a save ends. */
function makeRound(job: string, options: RunOptions, stop: AbortSignal) {
  const isFirst = firstTime();
  let store: Runtime["store"] | undefined;

  return async ({ config, bundle, input }: Reading, saved: Promise<unknown>): Promise<void> => {
    const again = new AbortController();
    void saved.then(() => again.abort("saved again"));
    try {
      await runHere({
        config,
        job,
        input,
        bundle,
        osSandbox: options.requireSandbox ? "required" : "preferred",
        stop: AbortSignal.any([stop, again.signal]),
        onOpen(runtime) {
          store = runtime.store;
          if (!isFirst()) return;
          guardOwnProcess({ store: { commit: async (changes) => store?.commit(changes) } }, warn);
          warnOfMissingLayers(runtime.pool.layers());
        },
        onEvent: options.quiet ? () => {} : makeProgress(),
        async onEnd(record) {
          await printRecord(record, options);
          sayGrants(record, config);
          if (stop.aborted) process.exitCode = exitCodeAtEnd(record, stop);
        },
      });
    } catch (error) {
      showOrThrow(error, false);
    } finally {
      store = undefined;
    }
  };
}

function firstTime(): () => boolean {
  let isFirst = true;
  return () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
}

/** What was denied, as lines of the config that would allow it. */
function sayGrants({ job, denials }: RunRecord, { path }: Config): void {
  const lines = new Set(denials.flatMap(({ remedy }) => (remedy === undefined ? [] : [remedy])));
  if (lines.size === 0) return;
  say(`to allow  what was denied, write in ${basename(path)} under jobs.${job}:`);
  for (const line of lines) say(`            ${escapeLine(line, 1_000)}`);
}
