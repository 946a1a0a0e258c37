// What the stories of the Redis issuer share: the issuer as they open it, and an independent client, as a thief would
// have it.
import { createClient, type RedisClientType } from "@redis/client";
import { makeRedisIssuer } from "../../../runtime/adapters/issuers/redis.ts";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { systemRandom } from "../../../runtime/adapters/system/random.ts";
import { runIdDigits } from "../../../runtime/model/ids.ts";
import type { Transport } from "../../../runtime/model/issuer.ts";
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
  transport?: Partial<Transport>;
  clientKey?: string;
}

export function openIssuer({ adminUrl, installed, transport, clientKey }: Opening): CredentialIssuer {
  return makeRedisIssuer({
    ...{ name: "cache", adminUrl, installation: installed ?? installation, random: systemRandom },
    ...{ clock: systemClock, clientKey: clientKey ?? null },
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
