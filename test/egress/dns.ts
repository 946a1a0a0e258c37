// A name server of the test's own, on loopback by UDP and TCP: as much of RFC 1035 as these tests need. It says what its
// zone says, aliases and all, so that a resolver which believes too much is found out.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { Test } from "tap";

export type RecordKind = "A" | "AAAA" | "CNAME";
export interface DnsRecord {
  /** Without the root's dot. */
  name: string;
  kind: RecordKind;
  /** An address, or for CNAME a name. */
  data: string;
}

/** All records of the answer section; or a failure; undefined: no answer at all. */
export type Zone = (name: string, kind: RecordKind) => readonly DnsRecord[] | "nxdomain" | "servfail" | undefined;

export interface Dns {
  /** For the resolver. */
  server: string;
  /** `A api.partner.test`, in the order asked. */
  asked: string[];
}

const kinds: Record<RecordKind, number> = { A: 1, CNAME: 5, AAAA: 28 };
const codes = { nxdomain: 3, servfail: 2 } as const;
/** What fits a UDP answer everywhere; the rest is for TCP. */
const UDP_BYTES_MAX = 512;

export async function makeDns(t: Test, zone: Zone): Promise<Dns> {
  const asked: string[] = [];
  const answer = (query: Buffer) => {
    const { name, kind } = readQuestion(query);
    asked.push(`${kind} ${name}`);
    const found = zone(name, kind);
    return found === undefined ? undefined : reply(query, found);
  };
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      const message = answer(chunk.subarray(2));
      if (message === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.end(Buffer.concat([length, message]));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4");
  udp.on("message", (query, from) => {
    const message = answer(query);
    if (message !== undefined)
      udp.send(message.length > UDP_BYTES_MAX ? cut(message) : message, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  t.teardown(async () => {
    await new Promise<void>((resolve) => udp.close(() => resolve()));
    await new Promise((resolve) => tcp.close(resolve));
  });
  return { server: `127.0.0.1:${port}`, asked };
}

/** A chain of aliases: the first is `name`, the last has `address`. */
export function chain(name: string, links: number, address: string, kind: "A" | "AAAA"): DnsRecord[] {
  const nameOf = (index: number) => (index === 0 ? name : `c${index}.chain.test`);
  const aliases = Array.from({ length: links }, (_, index) => ({
    name: nameOf(index),
    kind: "CNAME" as const,
    data: nameOf(index + 1),
  }));
  return [...aliases, { name: nameOf(links), kind, data: address }];
}

function readQuestion(query: Buffer): { name: string; kind: RecordKind; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = query.readUInt16BE(at + 1);
  const kind = (Object.keys(kinds) as RecordKind[]).find((each) => kinds[each] === number) ?? "A";
  return { name: labels.join("."), kind, end: at + 5 };
}

function reply(query: Buffer, found: readonly DnsRecord[] | "nxdomain" | "servfail"): Buffer {
  const records = typeof found === "string" ? [] : found;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8180 | (typeof found === "string" ? codes[found] : 0), 2); // a recursive server's answer
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, readQuestion(query).end), ...records.map(encode)]);
}

function encode({ name, kind, data }: DnsRecord): Buffer {
  const fixed = Buffer.alloc(10); // kind, class IN, a life of 0 seconds, length
  const bytes = kind === "CNAME" ? nameBytes(data) : kind === "A" ? v4Bytes(data) : v6Bytes(data);
  fixed.writeUInt16BE(kinds[kind], 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(bytes.length, 8);
  return Buffer.concat([nameBytes(name), fixed, bytes]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function v4Bytes(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}

/** Full or with one `::`. */
function v6Bytes(text: string): Buffer {
  const [head = "", tail = ""] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...new Array<number>(missing).fill(0), ...groups(tail)];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

/** Truncated (TC): the asker comes again by TCP. */
function cut(message: Buffer): Buffer {
  const { end } = readQuestion(message);
  const short = Buffer.from(message.subarray(0, end));
  short.writeUInt16BE(short.readUInt16BE(2) | 0x0200, 2);
  short.writeUInt16BE(0, 6);
  return short;
}
