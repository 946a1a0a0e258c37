// Stands in an executor's place for `mayfly doctor --attack`: what a job could make its process do once it had left its
// isolate. It starts as the real one does (main.ts), gives up the same rights, and then tries, in plain Node, what the
// walls around it must refuse. No job ever runs in it. Whether what it reports is good is cli/doctor's to judge.
//
// Launched with `AttackOrders` as the bundle; its result is one line an attempt: "refused: CODE" or "did: …".
// argv: as main.ts.
import { spawn } from "node:child_process";
import { openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { encodeFrame, type Frame, FrameDecoder } from "../protocol/frame.ts";
import { becomeNobody, dropPowers, endWithSupervisor } from "./limits.ts";
import { readPipe, writePipe } from "./pipe.ts";

export interface AttackOrders {
  /** Of a listener on 127.0.0.1 that records. */
  port: number;
  /** The supervisor's. */
  pid: number;
  /** Absolute paths on the host: a file to read, one to write, a directory to list. */
  readable: string;
  writable: string;
  listable: string;
  /** Takes this much memory and touches it, bytes; 0 for none. */
  memoryBytes: number;
  /** Lives on when its pipe ends, and whatever else it is asked to do it leaves. */
  clings: boolean;
}

const descriptorsTried = 256;
const blockBytes = 1_048_576;
const clingMs = 1_000;

becomeNobody(Number(process.argv[6] ?? "65534"));
let onPipeEnd: () => void = endWithSupervisor;

function send(frame: Frame): void {
  for (const part of encodeFrame(frame)) writePipe(part);
}

async function attempt(action: () => unknown): Promise<string> {
  try {
    return `did: ${String(await action()).slice(0, 200)}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `refused: ${code ?? message.slice(0, 100)}`;
  }
}

function attempts(orders: AttackOrders): Record<string, () => unknown> {
  return {
    environment: () => Object.keys(process.env).filter((name) => name !== "PWD").length,
    user: () => process.getuid?.(),
    "root again": () => process.setuid?.(0),
    "/etc/passwd": () => readFileSync("/etc/passwd").length,
    read: () => readFileSync(orders.readable).length,
    list: () => readdirSync(orders.listable).length,
    write: () => writeFileSync(orders.writable, "escaped"),
    connect: () => connects(orders.port),
    child: () => runs(process.execPath),
    signal: () => process.kill(orders.pid, "SIGUSR2"),
    descriptors: () => Array.from({ length: descriptorsTried }, () => openSync(process.execPath, "r")).length,
  };
}

function connects(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    connect(port, "127.0.0.1", () => resolve("connected")).once("error", reject);
  });
}

function runs(file: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    spawn(file, ["--version"], { stdio: "ignore" }).once("error", reject).once("exit", resolve);
  });
}

/** Touched block by block, so that it is resident; never more than ordered. */
function take(bytes: number): number {
  const held: Uint8Array[] = [];
  for (let taken = 0; taken < bytes; taken += blockBytes) held.push(new Uint8Array(blockBytes).fill(1));
  return held.length;
}

/** What the real executor does at its pipe's end (limits.ts), undone. */
function cling(): string {
  onPipeEnd = () => {};
  setInterval(() => {}, clingMs);
  return "clings";
}

async function act(orders: AttackOrders): Promise<void> {
  const found: Record<string, string> = {};
  if (orders.clings) found.cling = cling();
  else if (orders.memoryBytes > 0) found.memory = await attempt(() => take(orders.memoryBytes));
  else for (const [name, action] of Object.entries(attempts(orders))) found[name] = await attempt(action);
  send({ header: { type: "done" }, body: Buffer.from(JSON.stringify(found)) });
}

dropPowers();
const decoder = new FrameDecoder();
readPipe(
  (chunk) => {
    for (const { header, body } of decoder.push(chunk)) {
      if (header.type === "launch") void act(JSON.parse(Buffer.from(body).toString("utf8")) as AttackOrders);
    }
  },
  () => onPipeEnd(),
);
send({ header: { type: "ready" }, body: new Uint8Array(0) });
