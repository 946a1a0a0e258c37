// Egress: the only minter of CheckedTarget. It decides for every hop, first or redirected, in one order: the URL and the
// fields (network-asked.ts), the allowlist, the host's address (network-addresses.ts), the sealed credential
// (network-sealed.ts); then the adapter dials what was minted and nothing else. It counts requests, keeps turns
// (network-queue.ts), bounds the time of a request over all its hops, and follows redirects itself.
// It leaves bytes on the wire, TLS and the size of answers to the HttpClient. A Denied that `act` throws is for the gate
// to record, like one of `authorize`; hops that are allowed are recorded here, before they are made.
import { matchRule, nearestRule, parseNetworkRule, type RequestLine, ruleTextFor } from "../../model/allowlist.ts";
import { type CheckedTarget, mint } from "../../model/checked.ts";
import { quote } from "../../model/error.ts";
import type { NetworkGrant } from "../../model/grant.ts";
import type { Limits } from "../../model/limits.ts";
import { formatDuration, formatSize } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type Exchange, ExchangeFailure, type ExchangeFailureCode, type HttpClient } from "../../ports/http-client.ts";
import type { Resolver } from "../../ports/resolver.ts";
import type { Arguments } from "../../protocol/bridge.ts";
import { type Answer, type CallContext, Denied, Failed, type Operation } from "./capability.ts";
import type { SealedCredential } from "./credential.ts";
import { makeAddressBook } from "./network-addresses.ts";
import { type Asked, readAsked } from "./network-asked.ts";
import { makeRequestQueue, type Ticket } from "./network-queue.ts";
import { nextAsked, redirectLocation } from "./network-redirect.ts";
import { placeCredential, refuseValue, withoutSecret } from "./network-sealed.ts";

/** Redirects that one request follows: half of what browsers do; a chain of more is a loop or a game. */
const REDIRECTS_MAX = 10;
/** Waiting requests for each one that may be under way: enough to map over a list, too few to fill the supervisor. */
const WAITING_PER_TURN = 16;
const RULE_CHARS_MAX = 300;

export interface NetworkParts {
  grant: NetworkGrant;
  /** null when the run has no credential of delivery `sealed`. */
  sealed: SealedCredential | null;
  resolver: Resolver;
  /** The run's own. */
  client: HttpClient;
  limits: Limits;
  clock: Clock;
}

/** One allowed hop. */
interface Hop {
  asked: Asked;
  target: CheckedTarget;
}

/** What `authorize` hands to `act`. */
export interface NetworkPlan {
  hop: Hop;
  redirect: "follow" | "manual" | "error";
  ticket: Ticket;
  budget: Budget;
}

/** What is left of a request's time. Waiting for a turn does not count: the run's own time bounds that. */
interface Budget {
  remainingMs: number;
}

export interface Network {
  request: Operation<Arguments<"http.request">, NetworkPlan>;
}

/**
 * The capability of one run.
 * Denied: url_invalid, scheme, userinfo, path_ambiguous, method, header, request_size, requests, sockets, not_allowed,
 * address_private, credential_place, ended, redirect, redirects.
 * Failed: resolve_failed, redirect, and the codes of ExchangeFailure.
 */
export function makeNetwork({ grant, sealed, resolver, client, limits, clock }: NetworkParts): Network {
  const addresses = makeAddressBook({ resolver, privateAddresses: grant.privateAddresses });
  const queue = makeRequestQueue({
    atOnce: limits.requestsAtOnce,
    waitingMax: limits.requestsAtOnce * WAITING_PER_TURN,
    bodyBytesMax: limits.requestsAtOnce * limits.requestBodyBytes,
  });

  async function authorize(args: Arguments<"http.request">, body: Uint8Array, context: CallContext) {
    const asked = readAsked(args, body);
    const bodyBytes = asked.body?.length ?? 0;
    if (bodyBytes > limits.requestBodyBytes) throw tooLarge(bodyBytes, limits, asked);
    const ticket = queue.reserve(bodyBytes, context.signal);
    if (ticket === undefined) throw queueFull(limits, asked);
    const budget = { remainingMs: limits.requestMs };
    try {
      return { hop: await decide(asked, budget, context), redirect: args.redirect, ticket, budget };
    } catch (error) {
      ticket.release();
      throw error;
    }
  }

  /** The whole decision on one hop. */
  async function decide(asked: Asked, budget: Budget, context: CallContext): Promise<Hop> {
    refuseValue(sealed, asked);
    requireRequestLeft(asked, context);
    if (matchRule(grant.allow, asked.line) === undefined) throw notAllowed(grant, asked);
    const address = await timed(budget, context.signal, (signal) => addresses.addressFor(asked, signal));
    const headers = placeCredential(sealed, asked, address);
    requireRequestLeft(asked, context); // again: others may have been counted while the name was resolved
    context.usage.requests += 1;
    const { method, scheme, host, port } = asked.line;
    const path = asked.url.pathname + asked.url.search;
    return { asked, target: mint<CheckedTarget>({ method, scheme, host, port, address, path, headers }) };
  }

  async function act({ hop, redirect, ticket, budget }: NetworkPlan, context: CallContext): Promise<Answer> {
    try {
      await ticket.turn();
      return await exchangeAll(hop, redirect, budget, context);
    } finally {
      ticket.release();
    }
  }

  async function exchangeAll(
    first: Hop,
    redirect: NetworkPlan["redirect"],
    budget: Budget,
    context: CallContext,
  ): Promise<Answer> {
    let hop = first;
    for (let redirects = 0; ; redirects += 1) {
      const exchange = await send(hop, budget, context);
      const location = redirect === "manual" ? undefined : redirectLocation(exchange);
      if (location === undefined) return answerOf(hop.asked, exchange, redirects > 0);
      if (redirect === "error")
        throw new Failed("redirect", "the server redirects, and the request asked for no redirect");
      if (redirects === REDIRECTS_MAX) {
        throw new Denied("redirects", `more than ${REDIRECTS_MAX} redirects for one request`, hop.asked.target);
      }
      hop = await follow(hop.asked, exchange.status, location, budget, context);
    }
  }

  async function follow(
    from: Asked,
    status: number,
    location: string,
    budget: Budget,
    context: CallContext,
  ): Promise<Hop> {
    try {
      const hop = await decide(nextAsked(from, status, location), budget, context);
      await context.record({
        type: "allow",
        capability: "http.request",
        target: hop.asked.target,
        detail: `redirect ${status}`,
      });
      return hop;
    } catch (error) {
      throw asRedirect(error, from);
    }
  }

  async function send(hop: Hop, budget: Budget, context: CallContext): Promise<Exchange> {
    const { asked, target } = hop;
    context.usage.bytesOut += asked.body?.length ?? 0;
    try {
      const exchange = await timed(budget, context.signal, (signal, totalMs) =>
        client.exchange(
          target,
          asked.body,
          { totalMs, headerBytesMax: limits.responseHeaderBytes, bodyBytesMax: limits.responseBodyBytes },
          signal,
        ),
      );
      context.usage.bytesIn += exchange.wireBytes;
      return exchange;
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      if (error.code === "net_unreachable") addresses.putLast(target.host, target.address);
      throw new Failed(error.code, failureText(error.code, limits));
    }
  }

  /** Runs `work` with what is left of the request's time; its signal aborts with Failed `net_timeout` or `aborted`. */
  async function timed<T>(
    budget: Budget,
    outer: AbortSignal,
    work: (signal: AbortSignal, remainingMs: number) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const stop = (code: "net_timeout" | "aborted") => controller.abort(new Failed(code, failureText(code, limits)));
    const onAbort = () => stop("aborted");
    if (outer.aborted) onAbort();
    if (budget.remainingMs <= 0) stop("net_timeout");
    controller.signal.throwIfAborted();
    outer.addEventListener("abort", onAbort, { once: true });
    const cancel = clock.setTimer(budget.remainingMs, () => stop("net_timeout"));
    const startedMs = clock.monotonicMs();
    try {
      return await work(controller.signal, budget.remainingMs);
    } catch (error) {
      // The client says `aborted` for our own timer too: the reason is ours to know.
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      cancel();
      outer.removeEventListener("abort", onAbort);
      budget.remainingMs -= clock.monotonicMs() - startedMs;
    }
  }

  function requireRequestLeft(asked: Asked, context: CallContext): void {
    if (context.usage.requests < limits.requests) return;
    const message = `the run has made its ${limits.requests} requests; raise limits.requests to allow more`;
    throw new Denied("requests", message, asked.target);
  }

  const scrubbed = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw withoutSecret(sealed, error);
    }
  };

  return {
    request: {
      authorize: (args, body, context) => scrubbed(authorize(args, body, context)),
      act: (plan, _body, context) => scrubbed(act(plan, context)),
      target: (plan) => plan.hop.asked.target,
    },
  };
}

function answerOf(asked: Asked, exchange: Exchange, redirected: boolean): Answer {
  const url = new URL(asked.url);
  url.hash = "";
  const { status, statusText, headers, body } = exchange;
  return { value: { status, statusText, headers, url: url.href, redirected }, body };
}

function notAllowed(grant: NetworkGrant, asked: Asked): Denied {
  const nearest = nearestRule(grant.allow, asked.line);
  const parts = [`${quote(asked.target, RULE_CHARS_MAX)} is not in network.allow`];
  if (grant.allow.length === 0) parts.push("which is empty");
  if (nearest !== undefined) parts.push(`the nearest rule is ${quote(nearest.text, RULE_CHARS_MAX)}`);
  parts.push(remedyFor(asked.line));
  return new Denied("not_allowed", parts.join("; "), asked.target);
}

function remedyFor(line: RequestLine): string {
  const text = ruleTextFor(line);
  const parsed = parseNetworkRule(text);
  if (!parsed.ok) return `no rule can allow it: ${parsed.message}`;
  return `to allow it, add ${quote(text, RULE_CHARS_MAX)} to network.allow`;
}

/** Where a redirect leads is one kind of refusal; limits and the credential keep their own codes. */
function asRedirect(error: unknown, from: Asked): unknown {
  const places = ["url_invalid", "scheme", "userinfo", "path_ambiguous", "not_allowed", "address_private", "redirect"];
  if (!(error instanceof Denied) || !places.includes(error.code)) return error;
  const message = `${quote(from.target, RULE_CHARS_MAX)} redirects to where the job may not go (${error.code}): ${error.message}`;
  return new Denied("redirect", message, error.target);
}

function tooLarge(bodyBytes: number, limits: Limits, asked: Asked): Denied {
  const message = `the request's body has ${bodyBytes} bytes, at most ${formatSize(limits.requestBodyBytes)}; raise limits.requestBody`;
  return new Denied("request_size", message, asked.target);
}

function queueFull(limits: Limits, asked: Asked): Denied {
  const waiting = limits.requestsAtOnce * WAITING_PER_TURN;
  const message = `${limits.requestsAtOnce} requests are under way and the queue for ${waiting} more is full; await some first`;
  return new Denied("sockets", message, asked.target);
}

/** One text for a code: neither an address nor the machine's own words (NET-38). */
function failureText(code: ExchangeFailureCode, limits: Limits): string {
  switch (code) {
    case "net_unreachable":
      return "the server could not be reached, or it closed the connection";
    case "net_timeout":
      return `the request was not done within ${formatDuration(limits.requestMs)}`;
    case "net_tls":
      return "the server's certificate or its TLS was not accepted";
    case "net_protocol":
      return "what came back is no valid HTTP response";
    case "response_size":
      return `the response's body passes ${formatSize(limits.responseBodyBytes)}, decompressed`;
    case "response_header":
      return `the response's header fields pass ${formatSize(limits.responseHeaderBytes)}`;
    case "aborted":
      return "the request was given up";
  }
}
