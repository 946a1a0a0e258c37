// The network of a test: what servers answered to a recorded run. The job's grants are the real ones. Requests are told by
// method and URL, and those of one method and URL are answered in the recorded order, each once; what the recording doesn't
// have fails as if nothing listened. A redirect that was followed then is followed again, in one hop.
import type { Given, Recording } from "../core/recording/recording.ts";
import { type Exchange, ExchangeFailure, type ExchangeFailureCode, type HttpClient } from "../ports/http-client.ts";
import { type HandledRequest, toRequest } from "./network-handlers.ts";

/** Made by `recording`. */
export interface RecordedNetwork {
  readonly kind: "mayfly.recording";
  /**
   * A run of the config's installation, or a file that `mayfly replay <run> --export <file>` has written: relative to the
   * config. One that is sealed needs the installation's keys.
   */
  readonly source: string;
}

/** A recorded run as the network of a test: `testRun(job, { network: recording("./orders.recording") })`. */
export function recording(source: string): RecordedNetwork {
  return Object.freeze({ kind: "mayfly.recording", source });
}

export function isRecordedNetwork(network: object | undefined): network is RecordedNetwork {
  return (network as Partial<RecordedNetwork> | undefined)?.kind === "mayfly.recording";
}

interface Recorded {
  head:
    | { status: number; statusText: string; headers: [string, string][]; url: string; redirected: boolean }
    | ExchangeFailure;
  pieces: Uint8Array[];
  /** Instead of its end. */
  failure: ExchangeFailure | null;
}

export function makeRecordedClient(from: Recording, requests: HandledRequest[]): HttpClient {
  const answers = answersOf(from);
  /** Of redirects that the job has been sent on, by what it asks next. */
  const onTheWay = new Map<string, Recorded[]>();
  return {
    async exchange(target, body, limits) {
      const request = await toRequest(target, body);
      requests.push(request);
      const asked = `${request.method} ${request.url}`;
      const answer = onTheWay.get(asked)?.shift() ?? answers.get(asked)?.shift();
      if (answer === undefined)
        throw new ExchangeFailure("net_unreachable", `the recording has no more answer to ${asked}`);
      if (answer.head instanceof ExchangeFailure) throw answer.head;
      const { redirected, url } = answer.head;
      if (!redirected || request.url === url) return exchangeOf(answer, limits.bodyBytesMax);
      const method = request.method === "HEAD" ? "HEAD" : "GET";
      const next = `${method} ${url}`;
      onTheWay.set(next, [...(onTheWay.get(next) ?? []), answer]);
      return redirectTo(url);
    },
    close: async () => {},
  };
}

function exchangeOf({ head, pieces, failure }: Recorded, bytesMax: number): Exchange {
  const { status, statusText, headers } = head as Exclude<Recorded["head"], ExchangeFailure>;
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  if (bytes > bytesMax) throw new ExchangeFailure("response_size", `the response is over ${bytesMax} bytes`);
  async function* body() {
    yield* pieces;
    if (failure !== null) throw failure;
  }
  return { status, statusText, headers, body: body(), wireBytes: () => bytes };
}

async function* nothing() {}

function redirectTo(location: string): Exchange {
  return { status: 302, statusText: "Found", headers: [["location", location]], body: nothing(), wireBytes: () => 0 };
}

/** By method and URL, in the order in which they were asked for. */
function answersOf({ calls, given }: Recording): Map<string, Recorded[]> {
  const answers = new Map<string, Recorded[]>();
  for (const { id, op, args } of calls) {
    if (op !== "http.request") continue;
    const { method, url } = args as { method: string; url: string };
    const answer = answerOf(given.filter((each) => each.type !== "signal" && each.id === id));
    if (answer === undefined) continue; // its run ended before it came
    const key = `${method} ${withoutHash(url)}`;
    answers.set(key, [...(answers.get(key) ?? []), answer]);
  }
  return answers;
}

function answerOf(given: readonly Given[]): Recorded | undefined {
  const reply = given.find((each) => each.type === "reply");
  if (reply === undefined || reply.type !== "reply") return undefined;
  if (!reply.ok) return { head: failureOf(reply.error), pieces: [], failure: null };
  const pieces = given.flatMap((each) => (each.type === "piece" ? [each] : []));
  const failed = pieces.find(({ error }) => error !== undefined)?.error;
  return {
    head: reply.value as Exclude<Recorded["head"], ExchangeFailure>,
    pieces: pieces.map(({ body }) => body).filter(({ length }) => length > 0),
    failure: failed === undefined ? null : failureOf(failed),
  };
}

/** Denials are the job's grants to repeat; what else there was, the request could not be made. */
const failures: readonly ExchangeFailureCode[] = [
  ...(["net_unreachable", "net_busy", "net_timeout", "net_tls", "net_protocol"] as const),
  ...(["response_size", "response_header", "aborted"] as const),
];

function failureOf({ code, message }: { code: string; message: string }): ExchangeFailure {
  return new ExchangeFailure(failures.find((each) => each === code) ?? "net_unreachable", message);
}

function withoutHash(url: string): string {
  return url.replace(/#.*$/s, "");
}
