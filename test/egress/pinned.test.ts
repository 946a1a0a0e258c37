// The address that was checked is the address that is dialled: for any sequence of requests and redirects, and resolvers
// that answer differently each time. The dials are real connections on 127.0.0.x; two of these addresses are outside.
import fc from "fast-check";
import t, { type Test } from "tap";
import { makeUndiciClients } from "../../runtime/adapters/system/undici-client.ts";
import type { CheckedTarget } from "../../runtime/model/checked.ts";
import type { HttpClient } from "../../runtime/ports/http-client.ts";
import { type Arrival, type Machine, makeEgress, makeMachine, outside } from "./loopback.ts";

const hosts = ["api.partner.test", "other.partner.test"] as const;
const outsides: readonly string[] = Object.values(outside);
const pool = [
  ...outsides,
  "127.0.0.1",
  "127.0.0.9",
  "10.0.0.1",
  "::1",
  "::ffff:127.0.0.2",
  "169.254.169.254",
  "nonsense",
];

/** One request; `to` are the places that servers redirect it to, one after another. */
interface Step {
  host: (typeof hosts)[number];
  to: (typeof hosts)[number][];
}

interface Story {
  steps: Step[];
  /** What each question is answered with, in turn, for each host; then nothing. */
  answers: Record<string, string[][]>;
}

const answer = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...outsides) }, fc.constantFrom(...pool)), {
  maxLength: 3,
});
const story: fc.Arbitrary<Story> = fc.record({
  steps: fc.array(
    fc.record({ host: fc.constantFrom(...hosts), to: fc.array(fc.constantFrom(...hosts), { maxLength: 3 }) }),
    { minLength: 1, maxLength: 5 },
  ),
  answers: fc.record({
    [hosts[0]]: fc.array(answer, { maxLength: 4 }),
    [hosts[1]]: fc.array(answer, { maxLength: 4 }),
  }),
});

type Open = () => HttpClient;

/** Plays a story in a run of its own. Throws for a dial that no check has covered. */
async function play(t: Test, machine: Machine, { steps, answers }: Story, open: Open): Promise<number> {
  const given: Record<string, string[][]> = { [hosts[0]]: [], [hosts[1]]: [] };
  const names = Object.fromEntries(
    hosts.map((host) => [
      host,
      () => {
        const said = answers[host]?.[given[host]?.length ?? 0] ?? [];
        given[host]?.push(said);
        return said;
      },
    ]),
  );
  const client = open();
  const world = makeEgress(t, machine, { client, names });
  const from = machine.arrivals.length;
  for (const { host, to } of steps) {
    const query = to.map((place) => `to=${place}`).join("&");
    await world.request(`http://${host}:${machine.port}/?${query}`).catch(() => undefined);
  }
  await client.close();
  const arrivals = machine.arrivals.slice(from);
  for (const arrival of arrivals) requireChecked(arrival, given);
  return arrivals.length;
}

/** The first answer of a name that is wholly outside is the one that its dials must come from. */
function requireChecked({ address, bytes }: Arrival, given: Record<string, string[][]>): void {
  const host = /^host: ([a-z.]+):/m.exec(bytes)?.[1] ?? "";
  const checked = given[host]?.find((said) => said.length > 0 && said.every((each) => outsides.includes(each))) ?? [];
  if (checked.includes(address)) return;
  throw new Error(`${address} was dialled for ${host}, whose answers were ${JSON.stringify(given[host])}`);
}

/** Redirects to the first `to` of its query, with the rest of them. */
function redirecting(port: () => number) {
  return (socket: { write(text: string): void }, head: string) => {
    const [first, ...rest] = [
      ...head
        .split("\r\n", 1)
        .join()
        .matchAll(/to=([a-z.]+)/g),
    ].map((match) => match[1]);
    const query = rest.map((place) => `to=${place}`).join("&");
    const location = first === undefined ? "" : `location: http://${first}:${port()}/?${query}\r\n`;
    socket.write(`HTTP/1.1 ${first === undefined ? "200 OK" : "302 Found"}\r\n${location}content-length: 0\r\n\r\n`);
  };
}

const runs = { numRuns: 150, seed: 20_261_123 };

t.test("[NET-18] [NET-20] no story of requests, redirects and rebinding dials what was not checked", async (t) => {
  const machine: Machine = await makeMachine(
    t,
    redirecting(() => machine.port),
  );
  let dials = 0;
  await fc.assert(
    fc.asyncProperty(story, async (each) => {
      dials += await play(t, machine, each, makeUndiciClients());
    }),
    runs,
  );
  t.ok(dials > 100, `${dials} dials were looked at`);
});

t.test("a client that asks for the name once more, or takes another address, is found by these eyes", async (t) => {
  const machine: Machine = await makeMachine(
    t,
    redirecting(() => machine.port),
  );
  const wandering: Open = () => {
    const client = makeUndiciClients()();
    const moved = (target: CheckedTarget): CheckedTarget => ({ ...target, address: "127.0.0.1" });
    return { exchange: (target, ...rest) => client.exchange(moved(target), ...rest), close: () => client.close() };
  };
  const property = fc.asyncProperty(story, async (each) => void (await play(t, machine, each, wandering)));
  const { failed, errorInstance } = await fc.check(property, { ...runs, endOnFailure: true });
  t.ok(failed);
  t.match((errorInstance as Error).message, /127\.0\.0\.1 was dialled for/);
});
