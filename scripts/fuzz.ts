// Fuzzes the parsers of hostile bytes for as long as you like. The generators and what must hold are test/fuzz's.
import { parseArgs } from "node:util";
import { fuzzers } from "../test/fuzz/all.ts";

const help = `Fuzzes the parsers of hostile bytes, one after another.

  npm run fuzz -- [--target <name> …] [--seed <number>] [--seconds 60]

${fuzzers.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join("\n")}

  --target   only these
  --seed     the same seed gives the same cases in the same order
  --seconds  for all targets together

  exit code 0   nothing was found
            1   a case failed: the smallest one is printed, and the command that gives it again
            2   it could not be run
`;

const seedMax = 2 ** 31 - 1;

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new Error(`--${name}: needed a number, 1 to ${max}`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: "string", multiple: true, default: [] },
      seed: { type: "string", default: String(1 + (Date.now() % 1_000_000)) },
      seconds: { type: "string", default: "60" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const unknown = values.target.filter((target) => !fuzzers.some(({ name }) => name === target));
  if (unknown.length > 0)
    throw new Error(`--target ${unknown[0]}: needed one of ${fuzzers.map(({ name }) => name).join(", ")}`);
  const [seed, seconds] = [whole("seed", values.seed, seedMax), whole("seconds", values.seconds, 86_400)];
  const targets = fuzzers.filter(({ name }) => values.target.length === 0 || values.target.includes(name));
  const withinMs = (seconds * 1_000) / targets.length;
  for (const { name, run } of targets) {
    process.stderr.write(`${name}, seed ${seed}, ${Math.round(withinMs / 1_000)} s …\n`);
    try {
      const { cases } = await run({ seed, cases: seedMax, withinMs });
      process.stdout.write(`${name.padEnd(10)}${cases} cases, none failed\n`);
    } catch (error) {
      process.stdout.write(`${name.padEnd(10)}FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
      process.stdout.write(`again: npm run fuzz -- --target ${name} --seed ${seed} --seconds ${seconds}\n`);
      process.exitCode = 1;
    }
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
