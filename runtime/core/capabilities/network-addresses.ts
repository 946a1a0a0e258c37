// Which address a host name stands for in this run. A name is resolved once; all of its answers are checked, and the
// checked ones are kept for the run, so that check and dial can't differ and a name can't change its mind in between.
// A name with one special-purpose answer that no grant covers is refused whole.
import { addressInBlock, canonicalAddress, classifyAddress, parseCidr } from "../../model/addresses.ts";
import { quote } from "../../model/error.ts";
import type { Resolver } from "../../ports/resolver.ts";
import { Denied, Failed } from "./capability.ts";
import type { Asked } from "./network-asked.ts";

export interface AddressBook {
  /**
   * The one address to dial, canonical, without brackets.
   * @throws Denied `address_private`; Failed `resolve_failed`; what `signal` was aborted with.
   */
  addressFor(asked: Asked, signal: AbortSignal): Promise<string>;
  /** This address did not answer: the host's next checked one takes its place. */
  putLast(host: string, address: string): void;
}

interface Lookup {
  answers: Promise<readonly string[]>;
  controller: AbortController;
  waiters: number;
}

export function makeAddressBook(parts: { resolver: Resolver; privateAddresses: readonly string[] }): AddressBook {
  const granted = parts.privateAddresses.map((text) => {
    const block = parseCidr(text);
    if (block === undefined) throw new RangeError(`the config let pass a block that is none: ${quote(text)}`);
    return block;
  });
  const pinned = new Map<string, string[]>();
  const lookups = new Map<string, Lookup>();

  async function addressFor(asked: Asked, signal: AbortSignal): Promise<string> {
    const { host } = asked.line;
    const literal = canonicalAddress(host);
    // A rule names this very address: that rule is the grant, special-purpose or not.
    if (literal !== undefined) return literal;
    const known = pinned.get(host)?.[0];
    if (known !== undefined) return known;
    const checked = check(await answersFor(host, signal), asked);
    const first = (pinned.get(host) ?? checked)[0];
    if (first === undefined) throw new Failed("resolve_failed", `the name ${quote(host)} has no address`);
    if (!pinned.has(host)) pinned.set(host, checked);
    return first;
  }

  /** Calls for one name share one question; the last of them to give up ends it. */
  async function answersFor(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const lookup = lookups.get(host) ?? ask(host);
    lookup.waiters += 1;
    try {
      return await untilAborted(lookup.answers, signal);
    } finally {
      lookup.waiters -= 1;
      if (lookup.waiters === 0) {
        lookup.controller.abort();
        if (lookups.get(host) === lookup) lookups.delete(host);
      }
    }
  }

  function ask(host: string): Lookup {
    const controller = new AbortController();
    const answers = parts.resolver.resolve(host, controller.signal).catch((cause: unknown) => {
      throw new Failed("resolve_failed", `the name ${quote(host)} could not be resolved`, cause);
    });
    answers.catch(() => {}); // whoever waits gets it; nobody may be left to wait
    const lookup = { answers, controller, waiters: 0 };
    lookups.set(host, lookup);
    return lookup;
  }

  function check(answers: readonly string[], asked: Asked): string[] {
    for (const answer of answers) {
      const found = classifyAddress(answer);
      if (found.kind === "public" || granted.some((block) => addressInBlock(answer, block))) continue;
      throw addressPrivate(asked, answer, `${found.name} ${found.block}`, parts.privateAddresses);
    }
    // IPv4 first: a host without a route for IPv6 is more common than one without IPv4.
    return answers.map((answer) => canonicalAddress(answer) ?? answer).sort((a, b) => familyOf(a) - familyOf(b));
  }

  function putLast(host: string, address: string): void {
    const addresses = pinned.get(host);
    if (addresses !== undefined && addresses[0] === address) addresses.push(...addresses.splice(0, 1));
  }

  return { addressFor, putLast };
}

/** The address is the operator's to know: neither the guest's text nor the hint names it. */
function addressPrivate(asked: Asked, answer: string, what: string, granted: readonly string[]): Denied {
  const message =
    `the name ${quote(asked.line.host)} resolves to a special-purpose address that network.privateAddresses doesn't ` +
    "hold (the audit log names it)";
  const nearest =
    granted.length === 0 ? {} : { nearest: `network.privateAddresses ${JSON.stringify(granted.slice(0, 8))}` };
  const remedy = "network.privateAddresses: [a block that holds that address]";
  return new Denied("address_private", message, `${asked.target} at ${quote(answer, 64)}, ${what}`, {
    ...nearest,
    remedy,
  });
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
