// Requests one after another, or one body that streams: what part (e) measures.
import { defineJob } from "mayfly";

interface Input {
  url: string;
  kind: "requests" | "down" | "up";
  /** Requests, or bytes of the body. */
  count: number;
}

export default defineJob<Input>(async ({ input }) => {
  const { url, kind, count } = input;
  if (kind === "requests") {
    for (let index = 0; index < count; index += 1) await (await fetch(`${url}/small`)).text();
    return count;
  }
  if (kind === "down") {
    let bytes = 0;
    const { body } = await fetch(`${url}/down?bytes=${count}`);
    for await (const piece of body ?? []) bytes += piece.length;
    return bytes;
  }
  const piece = new Uint8Array(262_144);
  let left = count;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close();
      controller.enqueue(piece.slice(0, Math.min(left, piece.length)));
      left -= Math.min(left, piece.length);
    },
  });
  const response = await fetch(`${url}/up`, { method: "POST", body, duplex: "half" });
  return Number(await response.text());
});
