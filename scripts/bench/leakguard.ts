// What the leak guard costs: bytes a second through it on text that holds no credential, by kind of text and of credential,
// and what it takes to be armed. And which forms it catches, tried one by one. A process of its own; of one core's time.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { encodedForms } from "../../runtime/core/leases/leak-forms.ts";
import { makeInspector } from "../../runtime/core/leases/leak-inflate.ts";
import { makeScanner, type Scanner } from "../../runtime/core/leases/leak-scanner.ts";
import { makeLeakStream } from "../../runtime/core/leases/leak-stream.ts";
import { canaryForms, makeCanary } from "../../runtime/testkit/canary.ts";
import { spreadOf } from "./stats.ts";

const help = `What the leak guard costs on clean text, and the forms that it catches.

  npm run bench:leakguard -- [--json <file>] [--megabytes 64] [--rounds 7]
`;

/** As a body streams. */
const pieceBytes = 65_536;
const marker = Buffer.from("[credential]");

function credentials(): Record<string, string> {
  const part = (bytes: number) => randomBytes(bytes).toString("base64url");
  const head = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"k1"}').toString("base64url");
  return {
    "opaque token, 43 characters": part(32),
    "JWT, 620 characters": `${head}.${part(360)}.${part(64)}`,
    "private key, 1,600 characters": randomBytes(1_200).toString("base64"),
  };
}

/** Text that holds no credential, repeated to that size. */
function texts(bytes: number): Record<string, Buffer> {
  const source = sourceFiles(join(import.meta.dirname, "../../runtime"));
  const log = Array.from({ length: 4_000 }, (_, line) =>
    JSON.stringify({
      at: new Date(1.8e12 + line * 977).toISOString(),
      level: "info",
      id: randomBytes(8).toString("hex"),
      text: `order ${line} of customer ${line % 97} was copied`,
      ms: line % 311,
    }),
  ).join("\n");
  return {
    "JSON logs": repeated(Buffer.from(log), bytes),
    "source code": repeated(source, bytes),
    "random Base64": Buffer.from(randomBytes((bytes * 3) / 4).toString("base64")),
    binary: randomBytes(bytes),
  };
}

function sourceFiles(directory: string): Buffer {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return Buffer.concat(names.map((name) => readFileSync(join(directory, name))));
}

function repeated(text: Buffer, bytes: number): Buffer {
  return Buffer.alloc(bytes, text);
}

/** Milliseconds of processor: what else the machine does is left out. */
function timed(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return Math.max(0.001, (user + system) / 1_000);
}

function megabytesPerSecond(scanner: Scanner, text: Buffer, rounds: number): number {
  const rates = Array.from({ length: rounds }, () => {
    const stream = makeLeakStream(scanner, marker);
    const ms = timed(() => {
      for (let at = 0; at < text.length; at += pieceBytes) stream.push(text.subarray(at, at + pieceBytes));
      stream.end();
    });
    return text.length / 1_000 / ms;
  });
  return spreadOf(rates).p50;
}

async function formsCaught(): Promise<Record<string, boolean>> {
  const canary = makeCanary();
  const scanner = makeScanner(encodedForms(canary, []));
  const caught: Record<string, boolean> = {};
  for (const [form, needle] of canaryForms(canary))
    caught[form] = (caught[form] ?? true) && scanner.find(Buffer.from(` ${needle} `, "latin1")).length === 1;
  const packings = { gzip: gzipSync, zlib: deflateSync, deflate: deflateRawSync, brotli: brotliCompressSync };
  for (const [name, pack] of Object.entries(packings)) {
    let isFound = false;
    const inspector = makeInspector(scanner, () => {
      isFound = true;
    });
    await inspector.write(pack(`${"some text ".repeat(100)} ${canary}`));
    await inspector.end();
    caught[name] = isFound;
  }
  return caught;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      megabytes: { type: "string", default: "64" },
      rounds: { type: "string", default: "7" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(help);
  const [megabytes, rounds] = [Number(values.megabytes), Number(values.rounds)];
  if (!(megabytes >= 1 && rounds >= 1)) throw new Error("--megabytes and --rounds: needed numbers from 1");
  const clean = texts(megabytes * 1_000_000);
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const rates: Record<string, Record<string, number>> = {};
  const armMs: Record<string, number> = {};
  say(
    `MB/s, ${megabytes} MB each in pieces of ${pieceBytes} bytes, median of ${rounds}; Node ${process.versions.node}, ${availableParallelism()} cores, one used`,
  );
  for (const [credential, text] of Object.entries(credentials())) {
    const arm = () => makeScanner(encodedForms(text, []));
    armMs[credential] = spreadOf(Array.from({ length: 15 }, () => timed(() => void arm()))).p50;
    const scanner = arm();
    const row: Record<string, number> = {};
    rates[credential] = row;
    for (const [kind, bytes] of Object.entries(clean))
      row[kind] = Math.round(megabytesPerSecond(scanner, bytes, rounds));
    const figures = Object.entries(row).map(([kind, rate]) => `${kind} ${rate}`);
    say(`${credential.padEnd(32)}${figures.join(" · ")} · armed in ${armMs[credential].toFixed(1)} ms`);
  }
  const forms = await formsCaught();
  const missed = Object.keys(forms).filter((form) => forms[form] !== true);
  say(
    `caught: ${Object.keys(forms)
      .filter((form) => forms[form] === true)
      .join(", ")}`,
  );
  if (missed.length > 0) say(`MISSED: ${missed.join(", ")}`);
  const least = Math.min(...Object.values(rates).flatMap((row) => Object.values(row)));
  say(`least   ${least} MB/s`);
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify({ leakguard_mb_per_s_least: least, rates, armMs, forms }, null, 2)}\n`,
    );
  if (missed.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:leakguard: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
