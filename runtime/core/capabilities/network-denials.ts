// How egress says no: for each refusal what was asked, which grant came nearest, and what to write into the config where
// that can help. The same words go to the job's author, into the run's record and into the audit. It decides nothing.
import { nearestRule, parseNetworkRule, ruleTextFor } from "../../model/allowlist.ts";
import { quote } from "../../model/error.ts";
import type { NetworkGrant } from "../../model/grant.ts";
import { type Limits, limitCeilings } from "../../model/limits.ts";
import { formatSize } from "../../model/units.ts";
import { Denied, type Hint, hintOf } from "./capability.ts";
import type { Asked } from "./network-asked.ts";

const RULE_CHARS_MAX = 300;
const MiB = 1_048_576;

/** No rule allows this hop. */
export function notAllowed(grant: NetworkGrant, asked: Asked): Denied {
  const empty = grant.allow.length === 0 ? ", which is empty" : "";
  const message = `${quote(asked.target, RULE_CHARS_MAX)} is not in network.allow${empty}`;
  const text = ruleTextFor(asked.line);
  const parsed = parseNetworkRule(text);
  const nearest = nearestRule(grant.allow, asked.line);
  const hint: Hint = nearest === undefined ? {} : { nearest: `network.allow ${quote(nearest.text, RULE_CHARS_MAX)}` };
  if (!parsed.ok)
    return new Denied("not_allowed", `${message}; no rule can allow it: ${parsed.message}`, asked.target, hint);
  return new Denied("not_allowed", message, asked.target, {
    ...hint,
    remedy: `network.allow: [${quote(text, RULE_CHARS_MAX)}]`,
  });
}

/** Where a redirect leads is one kind of refusal; limits and the credential keep their own codes. */
export function asRedirect(error: unknown, from: Asked): unknown {
  const places = ["url_invalid", "scheme", "userinfo", "path_ambiguous", "not_allowed", "address_private", "redirect"];
  if (!(error instanceof Denied) || !places.includes(error.code)) return error;
  const message = `${quote(from.target, RULE_CHARS_MAX)} redirects to where the job may not go (${error.code}): ${error.message}`;
  return new Denied("redirect", message, error.target, hintOf(error));
}

/** `found`: what the body is, such as `has 12 bytes`; `bytes`: its length where it is known. */
export function tooLarge(found: string, bytes: number | null, limits: Limits, asked: Asked): Denied {
  const now = limits.requestBodyBytes;
  const message = `the request's body ${found}, at most ${formatSize(now)}`;
  const wanted = bytes === null ? now * 2 : Math.ceil(bytes / MiB) * MiB;
  const isBeyond = bytes !== null && bytes > limitCeilings.requestBodyBytes;
  const hint = limitHint("requestBody", now, isBeyond ? now : wanted, limitCeilings.requestBodyBytes, sizeText);
  return new Denied("request_size", message, asked.target, hint);
}

export function requestsUsedUp(limits: Limits, asked: Asked): Denied {
  const message = `the run has made its ${limits.requests} requests`;
  return new Denied("requests", message, asked.target, doubled("requests", limits));
}

/** `waitingMax`: requests that may wait for a turn. */
export function queueFull(waitingMax: number, limits: Limits, asked: Asked): Denied {
  const message = `${limits.requestsAtOnce} requests are under way and the queue for ${waitingMax} more is full; await some first`;
  return new Denied("sockets", message, asked.target, doubled("requestsAtOnce", limits));
}

function doubled(key: "requests" | "requestsAtOnce", limits: Limits): Hint {
  return limitHint(key, limits[key], limits[key] * 2, limitCeilings[key], String);
}

/** No remedy where the config may not go above what it says now. */
function limitHint(key: string, now: number, wanted: number, ceiling: number, text: (value: number) => string): Hint {
  const nearest = `limits.${key}: ${text(now)}`;
  const next = Math.min(wanted, ceiling);
  return next <= now ? { nearest } : { nearest, remedy: `limits.${key}: ${text(next)}` };
}

function sizeText(bytes: number): string {
  return quote(formatSize(bytes));
}
