// The resolver against a DNS server of the test's own, on loopback: which names it asks for, and what it makes of answers.
import { createSocket, type Socket } from "node:dgram";
import t, { type Test } from "tap";
import { makeResolver } from "../../../runtime/adapters/system/resolver.ts";

type Kind = "A" | "AAAA";
/** Answers as raw record data, or a response code; undefined: no answer at all. */
type Zone = (name: string, kind: Kind) => Buffer[] | "nxdomain" | "servfail" | undefined;

interface Dns {
  server: string;
  asked: string[];
}

const noError = 0;
const codes = { servfail: 2, nxdomain: 3 } as const;

/** Speaks as much of RFC 1035 as these tests need: one question, answers that point at it. */
async function dns(t: Test, zone: Zone): Promise<Dns> {
  const asked: string[] = [];
  const socket: Socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const { name, kind, question } = readQuestion(query);
    asked.push(`${kind} ${name}`);
    const found = zone(name, kind);
    if (found === undefined) return;
    const records = typeof found === "string" ? [] : found;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (typeof found === "string" ? codes[found] : noError), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const answers = records.map((data) => {
      const fixed = Buffer.from([0xc0, 12, 0, kind === "A" ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, data.length]);
      return Buffer.concat([fixed, data]);
    });
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { server: `127.0.0.1:${socket.address().port}`, asked };
}

function readQuestion(query: Buffer): { name: string; kind: Kind; question: Buffer } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const kind = query.readUInt16BE(at + 1) === 1 ? "A" : "AAAA";
  return { name: labels.join("."), kind, question: query.subarray(12, at + 5) };
}

const v4 = (text: string) => Buffer.from(text.split(".").map(Number));
const loopback6 = Buffer.from([...new Array<number>(15).fill(0), 1]);
const never = () => new AbortController().signal;

t.test("both families are asked, and all answers come back", async (t) => {
  const { server, asked } = await dns(t, (_name, kind) =>
    kind === "A" ? [v4("192.0.2.1"), v4("192.0.2.2")] : [loopback6],
  );
  const addresses = await makeResolver({ servers: [server] }).resolve("api.partner.test", never());
  t.strictSame([...addresses].sort(), ["192.0.2.1", "192.0.2.2", "::1"]);
  t.strictSame(
    asked.sort(),
    ["A api.partner.test", "AAAA api.partner.test"],
    "absolute: no search domain, and once each",
  );
});

t.test("one family without records is no failure, nor is a name that isn't there", async (t) => {
  const { server } = await dns(t, (name, kind) => {
    if (name === "gone.partner.test") return "nxdomain";
    return kind === "A" ? [v4("192.0.2.1")] : [];
  });
  const { resolve } = makeResolver({ servers: [server] });
  t.strictSame(await resolve("api.partner.test", never()), ["192.0.2.1"]);
  t.strictSame(await resolve("gone.partner.test", never()), []);
});

t.test("a server that fails for one family may hide a private address: the whole name fails", async (t) => {
  const { server } = await dns(t, (_name, kind) => (kind === "A" ? [v4("192.0.2.1")] : "servfail"));
  await t.rejects(makeResolver({ servers: [server] }).resolve("api.partner.test", never()));
});

t.test("nothing is remembered: a second question is asked again", async (t) => {
  let answer = "192.0.2.1";
  const { server } = await dns(t, (_name, kind) => (kind === "A" ? [v4(answer)] : []));
  const { resolve } = makeResolver({ servers: [server] });
  t.strictSame(await resolve("api.partner.test", never()), ["192.0.2.1"]);
  answer = "192.0.2.2";
  t.strictSame(await resolve("api.partner.test", never()), ["192.0.2.2"]);
});

t.test("the hosts file is not read", async (t) => {
  const { server, asked } = await dns(t, () => "nxdomain");
  t.strictSame(await makeResolver({ servers: [server] }).resolve("localhost", never()), []);
  t.ok(asked.length <= 2);
});

t.test("a server that does not answer is left when the caller gives up", async (t) => {
  const controller = new AbortController();
  const { server } = await dns(t, () => {
    controller.abort();
    return undefined;
  });
  await t.rejects(makeResolver({ servers: [server] }).resolve("api.partner.test", controller.signal));
  await t.rejects(
    makeResolver({ servers: [server] }).resolve("api.partner.test", controller.signal),
    "and not asked again",
  );
});
