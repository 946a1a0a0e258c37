// What the stories of the Redis issuer share: the issuer as they open it, an independent client that a thief would have, a
// wire that keeps what went over it, and time that moves when it is told to.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createClient, type RedisClientType } from "@redis/client";
import { makeRedisIssuer } from "../../../runtime/adapters/issuers/redis.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { Transport } from "../../../runtime/model/issuer.ts";
import type { Clock } from "../../../runtime/ports/clock.ts";
import type { CredentialIssuer, IssueRequest, LeaseRef } from "../../../runtime/ports/credential-issuer.ts";

export const installation = "0a1b2c3d";

export type RedisClient = RedisClientType;

export async function connectAs(url: string, tls: { ca?: string } = {}): Promise<RedisClient> {
  const client = createClient({
    ...{ url, RESP: 3, disableOfflineQueue: true, disableClientInfo: true, maintNotifications: "disabled" },
    socket: { reconnectStrategy: false, ...(tls.ca === undefined ? {} : { tls: true, ca: tls.ca }) },
  });
  client.on("error", () => {});
  await client.connect();
  return client as unknown as RedisClient;
}

export interface Opening {
  adminUrl: string;
  installed?: string;
  clock?: Clock;
  transport?: Partial<Transport>;
  clientKey?: string;
}

export function openIssuer({ adminUrl, installed, clock, transport, clientKey }: Opening): CredentialIssuer {
  return makeRedisIssuer({
    ...{ name: "cache", adminUrl, installation: installed ?? installation, random: systemRandom },
    ...{ clock: clock ?? systemClock, clientKey: clientKey ?? null },
    transport: { ca: null, client: null, plaintext: false, ...transport },
  });
}

export const userOf = (lease: LeaseRef): string => `mayfly_${installation}_${runIdDigits(lease.runId)}`;

export function requestFor(lease: LeaseRef, scope: readonly string[] = ["get:orders:*"]): IssueRequest {
  return { lease, job: "j", tenant: "t", scope, purpose: "p", expiresAt: systemClock.nowMs() + 60_000 };
}

export async function accepted(work: Promise<unknown>): Promise<"accepted" | "refused"> {
  return work.then(
    () => "accepted",
    () => "refused",
  );
}

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

/** Time that moves when it is told to. */
export function movedClock() {
  let now = systemClock.nowMs();
  const timers = new Map<object, { at: number; call: () => void }>();
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    setTimer(delayMs: number, call: () => void) {
      const key = {};
      timers.set(key, { at: now + delayMs, call });
      return () => void timers.delete(key);
    },
    waiting: () => timers.size,
    advance(ms: number) {
      now += ms;
      for (const [key, { at, call }] of timers) {
        if (at <= now && timers.delete(key)) call();
      }
    },
  };
}
