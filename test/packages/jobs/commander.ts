import { Command } from "commander";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  const seen: unknown[] = [];
  const program = new Command("tool")
    .exitOverride()
    .configureOutput({ writeErr: (text) => void seen.push(text.trim()) });
  program
    .command("send <to>")
    .option("-n, --times <count>", "how often", Number, 1)
    .action((to, { times }) => void seen.push([to, times]));
  await program.parseAsync(["send", "ada", "-n", "3"], { from: "user" }); // a job has no argv: its words come as its input
  const code = await program.parseAsync(["send"], { from: "user" }).catch((error: { code: string }) => error.code);
  return { seen, code };
});
