// What this guest takes of undici's own files: the classes of fetch without its network (adapters/system/executor-files.ts
// says where they lie).

declare module "mayfly:undici/response" {
  interface InnerBody {
    stream: ReadableStreamOfBytes;
    source: unknown;
    length: number | null;
  }
  type ReadableStreamOfBytes = InstanceType<typeof import("web-streams-polyfill").ReadableStream<unknown>>;
  export const Response: (new (body?: unknown, init?: unknown) => ResponseOfBytes) & { prototype: object };
  interface ResponseOfBytes {
    bytes(): Promise<Uint8Array>;
  }
  export function makeResponse(init: {
    type: string;
    status: number;
    statusText: string;
    headersList: object;
    urlList: unknown[];
    body: InnerBody | null;
  }): object;
  export function fromInnerResponse(inner: object, guard: "immutable"): object;
}
declare module "mayfly:undici/request" {
  import type { AbortSignal } from "./abort.ts";

  interface InnerRequest {
    method: string;
    url: { href: string };
    redirect: "follow" | "manual" | "error";
    body: import("mayfly:undici/response").InnerBody | null;
  }
  export const Request: new (input: unknown, init?: unknown) => GuestRequest;
  interface GuestRequest {
    readonly headers: Iterable<[string, string]>;
    readonly signal: AbortSignal;
    readonly url: string;
  }
  export function getRequestState(request: GuestRequest): InnerRequest;
}
declare module "mayfly:undici/headers" {
  export const Headers: new (init?: unknown) => Iterable<[string, string]>;
  export class HeadersList {
    append(name: string, value: string, isLowerCase: boolean): void;
  }
}
declare module "mayfly:undici/data-url" {
  export function dataURLProcessor(url: object): "failure" | { mimeType: object; body: Uint8Array };
  export function serializeAMimeType(type: object): string;
}
declare module "mayfly:undici/formdata" {
  export const FormData: new () => object;
}
