// Asks a token's own issuer whether it is active, as a resource does (RFC 7662): for `mayfly doctor`, which tries whether a
// token outlives its run. The issuer is the one that the token names, so it is asked about tokens of our own making only.
const answerMs = 5_000;

/** @throws Error when the token is none of ours, or no proper answer came: a missing answer is no "inactive". */
export async function isActive(token: string): Promise<boolean> {
  const [, claims = ""] = token.split(".");
  const { iss } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { iss: string };
  const { hostname } = new URL(iss);
  if (hostname !== "127.0.0.1" && hostname !== "[::1]") throw new Error("the token's issuer is not on loopback");
  const response = await fetch(`${iss}/introspect`, {
    method: "POST",
    body: new URLSearchParams({ token }),
    redirect: "error",
    signal: AbortSignal.timeout(answerMs),
  });
  const { active } = (await response.json()) as { active?: unknown };
  if (response.status !== 200 || typeof active !== "boolean") throw new Error(`introspection: ${response.status}`);
  return active;
}
