// fetch (https://fetch.spec.whatwg.org/). Headers, Request, Response and FormData are undici's, as Node has them; what goes
// out and comes in is ours (transfer.ts). What may be reached, and every redirect, is decided outside.
//
// Evaluated when a job first names one of them: `fetch` itself is in globals.ts.
import "mayfly:undici/response"; // before the request, which needs it

import { dataURLProcessor, serializeAMimeType } from "mayfly:undici/data-url";
import { FormData } from "mayfly:undici/formdata";
import { Headers, HeadersList } from "mayfly:undici/headers";
import { getRequestState, Request } from "mayfly:undici/request";
import { fromInnerResponse, makeResponse, Response } from "mayfly:undici/response";
import { type BodySource, isStreamed, piecesOf, sourceOf, streamOf } from "./body.ts";
import { type HttpAnswer, transfer } from "./transfer.ts";
import { URL } from "./url.ts";
import { rename } from "./webidl.ts";

// The bundler leaves out what their iterators' functions are called.
for (const { prototype } of [FormData, Headers])
  for (const name of ["entries", "forEach", "keys", "values"] as const) rename(prototype[name], name);

export { FormData, Headers, Request, Response };

/** Those have none, whatever the server sends. */
const bodylessStatuses = [204, 205, 304];

export async function fetch(input: unknown, init?: unknown): Promise<object> {
  const request = requestOf(input, init);
  const { signal, headers, url } = request;
  signal.throwIfAborted();
  const { method, redirect, body } = getRequestState(request);
  if (url.startsWith("data:")) return dataResponse(new URL(url), method);
  const source = body === null ? null : await sourceOf(body); // at once, where there is nothing to wait for
  const asked = { url, method, headers: withoutLength([...headers], source), redirect };
  const { answer, body: pieces } = await transfer(asked, source, signal);
  const bodyless = method === "HEAD" || bodylessStatuses.includes(answer.status);
  const stream = bodyless ? null : streamOf(pieces);
  return fromInnerResponse(
    makeResponse({
      type: "basic",
      status: answer.status,
      statusText: answer.statusText,
      headersList: listOf(answer),
      urlList: [...(answer.redirected ? [new URL(url)] : []), new URL(answer.url)],
      body: stream === null ? null : { stream, source: null, length: null },
    }),
    "immutable",
  );
}

function requestOf(input: unknown, init: unknown): InstanceType<typeof Request> {
  try {
    return new Request(input, init);
  } catch (error) {
    if (error instanceof TypeError && /duplex option is required/.test(error.message))
      throw new TypeError('a body that is a stream is sent with { duplex: "half" }', { cause: error });
    throw error;
  }
}

// All that such a URL gives is in the URL (RFC 2397): nobody is asked.
function dataResponse(url: object, method: string): object {
  const data = dataURLProcessor(url);
  if (data === "failure") throw new TypeError("Failed to fetch: the data: URL has no comma");
  const headersList = new HeadersList();
  headersList.append("content-type", serializeAMimeType(data.mimeType), true);
  const body = { stream: streamOf(piecesOf(data.body)), source: null, length: null };
  const inner = { type: "basic", status: 200, statusText: "OK", headersList, urlList: [url] };
  return fromInnerResponse(makeResponse({ ...inner, body: method === "HEAD" ? null : body }), "immutable");
}

// Packages for Node say how long a body is. Where that is true it is left to the host, which says it anyway; where it isn't,
// the host refuses the header.
function withoutLength(headers: [string, string][], source: BodySource): [string, string][] {
  const bytes = source === null ? 0 : isStreamed(source) ? undefined : source.length;
  return headers.filter(([name, value]) => name !== "content-length" || Number(value) !== bytes);
}

function listOf({ headers }: HttpAnswer): HeadersList {
  const list = new HeadersList();
  for (const [name, value] of headers) list.append(name, value, false);
  return list;
}
