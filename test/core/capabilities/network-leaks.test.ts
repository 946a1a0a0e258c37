// The credential in requests where it was not meant to be, and in answers that give it back. Each stop has its twin: the
// same request of a job whose guard knows nothing goes out, and the oracle finds the credential on the wire.
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import t from "tap";
import { canaryForms, findCanary, makeCanary } from "../../../runtime/testkit/canary.ts";
import { makeSealed, makeWorld, orders, partner, redirectTo, type WorldParts } from "./egress-world.ts";

const hosts = ["api.partner.test"];

/** What went over the wire, as the oracle reads it. */
const wireOf = ({ dials }: ReturnType<typeof makeWorld>) =>
  Object.fromEntries(
    dials.flatMap(({ target, body }, index) => [
      [`head ${index}`, Buffer.from([target.path, ...target.headers.flat()].join("\n"), "latin1")],
      [`body ${index}`, body ?? ""],
    ]),
  );

type Asked = Parameters<ReturnType<typeof makeWorld>["request"]>;

/** The same text in a URL, a query, a fragment, a header field, a cookie, and a body both ways. */
function requestsWith(text: string): [name: string, ...asked: Asked][] {
  const visible = /^[\x20-\x7e]+$/.test(text);
  const url: [string, ...Asked][] = [
    ["path", `https://api.partner.test/v1/${text.replaceAll("/", "%2f").replaceAll("\\", "%5c")}`],
    ["query", `${orders}?a=${text}`],
    ["fragment", `${orders}#${text}`],
  ];
  const fields: [string, ...Asked][] = [
    ["header", orders, { headers: [["x-note", text]] }],
    ["cookie", orders, { headers: [["cookie", `a=b; t=${text}`]] }],
  ];
  return [
    ...(visible && !text.includes(" ") ? [...url, ...fields] : []),
    ["body", orders, { method: "POST", body: `{"note":"${text}"}` }],
    ["stream", orders, { method: "POST", body: `{"note":"${text}"}`, sends: "stream" }],
  ];
}

t.test("[CRED-09] a credential that was never the job's to send: in no place, in no form, to no host", async (t) => {
  const canary = makeCanary();
  let stopped = 0;
  for (const [form, needle] of canaryForms(canary)) {
    for (const [place, ...asked] of requestsWith(needle)) {
      const twin = makeWorld(partner);
      const isTaken = await twin.request(...asked).then(
        () => true,
        () => false, // some of these URLs are refused as such
      );
      if (!["path", "query", "fragment"].includes(place) || form === "raw") {
        const isSent = place !== "fragment";
        t.equal(findCanary(canary, wireOf(twin)).length > 0, isSent, `the twin leaks: ${form}, ${place}`);
      }
      const world = makeWorld({ ...partner, sealed: makeSealed(canary, hosts).sealed });
      const error = await world.refusal(...asked);
      if (isTaken) t.equal(error.code, "credential_place", `${form} in ${place}`);
      t.same(findCanary(canary, { ...wireOf(world), error: JSON.stringify(error) }), [], `${form} in ${place}`);
      if (isTaken) t.equal(world.guard.leaks[0]?.sink, "request");
      stopped += 1;
    }
  }
  t.ok(stopped > 80, `${stopped} requests`);
});

t.test("[CRED-11] in a compressed body too, sent at once or as a stream", async (t) => {
  const canary = makeCanary();
  const text = JSON.stringify({
    rows: Array.from({ length: 50 }, (_, row) => ({ row, token: row === 40 ? canary : "" })),
  });
  for (const pack of [gzipSync, deflateSync, deflateRawSync, brotliCompressSync]) {
    for (const sends of ["inline", "stream"] as const) {
      const body = Buffer.from(pack(text));
      const { sealed } = makeSealed(canary, hosts);
      const world = makeWorld({ ...partner, sealed });
      const error = await world.refusal(orders, { method: "POST", bytes: body, sends });
      t.equal(error.code, "credential_place", `${pack.name} ${sends}`);
      const twin = makeWorld(partner);
      await twin.request(orders, { method: "POST", bytes: body, sends });
      t.not(findCanary(canary, wireOf(twin)).length, 0, "the twin leaks");
    }
  }
});

t.test("[CRED-09] one that is split over header fields", async (t) => {
  const canary = makeCanary();
  const headers: [string, string][] = [
    ["x-a", canary.slice(0, 10)],
    ["x-b", canary.slice(10, 20)],
  ];
  const world = makeWorld({ ...partner, sealed: makeSealed(canary, hosts).sealed });
  t.equal((await world.refusal(orders, { headers })).code, "credential_place");
});

t.test("[CRED-09] a revealed credential is used where the rules allow it, and the audit says where", async (t) => {
  const canary = makeCanary();
  const world = makeWorld({ ...partner, revealed: canary });
  const bearer: [string, string][] = [["authorization", `Bearer ${canary}`]];
  for (let time = 0; time < 3; time += 1) await world.request(orders, { headers: bearer });
  await world.request(`${orders}?token=${canary}`);
  await world.request(orders, { method: "POST", body: canary, sends: "stream" });
  await world.request(orders, { method: "POST", bytes: gzipSync(canary) });
  t.equal(world.dials.length, 6, "all were sent");
  const sent = world.events.filter(({ type }) => type === "credential.sent").map(({ detail }) => detail);
  t.same(sent, ["in the header field authorization, raw", "in the URL, raw", "in the body, raw"], "each place once");
  t.same(world.guard.leaks, [], "it is the job's to use");
  t.same(findCanary(canary, { events: JSON.stringify(world.events) }), [], "and the record doesn't have it");
  const elsewhere = await world.refusal("https://evil.test/", { headers: bearer });
  t.equal(elsewhere.code, "not_allowed", "the rules hold");
  const path = await world.refusal(`https://api.partner.test/v2/${canary}`);
  t.same(findCanary(canary, { path: JSON.stringify([path.message, path]) }), [], "and what they say is clean");
});

t.test("[CRED-09] what a server says of a sealed credential is the placeholder, however it writes it", async (t) => {
  const canary = makeCanary();
  for (const [form, needle] of canaryForms(canary)) {
    const answer: NonNullable<WorldParts["answer"]> = () => ({
      statusText: "OK",
      headers: [
        ["x-echo", needle],
        ["content-length", "4711"],
        ["content-type", "text/plain"],
      ],
      body: Buffer.from(`you sent ${needle} to us`, "latin1"),
    });
    const twin = await makeWorld({ ...partner, answer }).request(orders);
    t.not(findCanary(canary, { body: twin.body, head: twin.headers.flat().join("\n") }).length, 0, `the twin: ${form}`);
    const { sealed } = makeSealed(canary, hosts);
    const world = makeWorld({ ...partner, sealed, answer });
    const { body, headers } = await world.request(orders, {
      headers: [["authorization", `Bearer ${sealed.placeholder}`]],
    });
    const text = Buffer.from(body).toString("latin1");
    t.same(findCanary(canary, { text, head: Buffer.from(headers.flat().join("\n"), "latin1") }), [], form);
    if (form !== "base64") t.equal(text, `you sent ${sealed.placeholder} to us`);
    t.same(
      headers.map(([name]) => name),
      ["x-echo", "content-type"],
      "a length that may be wrong is not told",
    );
    t.match(
      world.events.filter(({ type }) => type === "credential.echoed"),
      [{ detail: /header fields of the answer/ }, { detail: /the answer's body/ }],
    );
    t.same(world.guard.leaks, [], "the job has done nothing");
  }
});

t.test("an echo that comes in pieces, at any border", async (t) => {
  const canary = makeCanary();
  const text = `{"authorization":"Bearer ${canary}","ok":true}`;
  for (let at = 1; at < text.length; at += 1) {
    const { sealed } = makeSealed(canary, hosts);
    async function* body() {
      yield Buffer.from(text.slice(0, at));
      yield Buffer.from(text.slice(at));
    }
    const client = {
      exchange: async () => ({ status: 200, statusText: "", headers: [], body: body(), wireBytes: () => text.length }),
      close: async () => {},
    };
    const answer = await makeWorld({ ...partner, sealed, client }).request(orders);
    const expected = `{"authorization":"Bearer ${sealed.placeholder}","ok":true}`;
    if (Buffer.from(answer.body).toString() !== expected)
      t.equal(Buffer.from(answer.body).toString(), expected, `at ${at}`);
  }
  t.pass(`${text.length} borders`);
});

t.test("an answer without a body keeps its length, and one that echoes nothing its bytes", async (t) => {
  const { sealed } = makeSealed(makeCanary(), hosts);
  const headers: [string, string][] = [["content-length", "12"]];
  const head = makeWorld({
    ...partner,
    allow: ["GET,HEAD https://api.partner.test/v1/*"],
    sealed,
    answer: () => ({ headers }),
  });
  t.same((await head.request(orders, { method: "HEAD" })).headers, headers);
  const plain = Buffer.from([0, 1, 2, 255, 254, ...Buffer.from("any bytes")]);
  const get = makeWorld({ ...partner, sealed, answer: () => ({ headers, body: plain }) });
  t.same(Buffer.from((await get.request(orders)).body), plain);
});

t.test(
  "[CRED-09] a redirect that carries the value is its server's doing: not followed, and no leak by the job",
  async (t) => {
    const canary = makeCanary();
    const { sealed } = makeSealed(canary, hosts);
    const world = makeWorld({ ...partner, sealed, answer: () => redirectTo(`/v1/a?token=${canary}`) });
    t.equal((await world.refusal(orders)).code, "credential_place");
    t.same(world.guard.leaks, []);
    const manual = await world.request(orders, { redirect: "manual" });
    t.same(
      manual.headers,
      [["location", `/v1/a?token=${sealed.placeholder}`]],
      "the job may see where it would have led",
    );
  },
);
