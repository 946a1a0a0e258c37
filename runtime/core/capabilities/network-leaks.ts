// The credential in HTTP, beside the place that was granted for it. A job that was never given the value (sealed, or
// delivered as operations) may not send it in any form: such a request is refused, and is a leak. A job to which it was
// revealed may use it with the servers that its rules allow: that is noted, once a server and place, so that the operator
// sees where it went. What a server sends back of a sealed credential becomes the placeholder before the job sees it; that
// is no leak by the job, and is noted too.
import { portSuffix } from "../../model/allowlist.ts";
import type { Exchange } from "../../ports/http-client.ts";
import { type LeakGuard, marker } from "../leases/leak-guard.ts";
import type { LeakStream } from "../leases/leak-stream.ts";
import { type CallContext, Denied } from "./capability.ts";
import { cleanError } from "./guarded-operations.ts";
import type { Asked } from "./network-asked.ts";
import { decoded } from "./network-places.ts";

/** What sent the job on its way. A redirect that carries the value is its server's doing. */
export type AskedBy = "job" | "server";

export interface EgressLeaks {
  /** Asked before anything else is said of a request. @throws Denied `credential_place`, with neither path nor query. */
  look(asked: Asked, by: AskedBy, context: CallContext): Promise<void>;
  /** A streamed body. Rejects with Denied `credential_place` before a byte of the value has gone out. */
  pieces(asked: Asked, pieces: AsyncIterable<Uint8Array>, context: CallContext): AsyncGenerator<Uint8Array, void, void>;
  /** An answer's head as the job may see it. */
  head(asked: Asked, exchange: Exchange, context: CallContext): Pick<Exchange, "status" | "statusText" | "headers">;
  /** For an answer's body; undefined when it may be passed on as it is. */
  body(asked: Asked, context: CallContext): LeakStream | undefined;
  clean(thrown: unknown): unknown;
}

/** One find in a request. */
interface Spot {
  about: string;
  form: string;
}

/** @param placeholder what the job has in its place; null when it has nothing. */
export function makeEgressLeaks({ guard, placeholder }: { guard: LeakGuard; placeholder: string | null }): EgressLeaks {
  const put = placeholder ?? marker;
  const noted = new Set<string>();

  /** In the audit before the effect, once for each server and spot. */
  async function note(
    type: "credential.sent" | "credential.echoed",
    asked: Asked,
    { about, form }: Spot,
    { record }: CallContext,
  ) {
    const key = `${type} ${asked.url.origin} ${about}`;
    if (noted.has(key)) return;
    noted.add(key);
    const detail = guard.clean(`in ${about}, ${form}`, put);
    await record({ type, capability: "http.request", target: guard.clean(asked.target, put), detail });
  }

  async function found(asked: Asked, by: AskedBy, spot: Spot, context: CallContext): Promise<void> {
    if (guard.isRevealed) return note("credential.sent", asked, spot, context);
    if (by === "job") guard.report("request", spot.form);
    throw holdsValue(asked);
  }

  async function look(asked: Asked, by: AskedBy, context: CallContext): Promise<void> {
    if (!guard.isArmed()) return;
    for (const spot of [...spotsOf(asked, guard), ...(await packedSpots(asked, guard))])
      await found(asked, by, spot, context);
  }

  async function* pieces(
    asked: Asked,
    from: AsyncIterable<Uint8Array>,
    context: CallContext,
  ): AsyncGenerator<Uint8Array, void, void> {
    let form: string | undefined;
    const onFound = (each: string) => {
      form ??= each;
    };
    const check = async () => {
      if (form !== undefined) await found(asked, "job", { about: "the body", form }, context);
    };
    let stream: LeakStream | undefined;
    const inspector = guard.inspector(onFound);
    try {
      for await (const piece of from) {
        stream ??= guard.stream(put, onFound);
        const out = stream?.push(piece) ?? piece;
        await inspector?.write(piece);
        await check();
        if (guard.isRevealed) yield piece;
        else if (out.length > 0) yield out;
      }
      await inspector?.end();
      await check();
      const rest = stream?.end();
      if (!guard.isRevealed && rest !== undefined && rest.length > 0) yield rest;
    } finally {
      await inspector?.end();
    }
  }

  function head(asked: Asked, { status, statusText, headers }: Exchange, context: CallContext) {
    if (guard.isRevealed || !guard.isArmed()) return { status, statusText, headers };
    const form = guard.find([statusText, ...headers.flat()].join("\n"));
    if (form !== undefined) echoed(asked, { about: "header fields of the answer", form }, context);
    // What becomes of the body's length is not known yet.
    const isBodyless = asked.line.method === "HEAD" || status === 204 || status === 304;
    const kept = headers.filter(([name]) => isBodyless || name !== "content-length");
    return {
      status,
      statusText: guard.clean(statusText, put),
      headers: kept.map(([name, value]) => [guard.clean(name, put), guard.clean(value, put)] as const),
    };
  }

  function echoed(asked: Asked, spot: Spot, context: CallContext): void {
    void note("credential.echoed", asked, spot, context).catch(() => undefined);
  }

  return {
    look,
    pieces,
    head,
    body: (asked, context) =>
      guard.isRevealed
        ? undefined
        : guard.stream(put, (form) => echoed(asked, { about: "the answer's body", form }, context)),
    clean: (thrown) => cleanError(guard, thrown, put),
  };
}

function spotsOf({ url, headers, body }: Asked, guard: LeakGuard): Spot[] {
  const texts: [about: string, text: string | Uint8Array][] = [
    ["the URL", url.href],
    ["the URL", decoded(url.href)],
    ...headers.flatMap(([name, value]): [string, string][] => [
      ["the name of a header field", name],
      [`the header field ${name}`, value],
    ]),
    ["header fields together", headers.map(([, value]) => value).join("")],
  ];
  if (body?.kind === "inline") texts.push(["the body", body.bytes]);
  const spots: Spot[] = [];
  for (const [about, text] of texts) {
    const form = guard.find(text);
    const isWhole =
      about === "header fields together" && spots.some((spot) => spot.about.startsWith("the header field"));
    if (form !== undefined && !isWhole) spots.push({ about, form });
  }
  return spots;
}

async function packedSpots({ body }: Asked, guard: LeakGuard): Promise<Spot[]> {
  const spots: Spot[] = [];
  if (body?.kind !== "inline") return spots;
  const inspector = guard.inspector((form) => spots.push({ about: "the body", form }));
  await inspector?.write(body.bytes);
  await inspector?.end();
  return spots;
}

function holdsValue({ line }: Asked): Denied {
  const message = "the request holds the credential's value itself; use what credential.fetch() returned";
  // The path may be what holds it.
  return new Denied("credential_place", message, `${line.method} ${line.scheme}://${line.host}${portSuffix(line)}`);
}
