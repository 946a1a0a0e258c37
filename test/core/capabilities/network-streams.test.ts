// Bodies that pass through egress piece by piece: counted, searched for the credential across the borders of pieces, and
// within the one time that a request has.
import t from "tap";
import { type CallContext, Denied } from "../../../runtime/core/capabilities/capability.ts";
import { askedOf } from "../../../runtime/core/capabilities/network-asked.ts";
import { makeEgressLeaks } from "../../../runtime/core/capabilities/network-leaks.ts";
import { guardPieces } from "../../../runtime/core/capabilities/network-sealed.ts";
import { makeLeakGuard } from "../../../runtime/core/leases/leak-guard.ts";
import { ExchangeFailure, type HttpClient, inOnePiece } from "../../../runtime/ports/http-client.ts";
import { makeSealed, makeWorld, orders, partner, redirectTo } from "./egress-world.ts";

const asked = askedOf("POST", new URL(orders), [], null);

async function* cut(text: string, ...at: number[]): AsyncGenerator<Uint8Array, void, void> {
  const borders = [0, ...at, text.length];
  for (let index = 1; index < borders.length; index += 1)
    yield Buffer.from(text.slice(borders[index - 1], borders[index]));
}

async function through(pieces: AsyncIterable<Uint8Array>): Promise<{ sent: string; code: string }> {
  let sent = "";
  try {
    for await (const piece of pieces) sent += Buffer.from(piece).toString();
    return { sent, code: "" };
  } catch (error) {
    return { sent, code: (error as Denied).code };
  }
}

t.test(
  "a credential in a streamed body is found wherever the pieces are cut, and no byte of it goes out",
  async (t) => {
    const value = "s3cret-value";
    const { sealed } = makeSealed(value, ["api.partner.test"]);
    const guard = makeLeakGuard({ isRevealed: false, known: [], onLeak: () => {}, onBlind: () => {} });
    guard.arm([value]);
    const leaks = makeEgressLeaks({ guard, placeholder: sealed.placeholder });
    const context = { record: async () => {} } as unknown as CallContext;
    const both = (pieces: AsyncIterable<Uint8Array>) =>
      guardPieces(sealed, asked, leaks.pieces(asked, pieces, context));
    for (const secret of [value, sealed.placeholder]) {
      const text = `before ${secret} after`;
      for (let one = 1; one < text.length - 1; one += 1) {
        for (const two of [one, Math.min(one + 1, text.length), Math.min(one + 5, text.length)]) {
          const { sent, code } = await through(both(cut(text, one, two)));
          t.equal(code, "credential_place");
          t.ok("before ".startsWith(sent), `cut at ${one} and ${two}, ${JSON.stringify(sent)} went out`);
        }
      }
    }
  },
);

t.test("what is no credential goes out as it came, to the last byte", async (t) => {
  const { sealed } = makeSealed("s3cret-value", ["api.partner.test"]);
  for (const text of ["", "x", "s3cret-valu", "s3cret-valuX", "mayfly-sealed-00f", "a".repeat(1_000)]) {
    const half = Math.floor(text.length / 2);
    t.strictSame(await through(guardPieces(sealed, asked, cut(text, half))), { sent: text, code: "" });
  }
  t.equal(
    (await through(guardPieces(null, asked, cut("s3cret-value")))).sent,
    "s3cret-value",
    "no credential, no search",
  );
});

t.test("a streamed body is counted as it goes, and its stated length is held to", async (t) => {
  const limits = { requestBodyBytes: 10 };
  const send = (body: string, bodyBytes: number | null) =>
    makeWorld({ ...partner, limits }).refusal(orders, { method: "POST", body, sends: "stream", bodyBytes });
  t.equal((await send("12345678901", null)).code, "request_size");
  t.equal((await send("12345678901", 11)).code, "request_size", "before anything was dialled");
  t.equal((await send("12345", 6)).code, "call_invalid");
  const world = makeWorld({ ...partner, limits });
  await world.request(orders, { method: "POST", body: "1234567890", sends: "stream" });
  t.equal(Buffer.from(world.dials[0]?.body ?? []).toString(), "1234567890");
  t.equal(world.usage.bytesOut, 10);
});

t.test("a body that can be had again follows a redirect within its origin; a stream ends there", async (t) => {
  const answer = ({ target }: { target: { path: string } }) =>
    target.path === "/v1/orders" ? redirectTo("/v1/b", 307) : {};
  const world = makeWorld({ ...partner, answer });
  await world.request(orders, { method: "POST", body: "again", sends: "again", bodyBytes: 5 });
  t.strictSame(
    world.dials.map(({ body }) => Buffer.from(body ?? []).toString()),
    ["again", "again"],
  );
  const stream = makeWorld({ ...partner, answer });
  const error = await stream.refusal(orders, { method: "POST", body: "once", sends: "stream" });
  t.type(error, Denied);
  t.equal(error.code, "redirect");
  t.equal(stream.dials.length, 1);
});

t.test("the time of a request runs until the last byte of its answer, and its turn is held as long", async (t) => {
  let give: (() => void) | undefined;
  const dripping: HttpClient = {
    async exchange(_target, _body, _limits, signal) {
      async function* body() {
        yield Buffer.from("first");
        await new Promise<void>((resolve, reject) => {
          give = resolve;
          signal.addEventListener("abort", () => reject(new ExchangeFailure("aborted", "")));
        });
        yield Buffer.from("last");
      }
      return { status: 200, statusText: "", headers: [], body: body(), wireBytes: () => 9 };
    },
    async close() {},
  };
  const world = makeWorld({ ...partner, client: dripping, limits: { requestMs: 1_000, requestsAtOnce: 1 } });
  const slow = world.refusal(orders);
  while (give === undefined) await new Promise((resolve) => setImmediate(resolve));
  const waiting = world.request(orders);
  await new Promise((resolve) => setImmediate(resolve)); // it is decided, and waits for its turn
  world.clock.pass(1_000);
  t.equal((await slow).code, "net_timeout");
  give = undefined;
  while (give === undefined) await new Promise((resolve) => setImmediate(resolve));
  (give as () => void)();
  t.equal(Buffer.from((await waiting).body).toString(), "firstlast", "the next one had its turn, and its own time");
  t.equal(world.clock.pending(), 0);
});

t.test("an answer that nobody takes gives its turn and its time back when the call is over", async (t) => {
  const world = makeWorld({
    ...partner,
    limits: { requestsAtOnce: 1 },
    answer: () => ({ body: Buffer.from("unread") }),
  });
  const controller = new AbortController();
  const { usage } = world;
  const context = {
    signal: controller.signal,
    usage,
    record: async () => {},
    upload: () => inOnePiece(new Uint8Array(0)),
  };
  const args = { url: orders, method: "GET", headers: [], redirect: "follow" as const };
  const plan = await world.network.request.authorize(
    { ...args, body: "none", bodyBytes: null },
    new Uint8Array(0),
    context,
  );
  await world.network.request.act(plan, new Uint8Array(0), context);
  t.equal(world.clock.pending(), 1);
  controller.abort();
  t.equal(world.clock.pending(), 0);
  t.equal((await world.request(orders)).status, 200);
});
