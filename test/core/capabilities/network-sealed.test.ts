// The sealed credential at egress: the one place where the value appears, and all those where it must not.
import t from "tap";
import type { Denied } from "../../../runtime/core/capabilities/capability.ts";
import { denies, makeSealed, makeWorld, orders, partner, redirectTo } from "./egress-world.ts";

t.test("the sealed credential", async (t) => {
  const value = "canary-7f3a9d";
  const hosts = ["api.partner.test"];
  const bearer = (token: string): { headers: [string, string][] } => ({
    headers: [["Authorization", `Bearer ${token}`]],
  });

  t.test("becomes the value in its header, for its host, and nowhere that is kept", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    const world = makeWorld({ ...partner, sealed });
    const answer = await world.request(orders, bearer(sealed.placeholder));
    t.strictSame(world.dials[0]?.target.headers, [["authorization", `Bearer ${value}`]]);
    t.notMatch(JSON.stringify([answer, world.events]), value);
  });

  t.test("is refused in any other place, and the text says where it may stand", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    const ph = sealed.placeholder;
    const parts = { ...partner, sealed, allow: [...partner.allow, "GET https://other.partner.test/*"] };
    const misplaced: Parameters<ReturnType<typeof makeWorld>["request"]>[] = [
      [orders, { headers: [["x-api-key", ph]] }],
      [
        orders,
        {
          headers: [
            ["authorization", ph],
            ["cookie", `t=${ph}`],
          ],
        },
      ],
      [orders, { headers: [[`x-${ph}`, "1"]] }],
      [`${orders}?token=${ph}`],
      [`${orders}?token=${ph.replace("-", "%2d")}`],
      [`https://api.partner.test/v1/${ph}`],
      [orders, { method: "POST", body: `{"token":"${ph}"}` }],
      ["https://other.partner.test/a", bearer(ph)],
    ];
    for (const asked of misplaced) {
      const error = await denies(t, parts, "credential_place", ...asked);
      t.equal(error.nearest, 'credential.place: { header: "authorization" }, hosts: ["api.partner.test"]');
    }
  });

  t.test("does not cross the Internet in the clear, but a local service may have it", async (t) => {
    const { sealed } = makeSealed(value, ["api.partner.test", "127.0.0.1:7421"]);
    const allow = ["GET http://api.partner.test/*", "GET http://127.0.0.1:7421/*"];
    await denies(
      t,
      { ...partner, allow, sealed },
      "credential_place",
      "http://api.partner.test/",
      bearer(sealed.placeholder),
    );
    const world = makeWorld({ ...partner, allow, sealed });
    await world.request("http://127.0.0.1:7421/a", bearer(sealed.placeholder));
    t.strictSame(world.dials[0]?.target.headers, [["authorization", `Bearer ${value}`]]);
  });

  t.test("is bound to the port: another service of the same host doesn't get it", async (t) => {
    const { sealed } = makeSealed(value, ["127.0.0.1:7421"]);
    const parts = { allow: ["GET http://127.0.0.1:7422/*"], sealed };
    await denies(t, parts, "credential_place", "http://127.0.0.1:7422/a", bearer(sealed.placeholder));
  });

  t.test("is put in anew at a hop of the same host, and stays behind at another's", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    const allow = [...partner.allow, "GET https://other.partner.test/*"];
    const hops = ["/v1/next", "https://other.partner.test/a"];
    const world = makeWorld({
      ...partner,
      allow,
      sealed,
      answer: () => (hops.length > 0 ? redirectTo(hops.shift() ?? "") : {}),
    });
    await world.request(orders, bearer(sealed.placeholder));
    const full = [["authorization", `Bearer ${value}`]];
    t.strictSame(
      world.dials.map(({ target }) => target.headers),
      [full, full, []],
    );
  });

  t.test("is dead with its lease", async (t) => {
    const { sealed, state } = makeSealed(value, hosts);
    state.value = undefined;
    const world = makeWorld({ ...partner, sealed });
    t.equal((await world.refusal(orders, bearer(sealed.placeholder))).code, "ended");
    t.equal(world.dials.length, 0);
    await world.request(orders);
    t.equal(world.dials.length, 1, "requests without it go on");
  });

  t.test("has a value that is stopped too, should a server have told it to the job", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    for (const asked of [
      [orders, { headers: [["x-leak", value]] }],
      [`${orders}?leak=${value}`],
      [`${orders}?leak=%63${value.slice(1)}`],
      [`https://api.partner.test/v1/${value}`],
      [orders, { method: "POST", body: `...${value}...` }],
    ] as Parameters<ReturnType<typeof makeWorld>["request"]>[]) {
      const error = await denies(t, { ...partner, sealed }, "credential_place", ...asked);
      t.notMatch(error.message + error.target, value);
    }
  });

  t.test("is in no text of a refusal, whatever a server or a job puts into a URL", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    for (const url of [
      `https://evil.test/${value}/a`,
      `ftp://${value}/`,
      `https://api.partner.test/v2/${value}`,
      `https://${value}@a.test/`,
      `${value}`,
    ]) {
      const error = (await makeWorld({ ...partner, sealed }).refusal(url)) as Denied;
      t.notMatch(error.message + error.target, value, url);
    }
    for (const place of [`https://evil.test/${value}`, `/v1/${value}`, `/v1/a?t=${value}`]) {
      const world = makeWorld({ ...partner, sealed, answer: () => redirectTo(place) });
      const error = (await world.refusal(orders, bearer(sealed.placeholder))) as Denied;
      t.notMatch(JSON.stringify([error.message, error.target, world.events]), value, place);
      t.equal(world.dials.length, 1);
    }
  });

  t.test("is seen by this test's own eyes when it does leak", async (t) => {
    const { sealed } = makeSealed(value, hosts);
    const world = makeWorld({ ...partner, sealed });
    await world.request(orders, bearer(sealed.placeholder));
    t.match(
      JSON.stringify(world.dials.map(({ target }) => target)),
      value,
      "the wire has it: the scan would find it elsewhere",
    );
  });
});
