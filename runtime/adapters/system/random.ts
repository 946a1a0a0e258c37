// Randomness: the only place where the supervisor gets it.
import { randomBytes } from "node:crypto";
import type { Random } from "../../ports/random.ts";

/** The system's cryptographic generator. */
export const systemRandom: Random = { bytes: (count) => new Uint8Array(randomBytes(count)) };
