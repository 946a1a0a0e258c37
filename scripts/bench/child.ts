// The benchmark's other processes, as it speaks to them: a program beside this file, told things and answering them one
// after another. They end with the benchmark, however that ends (`endWithParent`).
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

export interface Child {
  tell(message: object): void;
  /** The next thing that it says. Rejects when it ends instead. */
  hear<Message>(): Promise<Message>;
  stop(): Promise<void>;
}

/** @param program a file beside this one. */
export function startChild(program: string): Child {
  const process = fork(join(import.meta.dirname, program), { execArgv: [] });
  const heard: unknown[] = [];
  let waiting: { resolve(message: never): void; reject(error: Error): void } | undefined;
  let ended: Error | undefined;
  process.on("message", (message) => {
    if (waiting === undefined) heard.push(message);
    else waiting.resolve(message as never);
    waiting = undefined;
  });
  process.once("exit", (code, signal) => {
    ended = new Error(`${program} ended with ${signal ?? `code ${code}`}`);
    waiting?.reject(ended);
  });
  return {
    tell: (message) => void process.send(message),
    hear<Message>() {
      if (heard.length > 0) return Promise.resolve(heard.shift() as Message);
      if (ended !== undefined) return Promise.reject(ended);
      return new Promise<Message>((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
    stop: () => endOf(process),
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}

/** For the programs themselves. */
export function endWithParent(): void {
  process.once("disconnect", () => process.exit(0));
}

/** For the programs themselves: says something to the benchmark. */
export function sayToParent(message: object): void {
  process.send?.(message);
}
