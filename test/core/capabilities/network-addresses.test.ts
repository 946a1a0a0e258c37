// Egress and DNS: names that lead inside, names that change their mind, and resolvers that fail.
import t from "tap";
import { Failed } from "../../../runtime/core/capabilities/capability.ts";
import { ExchangeFailure } from "../../../runtime/ports/http-client.ts";
import { type Dial, denies, makeWorld, orders, PUBLIC, partner } from "./egress-world.ts";

t.test(
  "[NET-16] [NET-19] a name with one special-purpose answer is refused whole, and the guest learns no address",
  async (t) => {
    const rebound = [
      ["127.0.0.1"],
      [PUBLIC, "10.0.0.5"],
      ["169.254.169.254"],
      [PUBLIC, "::1"],
      ["::ffff:127.0.0.1"],
      ["64:ff9b::a00:1"],
      ["nonsense"],
    ];
    for (const answers of rebound) {
      const error = await denies(t, { ...partner, names: { "api.partner.test": answers } }, "address_private", orders);
      t.notMatch(error.message, answers.at(-1) ?? "", "not in the guest's text");
      t.match(error.target, answers.at(-1) ?? "", "but in the audit's");
    }
  },
);

t.test("a granted block opens its own addresses and no others", async (t) => {
  const world = makeWorld({
    ...partner,
    privateAddresses: ["10.1.0.0/16"],
    names: { "api.partner.test": ["10.1.2.3"] },
  });
  await world.request(orders);
  t.equal(world.dials[0]?.target.address, "10.1.2.3");
  const wrapped = { ...partner, privateAddresses: ["10.1.0.0/16"], names: { "api.partner.test": ["::ffff:10.1.2.3"] } };
  await denies(t, wrapped, "address_private", orders);
  await denies(t, { ...wrapped, names: { "api.partner.test": ["10.1.2.3", "10.2.0.1"] } }, "address_private", orders);
});

t.test("an address that a rule names needs no resolver and no block", async (t) => {
  const world = makeWorld({ allow: ["GET http://127.0.0.1:7421/*", "GET http://[::1]:7421/*"] });
  await world.request("http://127.1:7421/a");
  await world.request("http://[0::1]:7421/a");
  t.strictSame(
    world.dials.map(({ target }) => target.address),
    ["127.0.0.1", "::1"],
  );
  t.strictSame(world.asked, []);
  t.equal((await world.refusal("http://127.0.0.2:7421/a")).code, "not_allowed");
});

t.test("[NET-18] a name that changes its mind is still the address that was checked", async (t) => {
  const answers = [[PUBLIC], ["127.0.0.1"]];
  const world = makeWorld({ ...partner, names: { "api.partner.test": () => answers.shift() ?? [] } });
  await Promise.all([world.request(orders), world.request(orders)]);
  await world.request(orders);
  t.strictSame(
    world.dials.map(({ target }) => target.address),
    [PUBLIC, PUBLIC, PUBLIC],
  );
  t.equal(world.asked.length, 1);
});

t.test("a refused answer is not remembered as a good one", async (t) => {
  const answers = [["127.0.0.1"], [], [PUBLIC]];
  const world = makeWorld({ ...partner, names: { "api.partner.test": () => answers.shift() ?? [] } });
  t.equal((await world.refusal(orders)).code, "address_private");
  t.equal((await world.refusal(orders)).code, "resolve_failed");
  await world.request(orders);
  t.equal(world.dials.length, 1);
});

t.test("an address that does not answer gives its place to the host's next checked one", async (t) => {
  const answer = (dial: Dial) => {
    if (dial.target.address === PUBLIC) throw new ExchangeFailure("net_unreachable", "no");
    return {};
  };
  const world = makeWorld({ ...partner, names: { "api.partner.test": ["2606:4700::1", PUBLIC] }, answer });
  t.equal((await world.refusal(orders)).code, "net_unreachable");
  await world.request(orders);
  t.strictSame(
    world.dials.map(({ target }) => target.address),
    [PUBLIC, "2606:4700::1"],
  );
  t.equal(world.asked.length, 1, "without a second question");
});

t.test("a resolver that fails, or never answers, ends the request and not the run", async (t) => {
  const broken = makeWorld({
    ...partner,
    names: { "api.partner.test": () => Promise.reject(new Error("SERVFAIL from 10.0.0.2")) },
  });
  const error = await broken.refusal(orders);
  t.match(error, { code: "resolve_failed", message: 'the name "api.partner.test" could not be resolved' });
  t.type(error, Failed);
  const silent = makeWorld({
    ...partner,
    names: { "api.partner.test": () => new Promise(() => {}) },
    limits: { requestMs: 1_000 },
  });
  const waiting = silent.refusal(orders);
  silent.clock.pass(1_000);
  t.equal((await waiting).code, "net_timeout");
  const controller = new AbortController();
  const given = silent.refusal(orders, {}, controller.signal);
  controller.abort();
  t.equal((await given).code, "aborted");
});
