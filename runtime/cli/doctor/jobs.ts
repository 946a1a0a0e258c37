// The jobs of the attacks as the config would declare them: what an attack doesn't ask for, its job doesn't have.
import { parseNetworkRule } from "../../model/allowlist.ts";
import type { CredentialGrant, NetworkRule } from "../../model/grant.ts";
import type { JobSpec } from "../../model/job.ts";
import { defaultFileQuota, defaultLimits } from "../../model/limits.ts";
import type { Attack, AttackJob, Place } from "./attack.ts";

/** Unique among all attacks. */
export function jobName({ group, name }: Pick<Attack, "group" | "name">, key: string): string {
  return `${group} ${name} ${key}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

export function specOf(name: string, job: AttackJob, place: Place): JobSpec {
  return {
    name,
    entry: "",
    tenant: "doctor",
    schedule: null,
    grants: {
      network: { allow: (job.allow ?? []).map(ruleOf), privateAddresses: job.privateAddresses ?? [] },
      files: { mounts: job.mounts ?? {}, quota: { ...defaultFileQuota, ...job.quota } },
      credential: job.credential === true ? credentialFor(place) : null,
      identity: null,
    },
    limits: { ...defaultLimits, wallMs: 20_000, ...job.limits },
  };
}

function credentialFor({ recorder }: Place): CredentialGrant {
  return {
    issuer: "doctor",
    scope: ["doctor:try"],
    ttlMs: 120_000,
    delivery: "sealed",
    purpose: "mayfly doctor tries whether it outlives its run",
    ...{ idleMs: null, usesMax: null, onLeak: "revoke" },
    sealed: {
      place: { header: "authorization" },
      hosts: [`127.0.0.1:${recorder.port}`],
      ...{ requests: null, perRequest: 1 },
    },
  };
}

function ruleOf(line: string): NetworkRule {
  const parsed = parseNetworkRule(line);
  if (!parsed.ok) throw new RangeError(parsed.message);
  return parsed.rule;
}
