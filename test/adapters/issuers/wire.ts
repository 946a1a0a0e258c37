// A wire between an issuer and its server, for tests: it keeps what went over it, and can hold it back.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Passes bytes on, and keeps what the near side said; from the first word that it holds on, the far side gets nothing more. */
export async function openWire(to: number) {
  const sockets = new Set<Socket>();
  let sent = "";
  let held: (() => void)[] | undefined;
  let word: string | undefined;
  const wire = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    let isHeld = false;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    near.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      sent += text;
      if (word !== undefined && text.includes(word)) held ??= [];
      isHeld ||= held !== undefined;
      if (held === undefined) far.write(chunk);
      else held.push(() => far.write(chunk));
    });
    near.on("close", () => isHeld || far.destroy()); // what it said may still arrive
    far.on("data", (chunk: Buffer) => near.write(chunk));
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const { port } = wire.address() as AddressInfo;
  return {
    url: (like: string) => Object.assign(new URL(like), { port: String(port) }).href,
    sent: () => sent,
    hold(from: string) {
      word = from;
    },
    /** How many pieces wait. */
    held: () => held?.length ?? 0,
    /** What is said from now on goes through; what was held goes when the returned function is called. */
    letThrough() {
      const late = held ?? [];
      held = undefined;
      word = undefined;
      return () => {
        for (const write of late) write();
      };
    },
    close() {
      for (const socket of sockets) socket.destroy();
      wire.close();
    },
  };
}
