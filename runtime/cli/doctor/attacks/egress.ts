// Attacks on egress, with listeners on loopback that record: what counts is that no connection was made at all. Each has
// a control that shows the listener would have seen one.
import { type Attack, type AttackJob, type Bench, endOf, type Place, type Seen } from "../attack.ts";

/** Hosts that some parser or resolver takes for this machine. */
const loopbackHosts = [
  ...[
    "127.0.0.1",
    "127.1",
    "127.0.0.1.",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0",
    "0.0.0.0",
  ],
  ...["localhost", "localhost.", "LOCALHOST", "a.localhost", "127.0.0.1%2e", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.2"],
  ...[
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "allowed@127.0.0.1",
  ],
  ...["[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
];

const tellCode = (url: string) =>
  `return await c.fetch(${JSON.stringify(url)}).then(async (r) => await r.text(), (e) => e.code);`;

export function egressAttacks(place: Place): Attack[] {
  const { recorder, forbidden, loopbackName } = place;
  const allow = [`GET ${recorder.origin}/*`];
  const control: AttackJob = { body: tellCode(`${recorder.origin}/`), allow };
  const named = `http://${loopbackName}:${forbidden.port}`;
  const byName: AttackJob = { body: tellCode(`${named}/`), allow: [`GET ${named}/*`] };
  return [
    nothingArrives(place, {
      name: "a request without a grant",
      tries: "a listener on loopback, with an empty allowlist",
      expects: "not_allowed",
      quick: true,
      jobs: { attack: { body: tellCode(`${forbidden.origin}/`) }, control },
    }),
    nothingArrives(place, {
      name: "another port",
      tries: "the port beside the granted one",
      expects: "not_allowed",
      jobs: { attack: { body: tellCode(`${forbidden.origin}/`), allow }, control },
    }),
    nothingArrives(place, {
      name: "a redirect",
      tries: "a granted server that redirects to another port",
      expects: "redirect",
      jobs: {
        attack: {
          body: tellCode(`${recorder.origin}/redirect?to=${encodeURIComponent(`${forbidden.origin}/`)}`),
          allow,
        },
        control,
      },
    }),
    nothingArrives(place, {
      name: "a name of this machine",
      tries: "a granted name that resolves to 127.0.0.1",
      expects: "address_private",
      jobs: {
        attack: byName,
        control: {
          body: tellCode(`http://${loopbackName}:${recorder.port}/`),
          allow: [`GET http://${loopbackName}:${recorder.port}/*`],
          privateAddresses: ["127.0.0.0/8"],
        },
      },
    }),
    spellingsOfLoopback(place, control),
    afterTheEnd(place, control),
  ];
}

type Words = Pick<Attack, "name" | "tries" | "quick"> & {
  expects: string;
  jobs: { attack: AttackJob; control: AttackJob };
};

/** The job's only request ends with this code, and no connection was made to the forbidden listener. */
function nothingArrives({ forbidden }: Place, { expects, ...words }: Words): Attack {
  return {
    ...words,
    group: "egress",
    expects: `denied: ${expects}; no connection`,
    async run(bench) {
      const before = forbidden.connects();
      const record = await bench.run("attack");
      const connects = forbidden.connects() - before;
      return {
        held: record.result === expects && connects === 0,
        saw: `${connects} connections, ${String(record.result)}, ${endOf(record)}`,
        ...(await blindness(bench)),
      };
    },
  };
}

/** Unless the granted request arrives, nobody would see one that wasn't granted. */
async function blindness(bench: Bench): Promise<Pick<Seen, "blind">> {
  const { recorder } = bench.place;
  const before = recorder.requests();
  const record = await bench.run("control");
  if (record.result === "recorded" && recorder.requests() === before + 1) return {};
  return { blind: `a granted request doesn't arrive either: ${String(record.result)}, ${endOf(record)}` };
}

function spellingsOfLoopback({ recorder, forbidden }: Place, control: AttackJob): Attack {
  const urls = loopbackHosts.map((host) => `http://${host}:${forbidden.port}/`);
  return {
    group: "egress",
    name: "spellings of loopback",
    tries: `${urls.length} of them: short, octal, hexadecimal, decimal, IPv6, mapped, NAT64, 6to4, other digits, userinfo`,
    expects: "all denied; no connection",
    jobs: {
      attack: {
        body: `const answers = [];
          for (const url of ${JSON.stringify(urls)}) answers.push(await c.fetch(url).then(() => "answered", (e) => e.code ?? e.name));
          return answers;`,
        allow: [`GET ${recorder.origin}/*`],
      },
      control,
    },
    async run(bench) {
      const before = forbidden.connects();
      const record = await bench.run("attack");
      const connects = forbidden.connects() - before;
      const answers = Array.isArray(record.result) ? record.result.map(String) : [];
      const held = answers.length === urls.length && !answers.includes("answered") && connects === 0;
      const codes = [...new Set(answers)].join(", ");
      return { held, saw: `${connects} connections, ${codes || endOf(record)}`, ...(await blindness(bench)) };
    },
  };
}

function afterTheEnd({ recorder }: Place, control: AttackJob): Attack {
  return {
    group: "egress",
    name: "requests after the end",
    tries: "a job that returns while its timers go on fetching",
    expects: "no request once the run has ended",
    jobs: {
      attack: {
        body: `const keep = c.fetch; setInterval(() => keep("${recorder.origin}/").catch(() => {}), 1);
          await (await keep("${recorder.origin}/")).text(); return "returned";`,
        allow: [`GET ${recorder.origin}/*`],
      },
      control,
    },
    async run(bench): Promise<Seen> {
      const before = recorder.requests();
      const record = await bench.run("attack");
      await bench.harmless(); // what was on its way when the run ended has arrived by now
      const during = recorder.requests() - before;
      await bench.harmless(); // time in which a request of the dead run would come
      const late = recorder.requests() - before - during;
      const held = record.result === "returned" && late === 0 && record.teardown.sockets === "confirmed";
      return { held, saw: `${during} during the run, ${late} after it`, ...(await blindness(bench)) };
    },
  };
}
