// The parts that a lease's life takes: broker and revoker, with what both need.
import { systemClock } from "../adapters/system/clock.ts";
import { systemRandom } from "../adapters/system/random.ts";
import { makeAlarm } from "../core/leases/alarm.ts";
import { type Broker, makeBroker } from "../core/leases/broker.ts";
import { makeHandles } from "../core/leases/handles.ts";
import { makeRevoker, type Revoker } from "../core/leases/revoker.ts";
import type { Clock } from "../ports/clock.ts";
import type { CredentialIssuer } from "../ports/credential-issuer.ts";
import type { Random } from "../ports/random.ts";
import type { SecretBox } from "../ports/secret-box.ts";
import type { Store } from "../ports/store.ts";

export interface LeasesParts {
  store: Store;
  box: SecretBox;
  issuer: (name: string) => Promise<CredentialIssuer>;
  onAlert: (message: string) => void;
  /** The machine's by default. */
  clock?: Clock;
  random?: Random;
}

export interface Leases {
  broker: Broker;
  revoker: Revoker;
}

export function makeLeases(parts: LeasesParts): Leases {
  const { store, issuer, onAlert, clock = systemClock, random = systemRandom } = parts;
  const handles = makeHandles(parts.box);
  const alarm = makeAlarm({ store, clock, onAlert });
  const revoker = makeRevoker({ store, clock, random, handles, issuer, alarm });
  return { broker: makeBroker({ store, clock, handles, revoker, issuer }), revoker };
}
