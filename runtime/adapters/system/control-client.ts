// Talks to a `mayfly start` over its unix socket.
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { MayflyError } from "../../model/error.ts";
import type { RunEvent } from "../../model/run-event.ts";
import { type ErrorAnswer, fromErrorAnswer, type StatusAnswer, type SubmissionAnswer } from "../../protocol/control.ts";

export interface ControlClient {
  submit(submission: { job: string; input: unknown; key?: string }): Promise<SubmissionAnswer>;
  /** Yields until `ended`, or until the other side is gone. */
  events(id: string): AsyncIterable<RunEvent>;
  kill(id: string): Promise<{ killed: boolean }>;
  status(): Promise<StatusAnswer>;
}

/** All reject with MayflyError: `start_absent` when nobody listens, or what the other side said. */
export function makeControlClient(socketPath: string): ControlClient {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await send(socketPath, method, path, body);
    let text = "";
    for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) text += chunk;
    const value = JSON.parse(text) as T | ErrorAnswer;
    if (isError(value)) throw fromErrorAnswer(value);
    return value;
  }

  return {
    submit: (submission) => ask("POST", "/v1/runs", submission),
    kill: (id) => ask("POST", `/v1/runs/${id}/kill`),
    status: () => ask("GET", "/v1/status"),
    async *events(id) {
      const response = await send(socketPath, "GET", `/v1/runs/${id}/events`);
      for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY }))
        yield JSON.parse(line) as RunEvent;
    },
  };
}

function isError(value: unknown): value is ErrorAnswer {
  return typeof value === "object" && value !== null && "error" in value;
}

function send(socketPath: string, method: string, path: string, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { "content-type": "application/json" } }, resolve);
    asked.on("error", (cause) => reject(absent(socketPath, cause)));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function absent(socketPath: string, cause: NodeJS.ErrnoException): MayflyError {
  return new MayflyError({
    code: "start_absent",
    message: "no `mayfly start` answers here",
    found: `${socketPath}: ${cause.code ?? cause.message}`,
    needed: "a running `mayfly start` with the same config",
    next: "run `mayfly start`, or run the job in place: `mayfly run <job>`",
    cause,
  });
}
