// URLs and addresses, as a job and a name server might write them. Two parsers must never differ: what was decided on (the
// line of the decision, the checked address) is compared with what is dialled and with what goes over the wire (request
// line, Host), for hand-written spellings, mutations of them, and pieces put together at random.
import { createServer, type Server } from "node:net";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import { Denied } from "../../runtime/core/capabilities/capability.ts";
import { canonicalAddress, classifyAddress } from "../../runtime/model/addresses.ts";
import type { CheckedTarget } from "../../runtime/model/checked.ts";
import type { HttpClient } from "../../runtime/ports/http-client.ts";
import { makeWorld } from "../core/capabilities/egress-world.ts";
import type { Fuzzer } from "./fuzzer.ts";

const hosts = [
  ..."api.partner.test API.Partner.Test api.partner.test. api..partner.test evilapi.partner.test ⓐpi.partner.test".split(
    " ",
  ),
  ..."%61pi.partner.test api%2epartner.test \u0430pi.partner.test api。partner.test 127.0.0.1 127.1 0x7f.1 2130706433".split(
    " ",
  ),
  ..."①②⑦.0.0.1 [::1] [::ffff:127.0.0.1] [64:ff9b::7f00:1] [fe80::1%25lo] 169.254.169.254 localhost 0 xn--a [v1.a]".split(
    " ",
  ),
];
const pieces = [
  ..."http: https: HTTP: file: ws: // / /// \\ \\\\ @ : :80 :0 :65536 ? # ?a=b #x %2e %2e%2e %2f %5c %00 %25 %".split(
    " ",
  ),
  ..."user user:pass@ .. . ; ..; /v1/ a ä 中 \u00ad \u200b \u202e \ufeff \ud800 \t \n \r \0 [ ] | ^ ` { }"
    .split(" ")
    .filter(Boolean),
];

/** Spellings that have told parsers apart before. `PORT` is the listener's. */
export const corpus: readonly string[] = [
  ...hosts.map((host) => `http://${host}:PORT/`),
  "http://api.partner.test:PORT@127.0.0.1:PORT/",
  "http://127.0.0.1:PORT\\@api.partner.test:PORT/",
  "http://127.0.0.1:PORT#@api.partner.test:PORT/",
  "http://api.partner.test:PORT#@127.0.0.1/",
  "http:api.partner.test:PORT/a",
  "http:///api.partner.test:PORT/a",
  "http:\\\\api.partner.test:PORT\\a",
  "http://api.partner.test:0PORT/",
  "http://api.partner.test:PORT/a/../b",
  "http://api.partner.test:PORT/a/./b//c",
  "http://api.partner.test:PORT/%2e%2e/a",
  "http://api.partner.test:PORT/a?b=c#d",
  "http://api.partner.test:PORT?a",
  "http://api.partner.test:PORT/ä%20 b",
  "http://api.partner.test:PORT/a|b^c`d{e}",
  "http://api.partner.test:PORT/?'\"<>",
  "http://api.partner.test:PORT/\u202e",
  "http://api.partner.test:PORT/%",
  "http://api.partner.test:PORT/%zz",
  "http://api.partner.test:PORT/a;b=c,d",
  "http://api.partner.test:PORT/a HTTP/1.1\r\nhost: evil\r\n\r\n",
  "http://1.1.1.1 &@127.0.0.1:PORT# @api.partner.test/",
];

export interface UrlFuzzerOptions {
  /** More URLs to try first, each once: `PORT` is replaced. */
  more?: readonly string[];
  /** For the twin: what stands between the decision and the wire. */
  wrap?: (client: HttpClient) => HttpClient;
}

export function makeUrlFuzzer({ more = [], wrap = (client) => client }: UrlFuzzerOptions = {}): Fuzzer {
  return {
    name: "urls",
    about: "URLs, hosts and addresses: the decision against the wire",
    async run({ seed, cases, withinMs }) {
      const until = Date.now() + withinMs;
      const random = makeRandom(seed);
      const bench = await openBench(wrap);
      let tried = 0;
      try {
        for (const text of urls(random, [...more, ...corpus])) {
          if (tried >= cases || Date.now() > until) break;
          tried += 1;
          const url = text.replaceAll("PORT", String(bench.port));
          const found = await bench.disagreement(url);
          if (found !== undefined)
            throw new Error(`${found}, for ${JSON.stringify(await shrink(url, bench))}, seed ${seed}`);
          requireAddressSense(addressText(random));
        }
      } finally {
        await bench.close();
      }
      return { cases: tried };
    },
  };
}

export const urlFuzzer: Fuzzer = makeUrlFuzzer();

interface Bench {
  port: number;
  /** What differs between decision, dial and wire; undefined when nothing does. */
  disagreement(url: string): Promise<string | undefined>;
  close(): Promise<void>;
}

interface Arrival {
  address: string;
  head: string;
}

/** A listener on all of loopback, and runs that may reach api.partner.test (127.0.0.2) and the address 127.0.0.3. */
async function openBench(wrap: (client: HttpClient) => HttpClient): Promise<Bench> {
  const arrivals: Arrival[] = [];
  const server: Server = createServer((socket) => {
    const address = socket.localAddress ?? "";
    socket.on("error", () => {});
    socket.once("data", (chunk) => {
      arrivals.push({ address, head: chunk.toString("latin1") });
      socket.end("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const { port } = server.address() as { port: number };
  const decided: CheckedTarget[] = [];
  const client = wrap(makeUndiciClients()());
  const watched: HttpClient = {
    exchange: (target, ...rest) => {
      decided.push(target);
      return client.exchange(target, ...rest);
    },
    close: () => client.close(),
  };

  async function disagreement(url: string): Promise<string | undefined> {
    [arrivals.length, decided.length] = [0, 0];
    const world = makeWorld({
      allow: [`GET http://api.partner.test:${port}/*`, `GET http://127.0.0.3:${port}/*`],
      names: { "api.partner.test": ["127.0.0.2"] },
      privateAddresses: ["127.0.0.2/32"],
      client: watched,
    });
    const refused = await world.request(url).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused !== undefined && !(refused instanceof Denied)) return `it failed: ${String(refused)}`;
    if (refused !== undefined) return arrivals.length === 0 ? undefined : "it was refused, and dialled";
    return differs(new URL(url), port, decided, arrivals);
  }

  async function close(): Promise<void> {
    await client.close();
    await new Promise((resolve) => server.close(resolve));
  }

  return { port, disagreement, close };
}

/** `url` is the platform's own reading: the decision, the dial and the wire must all be that one. */
function differs(url: URL, port: number, decided: CheckedTarget[], arrivals: Arrival[]): string | undefined {
  const [target] = decided;
  const [arrival] = arrivals;
  if (decided.length !== 1 || arrivals.length !== 1 || target === undefined || arrival === undefined)
    return `${decided.length} decisions, ${arrivals.length} arrivals`;
  const expected = url.hostname === "api.partner.test" ? "127.0.0.2" : "127.0.0.3";
  if (arrival.address !== expected || target.address !== expected) return `${arrival.address} was dialled`;
  const [line = "", ...fields] = arrival.head.split("\r\n");
  if (line !== `GET ${url.pathname}${url.search} HTTP/1.1`) return `the wire says ${JSON.stringify(line)}`;
  const named = fields.filter((field) => /^host:/i.test(field));
  if (named.length !== 1 || named[0] !== `host: ${url.hostname}:${port}`)
    return `the wire names ${JSON.stringify(named)}`;
  if (url.username !== "" || url.password !== "") return "user information went along";
  if (arrival.head.indexOf("\r\n\r\n") !== arrival.head.length - 4) return "there is more than one request";
  return undefined;
}

function* urls(random: (below: number) => number, known: readonly string[]): Generator<string> {
  yield* known;
  const pick = <T>(from: readonly T[]) => from[random(from.length)] as T;
  const text = () => Array.from({ length: 1 + random(6) }, () => pick(pieces)).join("");
  for (;;) {
    const kind = random(3);
    if (kind === 0) yield mutate(pick(known), random);
    else if (kind === 1) yield `http://${pick(hosts)}:PORT/${text()}`;
    else yield `${pick(["http:", "http://", "", "HTTP:/"])}${text()}${pick(hosts)}:PORT${text()}`;
  }
}

function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  const piece = pieces[random(pieces.length)] ?? "";
  return random(2) === 0
    ? text.slice(0, at) + piece + text.slice(at)
    : text.slice(0, at) + text.slice(at + 1 + random(3));
}

/** The shortest text that still disagrees, by leaving out one character at a time. */
async function shrink(url: string, bench: Bench): Promise<string> {
  for (let at = 0; at < url.length; at += 1) {
    const shorter = url.slice(0, at) + url.slice(at + 1);
    if ((await bench.disagreement(shorter)) !== undefined) return shrink(shorter, bench);
  }
  return url;
}

function addressText(random: (below: number) => number): string {
  const group = () => random(0x10000).toString(random(2) === 0 ? 16 : 10);
  const separator = [".", ":", "::"][random(3)] ?? ":";
  return Array.from({ length: 1 + random(9) }, group).join(separator);
}

/** An address has one spelling, which says the same of it as the URL parser's; what has none is special. */
function requireAddressSense(text: string): void {
  const canonical = canonicalAddress(text);
  if (canonical === undefined) {
    if (classifyAddress(text).kind === "public") throw new Error(`${text} is no address, and public`);
    return;
  }
  const host = canonical.includes(":") ? `[${canonical}]` : canonical;
  if (canonicalAddress(canonical) !== canonical) throw new Error(`${text} has two canonical spellings`);
  if (new URL(`http://${host}/`).hostname !== host) throw new Error(`${text} is ${canonical} to us alone`);
  if (classifyAddress(text).kind !== classifyAddress(canonical).kind) throw new Error(`${text} has two classes`);
}

/** Small numbers from a seed (a linear congruential generator): the same in every run. */
function makeRandom(seed: number): (below: number) => number {
  let state = BigInt(seed >>> 0) + 1n;
  return (below) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(below));
  };
}
