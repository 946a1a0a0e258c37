// A machine in small: one listener that answers on every loopback address of both families and notes what reaches it, and
// a run's egress whose resolver knows the test's names. Chosen addresses stand for the Internet: the run's own
// `privateAddresses` open them, as a config would. All others are "inside", and a dial to them would be seen.
import { createServer, type Socket } from "node:net";
import type { Test } from "tap";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import { canonicalAddress } from "../../runtime/model/addresses.ts";
import { makeWorld, type WorldParts } from "../core/capabilities/egress-world.ts";

export interface Arrival {
  /** The address that was dialled, canonical. */
  address: string;
  /** All bytes that came. */
  bytes: string;
}

export interface Machine {
  port: number;
  /** Every connection, in the order of their coming. */
  arrivals: Arrival[];
  open: Set<Socket>;
}

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Listens on all of 127.0.0.0/8 and on ::1; `answer` is called at each complete head. */
export async function makeMachine(
  t: Test,
  answer: (socket: Socket, head: string) => void = (socket) => void socket.write(ok),
): Promise<Machine> {
  const arrivals: Arrival[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const local = canonicalAddress(socket.localAddress ?? "") ?? "";
    const arrival = { address: plainAddress(local), bytes: "" };
    arrivals.push(arrival);
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk) => {
      arrival.bytes += chunk.toString("latin1");
      if (arrival.bytes.endsWith("\r\n\r\n")) answer(socket, arrival.bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "::", resolve));
  t.teardown(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as { port: number }).port, arrivals, open };
}

/** A socket that listens on both families shows IPv4 peers as mapped addresses (RFC 4291, section 2.5.5.2). */
function plainAddress(address: string): string {
  const match = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(address);
  if (match === null) return address;
  const [high, low] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** What stands for the Internet: the addresses of api.partner.test and other.partner.test. */
export const outside = { api: "127.0.0.2", other: "127.0.0.3" } as const;

/** A run's egress on real sockets; it may GET and POST anything of the two hosts at the machine's port, by http. */
export function makeEgress(t: Test, { port }: Machine, parts: Partial<WorldParts> = {}) {
  const client = makeUndiciClients()();
  t.teardown(() => client.close());
  return makeWorld({
    allow: [`GET,POST http://api.partner.test:${port}/*`, `GET http://other.partner.test:${port}/*`],
    names: { "api.partner.test": [outside.api], "other.partner.test": [outside.other] },
    privateAddresses: ["127.0.0.2/31"],
    client,
    ...parts,
  });
}

/** The code with which a request was refused, or the address that it reached. */
export async function outcome(
  world: ReturnType<typeof makeWorld>,
  machine: Machine,
  ...asked: Parameters<ReturnType<typeof makeWorld>["request"]>
): Promise<string> {
  const before = machine.arrivals.length;
  try {
    await world.request(...asked);
  } catch (error) {
    if (machine.arrivals.length !== before) return `dialled, then ${(error as { code: string }).code}`;
    return (error as { code: string }).code;
  }
  return machine.arrivals.at(-1)?.address ?? "nowhere";
}
