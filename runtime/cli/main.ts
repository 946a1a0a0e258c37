#!/usr/bin/env node
// `mayfly`: parses the command line and hands over to one file a verb. Every failure leaves through `fail`, with the
// exit code that its kind stands for.
import { Command, CommanderError } from "commander";
import { settleMemory } from "../adapters/system/own-memory.ts";
import { exitCodes } from "../model/error.ts";
import { fail } from "./print.ts";

const program = new Command("mayfly")
  .description("Runs short-lived jobs in isolation, with one scoped credential that dies with the run.")
  .version("0.1.0")
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    "after",
    "\nExit codes: 0 succeeded, 1 job failed, 2 usage or config, 3 refused, 4 limit, 5 end unconfirmed, 6 runtime, 130 interrupted",
  );

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--config <path>", "the config file (default: sandbox.config.ts, upwards from here)");
}

function withInput(verb: Command): Command {
  return verb
    .option("--input <json>", "the job's input, as JSON")
    .option("--input-file <path>", "a file with the job's input, as JSON; - for standard input")
    .option("--json", "print the run record on stdout")
    .option("--quiet", "no progress on stderr");
}

program
  .command("init")
  .description("begin a project here: config, one job, its test, tsconfig.json and .gitignore; keeps what is there")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/init.ts")).init(options));

program
  .command("new")
  .description("add to a project")
  .command("job")
  .description("a job, its test, and its entry in the config")
  .argument("<name>", "what it is called: small letters, digits and hyphens")
  .option("--config <path>", "the config file (default: sandbox.config.ts, upwards from here)")
  .option("--json", "as JSON")
  .action(async (name, options) => (await import("./commands/new-job.ts")).newJob(name, options));

withInput(command("run", "run one job here and now, with the whole life of a run").argument("<job>"))
  .option("--require-sandbox", "refuse to run when a layer of the operating system's sandbox is missing")
  .action(async (job, options) => (await import("./commands/run.ts")).run(job, options));

withInput(
  command("dev", "run one job, and again whenever it, what it imports or the config is saved").argument("<job>"),
)
  .option("--require-sandbox", "refuse to run when a layer of the operating system's sandbox is missing")
  .action(async (job, options) => (await import("./commands/dev.ts")).dev(job, options));

command("start", "serve schedules and submissions until SIGTERM (drains) or SIGINT twice (kills)")
  .option(
    "--allow-missing-sandbox",
    "serve although a layer of the operating system's sandbox is missing; one that is broken is never waived",
  )
  .action(async (options) => {
    settleMemory(process.env);
    return (await import("./commands/start.ts")).start(options);
  });

withInput(command("submit", "hand a run to the running `mayfly start`").argument("<job>"))
  .option("--key <key>", "idempotency key: the same key is the same run")
  .option("--wait", "follow the run to its end; output and exit code as of `run`")
  .action(async (job, options) => (await import("./commands/submit.ts")).submit(job, options));

command("runs", "list runs, newest first")
  .option("--limit <count>", "how many", "20")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/runs.ts")).runs(options));

command("run-show", "show one run: record, denials, logs, outputs")
  .argument("<id>")
  .option("--json", "the run record as JSON")
  .option("--output <path>", "the content of one output, on stdout")
  .option("--save <directory>", "write all outputs into a new directory")
  .action(async (id, options) => (await import("./commands/runs.ts")).runShow(id, options));

command("replay", "run a recorded run's job again, against what it was given then, and show where it diverges")
  .argument("<run>", "a run that was recorded, or an exported recording")
  .option("--current", "the job as it is now, in the place of the recorded bundle")
  .option("--job-file <path>", "another module in its place")
  .option("--export <file>", "write the recording to a file instead, sealed with this installation's keys")
  .option("--clear", "with --export: not encrypted. It holds what servers and files answered to the run")
  .option("--json", "the report as JSON")
  .option("--quiet", "no log lines on stderr")
  .addHelpText(
    "after",
    "\nExit codes: 0 the same result and log lines by the same calls, 1 it diverged or could not be compared whole",
  )
  .action(async (run, options) => (await import("./commands/replay.ts")).replay(run, options));

command("leases", "list leases, newest first")
  .option("--limit <count>", "how many", "20")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/leases.ts")).leases(options));

command("revoke", "end credentials now; their runs go on, and find them ended")
  .argument("[name]", "a lease, a run, a job or an issuer (job:<name>, issuer:<name> where both have it)")
  .option("--all", "every open lease")
  .option("--reason <text>", "why, for the audit", "by the operator")
  .option("--yes", "don't ask before --all")
  .option("--json", "as JSON")
  .addHelpText("after", "\nExit codes: 0 all are proven dead, 5 some are not and go on being tried, 2 no such name")
  .action(async (name, options) => (await import("./commands/revoke.ts")).revoke(name, options));

const audit = program.command("audit").description("the audit log");
audit
  .command("verify")
  .description("check that no entry was altered, removed, moved or cut off")
  .option("--config <path>", "the config file")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/audit.ts")).verify(options));
audit
  .command("list")
  .description("print entries, oldest first")
  .option("--config <path>", "the config file")
  .option("--from <seq>", "first entry", "1")
  .option("--json", "one JSON object a line")
  .action(async (options) => (await import("./commands/audit.ts")).list(options));

const keys = program.command("keys").description("the keys of this installation");
const keysCommand = (name: string, description: string, isDefault = false) =>
  keys.command(name, { isDefault }).description(description).option("--config <path>", "the config file");
keysCommand("list", "ids, ages, and what each wraps (what `mayfly keys` does)", true)
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/keys.ts")).list(options));
keysCommand("rotate", "new wrapping, data and signing keys; what was sealed before still opens")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/keys.ts")).rotate(options));
keysCommand("import", "seal a root credential, read from standard input, for { sealed: <name> } in the config")
  .argument("<name>")
  .option("--file <path>", "read it from a file")
  .action(async (name, options) => (await import("./commands/keys.ts")).importRoot(name, options));

command("doctor", "look at every layer and try every limit on this machine, and say which are armed")
  .option("--attack", "run all of our own attacks against this installation, and say of each whether the defence held")
  .option("--json", "as JSON")
  .addHelpText(
    "after",
    "\nExit codes: 0 everything held, 2 a required layer isn't armed, 6 a defence broke, 130 interrupted",
  )
  .action(async (options) => (await import("./commands/doctor.ts")).doctor(options));

command("check", "check config and jobs without running them")
  .option("--json", "as JSON")
  .action(async (options) => (await import("./commands/check.ts")).check(options));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  else process.exitCode = fail(error, process.argv.includes("--json"));
}
