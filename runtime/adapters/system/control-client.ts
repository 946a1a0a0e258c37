// Talks to a `mayfly start` over its unix socket.
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { MayflyError } from "../../model/error.ts";
import type { Lease } from "../../model/lease.ts";
import type { RunEvent } from "../../model/run-event.ts";
import {
  type ErrorAnswer,
  fromErrorAnswer,
  type RevocationRequest,
  type RevokeLine,
  type StatusAnswer,
  type SubmissionAnswer,
} from "../../protocol/control.ts";

export interface ControlClient {
  submit(submission: { job: string; input: unknown; key?: string }): Promise<SubmissionAnswer>;
  /** Yields until `ended`, or until the other side is gone. */
  events(id: string): AsyncIterable<RunEvent>;
  kill(id: string): Promise<{ killed: boolean }>;
  /**
   * Yields each lease when it is proven dead or its tries are over. Rejects with `start_absent` too when nothing is said
   * for `silenceMsMax`: whoever listens there was stopped.
   */
  revoke(request: RevocationRequest): AsyncIterable<Lease>;
  status(): Promise<StatusAnswer>;
}

/** Four tries of an issuer that doesn't answer take 40 s, and each lease is told of by then. */
const silenceMsMax = 60_000;

/** All reject with MayflyError: `start_absent` when nobody listens, or what the other side said. */
export function makeControlClient(socketPath: string): ControlClient {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return read<T>(await send(socketPath, method, path, body));
  }

  async function read<T>(response: IncomingMessage): Promise<T> {
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
    async *revoke(asked) {
      const response = await send(socketPath, "POST", "/v1/revoke", asked, silenceMsMax);
      if (response.statusCode !== 200) await read(response);
      try {
        for await (const text of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
          const line = JSON.parse(text) as RevokeLine;
          if ("error" in line) throw fromErrorAnswer(line);
          if ("done" in line) return;
          yield line.lease;
        }
      } catch (error) {
        if (error instanceof MayflyError || response.complete) throw error;
      } finally {
        response.destroy();
      }
      throw absent(socketPath, new Error("it went away in the middle of its answer"));
    },
    async *events(id) {
      const response = await send(socketPath, "GET", `/v1/runs/${id}/events`);
      if (response.statusCode !== 200) await read(response);
      try {
        for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY }))
          yield JSON.parse(line) as RunEvent;
      } catch (error) {
        if (response.complete) throw error; // else the other side is gone, in the middle of its word
      } finally {
        response.destroy(); // who stops listening is not to be told any more
      }
    },
  };
}

function isError(value: unknown): value is ErrorAnswer {
  return typeof value === "object" && value !== null && "error" in value;
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  silenceMs?: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { "content-type": "application/json" } }, resolve);
    if (silenceMs !== undefined) asked.setTimeout(silenceMs, () => asked.destroy(new Error("it gives no answer")));
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
