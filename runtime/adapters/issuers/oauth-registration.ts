// A client for each run (RFC 7591), which is deleted with it (RFC 7592). It is known before a token is asked for, so that a
// token whose answer was lost ends too: with its client. That servers end the tokens of a deleted client is a SHOULD
// (RFC 7592, 2.3), and some don't. So it is tried before the first run has a token, under that run's own handle:
//
//   a client is registered → gets a token, which introspection calls active → is read → is deleted, and reading it says
//   so → introspection calls the token inactive
//
// A server that does otherwise is refused, and the token of the trial stays in the handle until it has expired.
import { isoTime } from "../../model/units.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import type { IssuerAnswer } from "./issuer-http.ts";
import { makeOwnClient, type OwnClient } from "./oauth-client.ts";
import type { Sighting } from "./oauth-handle.ts";
import type { Obtained } from "./oauth-obtain.ts";
import type { Caller, OauthServer } from "./oauth-server.ts";

export interface Registered {
  caller: Caller;
  client: { uri: string; token: string };
}

export interface RegistrationWords {
  /** Seen by the server's administrators: says whose it is. */
  name: string;
  grant: string;
  scope: readonly string[];
}

export interface Trial {
  server: OauthServer;
  register(): Promise<Registered>;
  /** Gets a token as that client, keeps both, and has seen introspection call it active. */
  obtain(registered: Registered): Promise<Obtained>;
  isActive(token: string): Promise<boolean>;
  signal: AbortSignal;
}

export async function registerClient(
  server: OauthServer,
  { name, grant, scope }: RegistrationWords,
  initial: string | null,
  signal: AbortSignal,
): Promise<Registered> {
  const own: OwnClient = await makeOwnClient(server.metadata);
  const metadata = {
    client_name: name,
    grant_types: [grant],
    response_types: [],
    redirect_uris: [],
    scope: scope.join(" "),
    ...own.metadata,
  };
  const answer = await server.register(metadata, initial, signal);
  const { registration_client_uri: uri, registration_access_token: token } = answer;
  const caller = own.caller(answer);
  const home = new URL(server.metadata.registration_endpoint ?? "").origin;
  const isManaged =
    typeof uri === "string" && URL.parse(uri)?.origin === home && typeof token === "string" && token !== "";
  if (isManaged && caller !== undefined) return { caller, client: { uri, token } };
  const needed = `registration_client_uri at ${home} and registration_access_token (RFC 7592, 3)`;
  throw new IssuerFailure(
    "issuer_garbage",
    `the server registered a client that can't be ended again: needed ${needed}`,
  );
}

/** Success also when there is no such client. */
export async function deleteClient(
  server: OauthServer,
  client: Registered["client"],
  signal: AbortSignal,
): Promise<void> {
  const answer = await server.manage("DELETE", client, signal);
  if (answer.status === 204 || isUnknown(answer)) return;
  const code = answer.status < 400 ? "issuer_garbage" : "issuer_refused";
  throw new IssuerFailure(code, `the server said ${answer.status} to the deletion of the run's client, needed 204`);
}

export async function lookForClient(
  server: OauthServer,
  client: Registered["client"],
  signal: AbortSignal,
): Promise<Sighting> {
  const answer = await server.manage("GET", client, signal);
  if (isUnknown(answer)) return { state: "gone", how: "registration: no such client" };
  const { registration_access_token: token, client_id: id } = answer.json() ?? {};
  if (answer.status !== 200 || typeof id !== "string") {
    return { state: "unknown", how: `registration: the server said ${answer.status}` };
  }
  const isRotated = token !== undefined && token !== client.token;
  return { state: "there", how: `registration: the client is there${isRotated ? rotated : ""}` };
}

const rotated = ", under another registration access token";

// 401 by RFC 7592, 2.1; some say 404. A 401 of something that stands before the server doesn't speak of tokens.
function isUnknown(answer: IssuerAnswer): boolean {
  const { status } = answer;
  if (status === 404) return answer.json() !== undefined;
  const speaksOfToken =
    answer.json()?.error === "invalid_token" || /\binvalid_token\b/.test(answer.header("www-authenticate") ?? "");
  return status === 401 && speaksOfToken;
}

/** Once in a process, by the first run that needs it; what the server does is remembered, that it didn't answer isn't. */
export function makeTrial(): { pass(trial: Trial): Promise<void> } {
  let tried: Promise<string | null> | undefined;
  return {
    async pass(trial) {
      tried ??= tryServer(trial).catch((error: unknown) => {
        tried = undefined;
        throw error;
      });
      const unfit = await tried;
      if (unfit === null) return;
      const needed = 'needed a server that ends tokens with their client, or mode: "token" in the config';
      throw new IssuerFailure(
        "issuer_refused",
        `this server can't be used with a client for each run: ${unfit}; ${needed}`,
      );
    },
  };
}

/** Resolves with what makes the server unfit, or null. */
async function tryServer({ server, register, obtain, isActive, signal }: Trial): Promise<string | null> {
  const registered = await register();
  const { client } = registered;
  const { issued, handle } = await obtain(registered);
  const read = await lookForClient(server, client, signal);
  if (read.state !== "there") return `a client that was just registered can't be read (${read.how})`;
  if (read.how.endsWith(rotated)) return "reading a client changes its registration access token";
  await deleteClient(server, client, signal);
  const after = await lookForClient(server, client, signal);
  if (after.state !== "gone") return `a deleted client isn't gone (${after.how})`;
  if (!(await isActive(issued.secret))) return null;
  const end = handle.until === null ? "nobody knows when" : isoTime(handle.until);
  return `a token outlives its deleted client (RFC 7592, 2.3); that of this trial expires ${end}`;
}
