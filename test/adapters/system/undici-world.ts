// Servers of bytes on 127.0.0.x, which say whatever a test tells them, and the client that meets them.
import { createServer, type Server, type Socket } from "node:net";
import type { Test } from "tap";
import { makeUndiciClients } from "../../../runtime/adapters/system/undici-client.ts";
import { type CheckedTarget, mint } from "../../../runtime/model/checked.ts";
import {
  collect,
  type ExchangeFailure,
  type ExchangeLimits,
  type HttpClient,
  type RequestBody,
} from "../../../runtime/ports/http-client.ts";

export const limits: ExchangeLimits = { totalMs: 30_000, headerBytesMax: 16_384, bodyBytesMax: 1_048_576 };
export const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

export interface Peer {
  port: number;
  /** All bytes of each connection, in the order in which they were accepted. */
  received: string[];
  open: Set<Socket>;
}

/** A server of bytes: calls `answer` for each chunk. */
export async function peer(
  t: Test,
  answer: (socket: Socket, soFar: string) => void,
  server?: Server,
  host = "127.0.0.1",
): Promise<Peer> {
  const received: string[] = [];
  const open = new Set<Socket>();
  const listening = server ?? createServer();
  listening.on(server === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    const index = received.push("") - 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received[index] += chunk.toString("latin1");
      answer(socket, received[index] ?? "");
    });
  });
  await new Promise<void>((resolve) => listening.listen(0, host, resolve));
  t.teardown(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => listening.close(resolve));
  });
  return { port: (listening.address() as { port: number }).port, received, open };
}

/** Answers each complete request head with these bytes. */
export const always = (bytes: string | Buffer) => (socket: Socket, soFar: string) => {
  if (soFar.endsWith("\r\n\r\n")) socket.write(bytes);
};

export const response = (head: string, body: Buffer) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n`), body]);

export function targetAt(port: number, more: Partial<Omit<CheckedTarget, symbol>> = {}): CheckedTarget {
  return mint<CheckedTarget>({
    method: "GET",
    scheme: "http",
    host: "api.partner.test",
    port,
    address: "127.0.0.1",
    path: "/v1/a?b=c",
    headers: [],
    clientKey: null,
    ...more,
  });
}

export function clientFor(t: Test, options: Parameters<typeof makeUndiciClients>[0] = {}): HttpClient {
  const client = makeUndiciClients(options)();
  t.teardown(() => client.close());
  return client;
}

export const never = () => new AbortController().signal;
/** One exchange with its whole body. */
export async function get(
  client: HttpClient,
  target: CheckedTarget,
  own: Partial<ExchangeLimits> = {},
  body: RequestBody | null = null,
) {
  const exchange = await client.exchange(target, body, { ...limits, ...own }, never());
  const whole = await collect(exchange.body);
  return { ...exchange, body: whole, wireBytes: exchange.wireBytes() };
}

/** The code of the failure, or "answered". */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "answered";
  } catch (error) {
    return (error as ExchangeFailure).code;
  }
}
