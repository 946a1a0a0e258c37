// What a job of jobs/ does with its package, and what must come of it. A package that can't work in a job must be refused,
// and for the reason that is named.
import type { AuthorIsolate } from "../../runtime/config/author.ts";
import type { AwsKeys, Vendor } from "./vendor.ts";

interface About {
  /** As npm knows it. Its job is the file of the same name: see `jobOf`. */
  package: string;
  /** What the job does with it. */
  does: string;
  /** The server that it speaks to, of its own for each run. */
  vendor?: (keys: AwsKeys) => Vendor;
  isolate?: AuthorIsolate;
}

export interface Working extends About {
  /** The run's result, as JSON has it. */
  yields: unknown;
  /** Why Node itself can't run this job. */
  notInNode?: string;
}

export interface Refused extends About {
  refused: {
    /** Where: when the job is bundled, or when it does what it can't. */
    at: "bundle" | "run";
    /** In the error that its author reads. */
    message: RegExp;
    /** For the table: what a job does instead. */
    instead: string;
  };
}

export type Case = Working | Refused;

/** `@aws-sdk/client-s3` is `aws-sdk-client-s3`: a name that a config takes. */
export function jobOf({ package: name }: { package: string }): string {
  return name.replace(/^@/, "").replace(/[/.]/g, "-").toLowerCase();
}
