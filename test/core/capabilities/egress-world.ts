// A run's egress without a network: a resolver that answers from a table, a client that records each dial and answers
// from a script, and a clock that stands still until it is told otherwise.
import type { Test } from "tap";
import { Denied, type Failed } from "../../../runtime/core/capabilities/capability.ts";
import type { SealedCredential } from "../../../runtime/core/capabilities/credential.ts";
import { makeNetwork } from "../../../runtime/core/capabilities/network.ts";
import { makeLeakGuard } from "../../../runtime/core/leases/leak-guard.ts";
import { parseNetworkRule } from "../../../runtime/model/allowlist.ts";
import type { AuditEvent } from "../../../runtime/model/audit-event.ts";
import type { CheckedTarget } from "../../../runtime/model/checked.ts";
import { defaultLimits, type Limits } from "../../../runtime/model/limits.ts";
import { noUsage } from "../../../runtime/model/run.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import {
  collect,
  type Exchange,
  ExchangeFailure,
  type HttpClient,
  inOnePiece,
  type RequestBody,
} from "../../../runtime/ports/http-client.ts";
import type { Arguments } from "../../../runtime/protocol/bridge.ts";

export interface Dial {
  target: CheckedTarget;
  body: Uint8Array | null;
  totalMs: number;
  signal: AbortSignal;
}

/** What a server says; 200 and nothing by default. */
export type Said = Partial<Omit<Exchange, "body" | "wireBytes"> & { body: Uint8Array; wireBytes: number }>;

export interface WorldParts {
  allow: string[];
  privateAddresses?: string[];
  sealed?: SealedCredential | null;
  /** The job was given this text. */
  revealed?: string;
  limits?: Partial<Limits>;
  /** Answers by name; a function is asked each time. */
  names?: Record<string, string[] | (() => string[] | Promise<string[]>)>;
  /** What the servers say. */
  answer?: (dial: Dial) => Said | Promise<Said>;
  client?: HttpClient;
}

/** What a request has beside its URL. */
export type More = Partial<Omit<Arguments<"http.request">, "body">> & {
  body?: string;
  /** In the place of `body`. */
  bytes?: Uint8Array;
  /** How the guest sends it: with the call, or when it is asked. */
  sends?: "inline" | "stream" | "again";
};

export async function wholeOf(body: RequestBody | null): Promise<Uint8Array | null> {
  return body === null || body instanceof Uint8Array ? body : collect(body.pieces);
}

export interface ManualClock extends Clock {
  pass(ms: number): void;
  /** Timers that are set. */
  pending(): number;
}

export function makeManualClock(): ManualClock {
  let now = 0;
  const timers = new Set<{ at: number; call: () => void }>();
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    setTimer(delayMs, call) {
      const timer = { at: now + delayMs, call };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    pass(ms) {
      now += ms;
      for (const timer of [...timers]) {
        if (timer.at > now || !timers.delete(timer)) continue;
        timer.call();
      }
    },
    pending: () => timers.size,
  };
}

export function makeWorld(parts: WorldParts) {
  const dials: Dial[] = [];
  const asked: string[] = [];
  const events: AuditEvent[] = [];
  const clock = makeManualClock();
  const usage = { ...noUsage };
  const recording: HttpClient = {
    async exchange(target, asked, { totalMs }, signal) {
      const dial: Dial = { target, body: null, totalMs, signal };
      dials.push(dial);
      dial.body = await wholeOf(asked);
      const { body = new Uint8Array(0), wireBytes = body.length, ...head } = (await parts.answer?.(dial)) ?? {};
      const ok = { status: 200, statusText: "OK", headers: [] };
      return { ...ok, ...head, body: inOnePiece(body), wireBytes: () => wireBytes };
    },
    async close() {},
  };
  const allow = parts.allow.map((text) => {
    const parsed = parseNetworkRule(text);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.rule;
  });
  const guard = makeLeakGuard({
    isRevealed: parts.revealed !== undefined,
    known: [],
    onLeak: () => {},
    onBlind: () => {},
  });
  guard.arm([parts.revealed ?? "", parts.sealed?.reveal() ?? ""]);
  const network = makeNetwork({
    guard,
    grant: { allow, privateAddresses: parts.privateAddresses ?? [] },
    sealed: parts.sealed ?? null,
    resolver: {
      async resolve(host) {
        asked.push(host);
        const found = parts.names?.[host] ?? [];
        return typeof found === "function" ? found() : found;
      },
    },
    client: parts.client ?? recording,
    limits: { ...defaultLimits, ...parts.limits },
    clock,
  });

  /** Through both steps, as the gate takes them. */
  async function request(url: string, more: More = {}, signal = new AbortController().signal) {
    const { body, bytes: given, sends = "inline", bodyBytes = null, ...own } = more;
    const whole = Buffer.from(given ?? body ?? "");
    const upload = () => inOnePiece(whole);
    const context = { signal, usage, upload, record: async (event: AuditEvent) => void events.push(event) };
    const kind = (given ?? body) === undefined ? ("none" as const) : sends;
    const args = { url, method: "GET", headers: [], redirect: "follow" as const, body: kind, bodyBytes, ...own };
    const bytes = kind === "inline" ? whole : Buffer.alloc(0);
    const plan = await network.request.authorize(args, bytes, context);
    events.push({ type: "allow", target: network.request.target?.(plan) ?? "" });
    const answer = await network.request.act(plan, bytes, context);
    return {
      ...(answer.value as { status: number; url: string; redirected: boolean; headers: [string, string][] }),
      body: await collect(answer.stream ?? inOnePiece(new Uint8Array(0))),
    };
  }

  /** How a request that must not succeed was refused. */
  async function refusal(...args: Parameters<typeof request>): Promise<Denied | Failed> {
    try {
      await request(...args);
    } catch (error) {
      return error as Denied | Failed;
    }
    throw new Error(`${args[0]} was answered`);
  }

  return { network, request, refusal, guard, dials, asked, events, clock, usage };
}

/** A sealed credential whose life the test holds. */
export function makeSealed(value: string, hosts: string[], header = "authorization") {
  const state = { value: value as string | undefined };
  const sealed: SealedCredential = {
    placeholder: "mayfly-sealed-00ff",
    place: { header },
    hosts,
    ...{ requests: null, perRequest: 1 },
    reveal: () => state.value,
    isExpired: () => false,
    key: () => undefined,
    wasFetched: () => state.value !== undefined,
    use: () => {},
  };
  return { sealed, state };
}

export const PUBLIC = "93.184.215.14";
export const partner: WorldParts = {
  allow: ["GET,POST,PUT,DELETE https://api.partner.test/v1/*"],
  names: { "api.partner.test": [PUBLIC], "other.partner.test": ["93.184.215.15"] },
};
export const orders = "https://api.partner.test/v1/orders";
export const redirectTo = (location: string, status = 302) => ({
  status,
  headers: [["location", location]] as [string, string][],
});

/** A server that says nothing, until the client is told to leave it. */
export const untilAborted = ({ signal }: Dial) =>
  new Promise<object>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new ExchangeFailure("aborted", "")));
  });

/** Refused with this code, and nothing was dialled. */
export async function denies(
  t: Test,
  parts: WorldParts,
  code: string,
  ...asked: Parameters<ReturnType<typeof makeWorld>["request"]>
) {
  const world = makeWorld(parts);
  const error = await world.refusal(...asked);
  t.equal(error.code, code, `${asked[1]?.method ?? ""} ${asked[0]} ${JSON.stringify(asked[1]?.headers ?? "")}`);
  t.type(error, Denied);
  t.equal(world.dials.length, 0, "dial=0");
  t.equal(world.usage.requests, 0);
  return error as Denied;
}
