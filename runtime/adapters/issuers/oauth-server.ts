// An OAuth 2 authorization server, spoken to: metadata (RFC 8414, OpenID Connect Discovery), the token endpoint, revocation
// (RFC 7009), introspection (RFC 7662) and registration (RFC 7591). The protocol is oauth4webapi's; this file answers for
// the way there (issuer-http.ts) and for saying in IssuerFailure's words what an answer means. It keeps no state, and none
// of its messages has anything of an answer but an error's code.
import * as oauth from "oauth4webapi";
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";
import type { IssuerAnswer, IssuerHttp, IssuerRequest } from "./issuer-http.ts";

/** Who asks, and how it shows that it is the one. */
export interface Caller {
  client: oauth.Client;
  authenticate: oauth.ClientAuth;
}

export interface OauthServer {
  readonly metadata: oauth.AuthorizationServer;
  /** As it came; `read` makes sense of it. `issuer_refused` means that no token was made. */
  token(as: Caller, grant: string, words: Record<string, string>, signal: AbortSignal): Promise<TokenAnswer>;
  revoke(as: Caller, token: string, signal: AbortSignal): Promise<void>;
  introspect(as: Caller, token: string, signal: AbortSignal): Promise<oauth.IntrospectionResponse>;
  /** @param initial the initial access token (RFC 7591, 1.2); null where anybody may register. */
  register(
    metadata: Partial<oauth.OmitSymbolProperties<oauth.Client>>,
    initial: string | null,
    signal: AbortSignal,
  ): Promise<oauth.OmitSymbolProperties<oauth.Client>>;
  /** At the run's client (RFC 7592). Any status that is no redirect, no 429 and no fault of the server's is an answer. */
  manage(method: "GET" | "DELETE", client: { uri: string; token: string }, signal: AbortSignal): Promise<IssuerAnswer>;
}

export interface TokenAnswer {
  json: Record<string, unknown>;
  /** @throws IssuerFailure `issuer_garbage`. */
  read(): Promise<oauth.TokenEndpointResponse>;
}

/** Rejects with IssuerFailure when the server can't be asked, or is another than the config says. */
export async function findServer(http: IssuerHttp, issuer: URL, signal: AbortSignal): Promise<OauthServer> {
  const metadata = await say("the server's metadata", async () => {
    const ask = (algorithm: "oauth2" | "oidc") => oauth.discoveryRequest(issuer, { algorithm, ...over(http, signal) });
    const first = await ask("oauth2");
    return oauth.processDiscoveryResponse(issuer, first.status === 404 ? await ask("oidc") : first);
  });
  return serverAt(http, metadata);
}

function serverAt(http: IssuerHttp, metadata: oauth.AuthorizationServer): OauthServer {
  return {
    metadata,

    token: (as, grant, words, signal) =>
      say("the token endpoint", async () => {
        const { client, authenticate } = as;
        const options = over(http, signal);
        const answer = await oauth.genericTokenEndpointRequest(metadata, client, authenticate, grant, words, options);
        const json = answer.status === 200 ? await objectOf(answer.clone()) : undefined;
        const read = () =>
          say("the token endpoint", () => oauth.processGenericTokenEndpointResponse(metadata, client, answer));
        if (json === undefined) await read(); // which says what is wrong with it
        return { json: json ?? {}, read };
      }),

    revoke: (as, token, signal) =>
      say("the revocation endpoint", async () => {
        const additionalParameters = { token_type_hint: "access_token" };
        const options = { ...over(http, signal), additionalParameters };
        const answer = await oauth.revocationRequest(metadata, as.client, as.authenticate, token, options);
        // RFC 7009 gives the body no meaning. A page is a portal's or a proxy's all the same, and no answer.
        if (/html/i.test(answer.headers.get("content-type") ?? ""))
          throw garbage("the revocation endpoint", "a page of HTML");
        await oauth.processRevocationResponse(answer);
      }),

    introspect: (as, token, signal) =>
      say("the introspection endpoint", async () => {
        const options = { ...over(http, signal), requestJwtResponse: false };
        const answer = await oauth.introspectionRequest(metadata, as.client, as.authenticate, token, options);
        return oauth.processIntrospectionResponse(metadata, as.client, answer);
      }),

    register: (words, initial, signal) =>
      say("the registration endpoint", async () => {
        const options = { ...over(http, signal), ...(initial === null ? {} : { initialAccessToken: initial }) };
        const answer = await oauth.dynamicClientRegistrationRequest(metadata, words, options);
        return oauth.processDynamicClientRegistrationResponse(answer);
      }),

    manage: (method, { uri, token }, signal) =>
      askFor(http, { method, url: new URL(uri), headers: { authorization: `Bearer ${token}` } }, signal),
  };
}

/** The library's requests, over our own way of sending them: it alone says where plaintext may go. */
function over(http: IssuerHttp, signal: AbortSignal) {
  const send = async (url: string, request: { method: string; headers: Record<string, string>; body?: unknown }) => {
    const { method, headers, body } = request;
    const asked = { method: method as IssuerRequest["method"], url: new URL(url), headers };
    const answer = await askFor(http, { ...asked, ...(body == null ? {} : { body: String(body) }) }, signal);
    const said = ["content-type", "www-authenticate"].flatMap((name) => {
      const value = answer.header(name);
      return value === undefined ? [] : [[name, value] as [string, string]];
    });
    return new Response(answer.text === "" ? null : answer.text, { status: answer.status, headers: said });
  };
  return { [oauth.customFetch]: send, [oauth.allowInsecureRequests]: true, signal };
}

/** What no endpoint of OAuth means something by. */
async function askFor(http: IssuerHttp, request: IssuerRequest, signal: AbortSignal): Promise<IssuerAnswer> {
  const answer = await http.ask(request, signal);
  const { status, retryAfterMs } = answer;
  const at = request.url.host;
  if (status >= 500) throw new IssuerFailure("issuer_unavailable", `${at} said ${status}`, undefined, retryAfterMs);
  if (status === 429) throw new IssuerFailure("issuer_refused", `${at} has too much to do`, undefined, retryAfterMs);
  if (status >= 300 && status < 400) throw garbage(at, "a redirect, which isn't followed");
  return answer;
}

async function objectOf(answer: Response): Promise<Record<string, unknown> | undefined> {
  const value: unknown = await answer.json().catch(() => undefined);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function garbage(whose: string, found: string): IssuerFailure {
  return new IssuerFailure("issuer_garbage", `${whose} answered with ${found}`);
}

/** The library's errors hold what was sent and what came: of them only a code gets out, and no cause. */
async function say<T>(who: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IssuerFailure) throw error;
    if (error instanceof oauth.ResponseBodyError) {
      throw new IssuerFailure("issuer_refused", `${who} refused: ${quote(error.error, 60)}`);
    }
    if (error instanceof oauth.WWWAuthenticateChallengeError) {
      throw new IssuerFailure("issuer_refused", `${who} refused: it doesn't take this client's authentication`);
    }
    const { code } = Object(error) as { code?: unknown };
    throw garbage(who, `what can't be its answer (${typeof code === "string" ? code : "no code"})`);
  }
}
