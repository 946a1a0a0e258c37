// A world for one kind of issuer: its real server, the words of a config that use it, a job that uses its credential, and a
// thief, who tries what was issued at the resource. The crash campaign and the benchmark of revocations take any of them.
import type { AuthorCredential, AuthorIdentityIssuer, AuthorIssuer, AuthorNetwork } from "../../runtime/config.ts";
import type { EgressKey } from "../../runtime/ports/credential-issuer.ts";

/** One credential, as its issuer gave it to the broker: what a thief could have. */
export interface Issued {
  runId: string;
  secret: string;
  egress?: EgressKey;
}

export interface IssuerWorld {
  kind: string;
  /** What its relying party looks at, and when: no credential is dead to it sooner. */
  checks: string;
  issuer: AuthorIssuer;
  credential: Omit<AuthorCredential, "issuer" | "ttl" | "purpose">;
  network?: AuthorNetwork;
  /** PEM: authorities that the runs' egress trusts beside Node's own. */
  authorities?: readonly string[];
  /** Told where the state will be, before the supervisor is started. */
  begin?(directory: string): void;
  /** Where it finds out who a run is; absent where nobody asks. */
  identity?: AuthorIdentityIssuer;
  /** Variables that the config names. */
  env: Record<string, string>;
  /** Statements of a job, with its context as `c`, that use the credential once and fail when it isn't taken. */
  use: string;
  /** Shows it to what it is for, in a connection of its own. False also when nobody answers. */
  accepts(issued: Issued, at: Place): Promise<boolean>;
  /** Opens a session with it; the function uses it once more. Absent where a resource has none. */
  session?(issued: Issued, at: Place): Promise<() => Promise<boolean>>;
  stop(): Promise<void>;
}

/** Whose it was. */
export interface Place {
  /** 8 hex digits. */
  installation: string;
  /** Of the config; the state is in `.mayfly` there. */
  directory: string;
}

export type OpenIssuerWorld = () => Promise<IssuerWorld>;
