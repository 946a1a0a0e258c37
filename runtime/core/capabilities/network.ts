// Egress: the only minter of CheckedTarget. It decides for every hop, first or redirected, in one order: the URL and the
// fields (network-asked.ts), a credential where none may be (network-leaks.ts), the allowlist, the host's address
// (network-addresses.ts), the sealed credential (network-sealed.ts); then the adapter dials what was minted and nothing else. It counts requests, keeps turns
// (network-queue.ts), bounds the time of a request over all its hops (network-deadline.ts), and follows redirects itself.
// Bodies pass through it piece by piece, both ways, counted as they go.
// It leaves bytes on the wire, TLS and the size of answers to the HttpClient. A Denied that `act` throws is for the gate
// to record, like one of `authorize`; hops that are allowed are recorded here, before they are made.
import { matchRule } from "../../model/allowlist.ts";
import { type CheckedTarget, mint } from "../../model/checked.ts";
import type { NetworkGrant } from "../../model/grant.ts";
import type { Limits } from "../../model/limits.ts";
import { formatDuration, formatSize } from "../../model/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EgressKey } from "../../ports/credential-issuer.ts";
import {
  type Exchange,
  ExchangeFailure,
  type ExchangeFailureCode,
  type HttpClient,
  type RequestBody,
} from "../../ports/http-client.ts";
import type { Resolver } from "../../ports/resolver.ts";
import { type Arguments, inlineBodyBytesMax } from "../../protocol/bridge.ts";
import type { LeakGuard } from "../leases/leak-guard.ts";
import { type Answer, type CallContext, Denied, Failed, type Operation } from "./capability.ts";
import type { SealedCredential } from "./credential.ts";
import { makeAddressBook } from "./network-addresses.ts";
import { type Asked, readAsked } from "./network-asked.ts";
import { type Deadline, makeDeadline } from "./network-deadline.ts";
import { asRedirect, notAllowed, queueFull, requestsUsedUp, tooLarge } from "./network-denials.ts";
import { type AskedBy, makeEgressLeaks } from "./network-leaks.ts";
import { makeRequestQueue, type Ticket } from "./network-queue.ts";
import { nextAsked, redirectLocation } from "./network-redirect.ts";
import { guardPieces, placeCredential } from "./network-sealed.ts";

/** Redirects that one request follows: half of what browsers do; a chain of more is a loop or a game. */
const REDIRECTS_MAX = 10;
/** Waiting requests for each one that may be under way: enough to map over a list, too few to fill the supervisor. */
const WAITING_PER_TURN = 16;
/** Bodies that came with their calls, of all requests that are under way or wait, bytes: 64 of the largest. */
const INLINE_BYTES_MAX = 64 * inlineBodyBytesMax;
/** Of a redirect's own body, bytes: error pages have a few thousand. */
const SKIPPED_BYTES_MAX = 65_536;

export interface NetworkParts {
  grant: NetworkGrant;
  /** null when the run has no credential of delivery `sealed`. */
  sealed: SealedCredential | null;
  guard: LeakGuard;
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
  /** What came with the call, as it goes over the wire. */
  inline: Uint8Array | null;
}

/** What `authorize` hands to `act`. */
export interface NetworkPlan {
  hop: Hop;
  redirect: "follow" | "manual" | "error";
  ticket: Ticket;
  deadline: Deadline;
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
export function makeNetwork({ grant, sealed, guard, resolver, client, limits, clock }: NetworkParts): Network {
  const leaks = makeEgressLeaks({ guard, placeholder: sealed?.placeholder ?? null });
  const addresses = makeAddressBook({ resolver, privateAddresses: grant.privateAddresses });
  const waitingMax = limits.requestsAtOnce * WAITING_PER_TURN;
  const queue = makeRequestQueue({
    atOnce: limits.requestsAtOnce,
    waitingMax,
    bodyBytesMax: INLINE_BYTES_MAX,
  });

  async function authorize(args: Arguments<"http.request">, body: Uint8Array, context: CallContext) {
    const asked = readAsked(args, body);
    const bodyBytes = asked.body?.kind === "inline" ? asked.body.bytes.length : (asked.body?.bytes ?? 0);
    if (bodyBytes > limits.requestBodyBytes) throw tooLarge(`has ${bodyBytes} bytes`, bodyBytes, limits, asked);
    const ticket = queue.reserve(asked.body?.kind === "inline" ? bodyBytes : 0, context.signal);
    if (ticket === undefined) throw queueFull(waitingMax, limits, asked);
    const text = (code: ExchangeFailureCode) => failureText(code, limits);
    const deadline = makeDeadline({ clock, totalMs: limits.requestMs, outer: context.signal, text });
    try {
      return { hop: await decide(asked, "job", deadline, context), redirect: args.redirect, ticket, deadline };
    } catch (error) {
      ticket.release();
      deadline.end();
      throw error;
    } finally {
      deadline.pause();
    }
  }

  /** The whole decision on one hop. */
  async function decide(asked: Asked, by: AskedBy, deadline: Deadline, context: CallContext): Promise<Hop> {
    await leaks.look(asked, by, context);
    requireRequestLeft(asked, context);
    if (matchRule(grant.allow, asked.line) === undefined) throw notAllowed(grant, asked);
    const address = await deadline.within(() => addresses.addressFor(asked, deadline.signal));
    const { headers, path, body, key } = await placeCredential(sealed, asked, address, clock.nowMs());
    requireRequestLeft(asked, context); // again: others may have been counted while the name was resolved
    context.usage.requests += 1;
    const { method, scheme, host, port } = asked.line;
    const target = mint<CheckedTarget>({
      method,
      scheme,
      host,
      port,
      address,
      path,
      headers,
      clientKey: clientKeyOf(key),
    });
    return { asked, target, inline: body };
  }

  async function act({ hop, redirect, ticket, deadline }: NetworkPlan, context: CallContext): Promise<Answer> {
    const release = () => {
      deadline.end();
      ticket.release();
    };
    context.signal.addEventListener("abort", release, { once: true });
    try {
      await ticket.turn();
      deadline.resume();
      const { exchange, ...last } = await exchangeAll(hop, redirect, deadline, context);
      return {
        value: answerOf(last.hop.asked, leaks.head(last.hop.asked, exchange, context), last.redirected),
        stream: stream(last.hop.asked, exchange, deadline, context, release),
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  async function exchangeAll(
    first: Hop,
    redirect: NetworkPlan["redirect"],
    deadline: Deadline,
    context: CallContext,
  ): Promise<{ hop: Hop; exchange: Exchange; redirected: boolean }> {
    let hop = first;
    for (let redirects = 0; ; redirects += 1) {
      const exchange = await send(hop, redirects > 0, deadline, context);
      const location = redirect === "manual" ? undefined : redirectLocation(exchange);
      if (location === undefined) return { hop, exchange, redirected: redirects > 0 };
      await skipBody(exchange, context);
      if (redirect === "error")
        throw new Failed("redirect", "the server redirects, and the request asked for no redirect");
      if (redirects === REDIRECTS_MAX) {
        throw new Denied("redirects", `more than ${REDIRECTS_MAX} redirects for one request`, hop.asked.target);
      }
      hop = await follow(hop.asked, exchange.status, location, deadline, context);
    }
  }

  async function follow(
    from: Asked,
    status: number,
    location: string,
    deadline: Deadline,
    context: CallContext,
  ): Promise<Hop> {
    try {
      const hop = await decide(nextAsked(from, status, location), "server", deadline, context);
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

  function send(
    { asked, target, inline }: Hop,
    again: boolean,
    deadline: Deadline,
    context: CallContext,
  ): Promise<Exchange> {
    const ends = { headerBytesMax: limits.responseHeaderBytes, bodyBytesMax: limits.responseBodyBytes };
    return deadline.within(async () => {
      try {
        const totalMs = deadline.remainingMs();
        return await client.exchange(
          target,
          bodyOf(asked, inline, again, context),
          { totalMs, ...ends },
          deadline.signal,
        );
      } catch (error) {
        if (error instanceof ExchangeFailure && error.code === "net_unreachable")
          addresses.putLast(target.host, target.address);
        throw asFailed(error);
      }
    });
  }

  function bodyOf(asked: Asked, inline: Uint8Array | null, again: boolean, context: CallContext): RequestBody | null {
    if (asked.body?.kind === "streamed")
      return {
        bytes: asked.body.bytes,
        pieces: counted(
          guardPieces(sealed, asked, leaks.pieces(asked, context.upload(again), context)),
          asked,
          context,
        ),
      };
    context.usage.bytesOut += inline?.length ?? 0;
    return inline;
  }

  /** A body of unknown length passes its limit while it goes; the piece that would do so doesn't go any more. */
  async function* counted(pieces: AsyncIterable<Uint8Array>, asked: Asked, context: CallContext) {
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > limits.requestBodyBytes) throw tooLarge("goes on", null, limits, asked);
      context.usage.bytesOut += piece.length;
      yield piece;
    }
    const stated = asked.body?.kind === "streamed" ? asked.body.bytes : null;
    if (stated !== null && stated !== bytes)
      throw new Denied("call_invalid", `a body of ${bytes} bytes, where ${stated} were announced`, asked.target);
  }

  async function* stream(
    asked: Asked,
    exchange: Exchange,
    deadline: Deadline,
    context: CallContext,
    release: () => void,
  ) {
    const clean = leaks.body(asked, context);
    let seenBytes = 0;
    try {
      for await (const piece of exchange.body) {
        context.usage.bytesIn += exchange.wireBytes() - seenBytes;
        seenBytes = exchange.wireBytes();
        const passed = clean?.push(piece) ?? piece;
        if (passed.length > 0) yield passed;
      }
      const rest = clean?.end();
      if (rest !== undefined && rest.length > 0) yield rest;
    } catch (error) {
      throw leaks.clean(deadline.signal.aborted ? deadline.signal.reason : asFailed(error));
    } finally {
      release();
    }
  }

  function asFailed(error: unknown): unknown {
    return error instanceof ExchangeFailure ? new Failed(error.code, failureText(error.code, limits)) : error;
  }

  function requireRequestLeft(asked: Asked, context: CallContext): void {
    if (context.usage.requests < limits.requests) return;
    throw requestsUsedUp(limits, asked);
  }

  const scrubbed = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw leaks.clean(error);
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

function clientKeyOf(key: EgressKey | undefined): CheckedTarget["clientKey"] {
  return key?.kind === "client-certificate" ? key : null;
}

function answerOf(
  asked: Asked,
  { status, statusText, headers }: Omit<Exchange, "body" | "wireBytes">,
  redirected: boolean,
): object {
  const url = new URL(asked.url);
  url.hash = "";
  return { status, statusText, headers, url: url.href, redirected };
}

/** A short body is read, so that its connection can serve the next hop; a longer one costs the connection. */
async function skipBody({ body, wireBytes }: Exchange, { usage }: CallContext): Promise<void> {
  let bytes = 0;
  try {
    for await (const piece of body) {
      bytes += piece.length;
      if (bytes > SKIPPED_BYTES_MAX) break;
    }
  } catch {
    // it would have been dropped anyway; the next hop has its own say
  }
  usage.bytesIn += wireBytes();
}

/** One text for a code: neither an address nor the machine's own words (NET-38). */
function failureText(code: ExchangeFailureCode, limits: Limits): string {
  switch (code) {
    case "net_unreachable":
      return "the server could not be reached, or it closed the connection";
    case "net_busy":
      return "this host has no room for another connection now";
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
