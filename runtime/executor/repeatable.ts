// What an executor does otherwise for a run that can be repeated. Its random bytes are the keystream of a seed (AES-256 in
// counter mode, NIST SP 800-38A). And what it answers itself, later than at once, waits for its turn: which answer comes
// before which is then the supervisor's to say, and to record.
import type { Frame } from "../protocol/frame.ts";

export interface Repeatable {
  random(count: number): Buffer;
  /** Keeps an answer of our own until its turn has come. */
  hold(header: OwnAnswer, body: Uint8Array): void;
  /** The answer that a reply lets through: one of ours, at the reply's time, or the reply itself. */
  through(reply: Frame): { header: object; body: Uint8Array };
}

export type OwnAnswer = { id: number } & Record<string, unknown>;

/** @param seed 32 bytes, hex. @param send to the supervisor. */
export function makeRepeatable(seed: string, send: (header: Frame["header"]) => void): Repeatable {
  // Loaded now: it would cost each executor 10 ms of its start.
  const { createCipheriv } = require("node:crypto") as typeof import("node:crypto");
  const keystream = createCipheriv("aes-256-ctr", Buffer.from(seed, "hex"), Buffer.alloc(16));
  const held = new Map<unknown, { header: OwnAnswer; body: Uint8Array }>();

  return {
    random: (count) => keystream.update(Buffer.alloc(count)),
    hold(header, body) {
      held.set(header.id, { header, body });
      send({ type: "call", id: header.id, op: "turn", args: {} });
    },
    through({ header, body }) {
      const own = held.get(header.id);
      if (own === undefined) return { header, body };
      held.delete(header.id);
      return { header: { ...own.header, nowMs: header.nowMs }, body: own.body };
    },
  };
}
