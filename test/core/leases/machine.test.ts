// The life of a lease, explored to the end: every state, every event, and a crash of either process between any two steps
// (THREATS, model check). What must hold is checked in each world that can be reached; and from each of them, when nothing
// fails any more, the credential dies. Mutants show that the explorer sees.
import t from "tap";
import {
  deadByItselfAt,
  isIrrevocable,
  type LeaseEvent,
  type LeaseState,
  nextLease,
} from "../../../runtime/model/lease.ts";
import { beginning, fairStep, type Mutant, stepsOf, type World } from "./machine.ts";
import { leaseOf, newRunId } from "./world.ts";

// ─── The table ─────────────────────────────────────────────────────────────────────────────────────────────────────

const events: Record<LeaseEvent["type"], LeaseEvent> = {
  noted: { type: "noted", handle: "h" },
  issued: { type: "issued", at: 2, expiresAt: 3 },
  ending: { type: "ending" },
  found: { type: "found" },
  proven: { type: "proven", at: 4, how: "resource: refused" },
  failed: { type: "failed", askedAt: 0, error: "503", nextAttemptAt: 5 },
};

/** What each state becomes; `-`: the event can't be. */
const table: Record<LeaseState, Record<LeaseEvent["type"], LeaseState | "-">> = {
  intended: { noted: "intended", issued: "issued", ending: "revoking", found: "revoking", proven: "-", failed: "-" },
  issued: { noted: "-", issued: "-", ending: "revoking", found: "revoking", proven: "-", failed: "-" },
  revoking: {
    noted: "-",
    issued: "-",
    ending: "revoking",
    found: "revoking",
    proven: "revoked",
    failed: "unconfirmed",
  },
  unconfirmed: {
    noted: "-",
    issued: "-",
    ending: "unconfirmed",
    found: "unconfirmed",
    proven: "revoked",
    failed: "unconfirmed",
  },
  revoked: { noted: "-", issued: "-", ending: "revoked", found: "revoking", proven: "-", failed: "-" },
};

for (const [state, row] of Object.entries(table) as [LeaseState, (typeof table)[LeaseState]][]) {
  t.test(`${state}: each event leads where the table says, and nowhere else`, (t) => {
    for (const [type, wanted] of Object.entries(row) as [LeaseEvent["type"], LeaseState | "-"][])
      t.equal(nextLease(leaseOf(newRunId(), state), events[type])?.state ?? "-", wanted, type);
    t.end();
  });
}

t.test("a proof is taken back as a whole, and what was tried is counted on", (t) => {
  const proven = nextLease(leaseOf(newRunId(), "revoking"), events.proven);
  t.match(proven, { revokedAt: 4, proof: "resource: refused", attempts: 1 });
  const found = proven && nextLease(proven, events.found);
  t.match(found, { state: "revoking", revokedAt: null, proof: null, attempts: 1 });
  t.end();
});

t.test(
  "irrevocable is what failed a try that began after its expiry and the skew bound, since the first of them",
  (t) => {
    const lease = leaseOf(newRunId(), "revoking");
    const late = deadByItselfAt(lease);
    const failed = (askedAt: number): LeaseEvent => ({ type: "failed", askedAt, error: "alive", nextAttemptAt: 1 });
    const before = nextLease(lease, failed(late - 1));
    t.notOk(before && isIrrevocable(before));
    const after = before && nextLease(before, failed(late));
    t.ok(after && isIrrevocable(after));
    const later = after && nextLease(after, failed(late + 9));
    t.equal(later?.irrevocableSince, late);
    const dead = later && nextLease(later, events.proven);
    t.notOk(dead && isIrrevocable(dead));
    t.end();
  },
);

// ─── All worlds ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Each with the number of the threat list's invariant that it stands for. */
const invariants: Record<string, (world: World, before: World, step: string) => boolean> = {
  "I2 the issuer is asked for a row that is intended": ({ row }, _before, step) =>
    step !== "asks the issuer" || row === null || row.state !== "revoked",
  "I2 who was fenced off asks for nothing": (_world, before, step) => step !== "asks the issuer" || !before.fencedOff,
  "I1 nothing is issued for a run that recovery has closed": (_world, before, step) =>
    step !== "asks the issuer" || !before.closed,
  "I3 no credential without a record": ({ live, asked, row }) => !(live || asked) || row !== null,
  "I4 the job sees nothing that isn't recorded": ({ handed, issuedRecorded }) => !handed || issuedRecorded,
  "what was proven dead is not brought back": ({ row }, before) =>
    before.row?.state !== "revoked" || row?.state === "revoked" || row?.state === "revoking",
  "revoked is written on proof": (_world, before, step) => {
    const who = step.startsWith("own") ? before.own : before.other;
    return !step.endsWith("writes dead") || who?.seenDead === true;
  },
};

interface Explored {
  worlds: number;
  violation: { what: string; path: string[] } | undefined;
}

function explore(mutant: Mutant): Explored {
  const key = (world: World) =>
    JSON.stringify(world, (name, value) => (name === "id" || name === "runId" ? undefined : value));
  const cameFrom = new Map<string, { from: string | undefined; step: string }>([
    [key(beginning), { from: undefined, step: "" }],
  ]);
  const pathTo = (at: string): string[] => {
    const { from, step } = cameFrom.get(at) ?? { from: undefined, step: "" };
    return from === undefined ? [] : [...pathTo(from), step];
  };
  const queue: World[] = [beginning]; // first in, first out: a violation is told by its shortest path
  for (const world of queue) {
    const at = key(world);
    const end = fairEnd(world, mutant);
    if (end !== undefined) return { worlds: cameFrom.size, violation: { what: end, path: pathTo(at) } };
    for (const [step, next] of stepsOf(world, mutant)) {
      for (const [what, holds] of Object.entries(invariants))
        if (!holds(next, world, step))
          return { worlds: cameFrom.size, violation: { what, path: [...pathTo(at), step] } };
      const there = key(next);
      if (cameFrom.has(there)) continue;
      cameFrom.set(there, { from: at, step });
      queue.push(next);
    }
  }
  return { worlds: cameFrom.size, violation: undefined };
}

/** I1: once nothing fails any more, the credential dies and the ledger says so. */
function fairEnd(world: World, mutant: Mutant): string | undefined {
  let now = world;
  for (let steps = 0; steps < 60; steps += 1) {
    const step = fairStep(now, mutant);
    if (step === undefined) {
      if (now.live) return "I1 a credential lives on, and nobody is after it";
      if (now.row !== null && now.row.state !== "revoked") return `I1 a lease is left ${now.row.state}`;
      return undefined;
    }
    now = step[1];
  }
  return "I1 it never comes to rest";
}

t.test(
  "[CRASH-01] [CRASH-05] [CRASH-07] in every world that can be reached, the invariants hold, and the credential can still be ended",
  (t) => {
    const { worlds, violation } = explore({});
    t.same(violation, undefined);
    t.ok(worlds > 500, `${worlds} worlds`);
    t.comment(`${worlds} worlds`);
    t.end();
  },
);

const mutants: Record<keyof Mutant, RegExp> = {
  intentAfterIssue: /^I3/,
  noFence: /^I[12]/,
  noFenceOff: /^I1 nothing is issued/,
  recordBlindly: /not brought back/,
  handOverEarly: /^I4/,
  skipIntended: /^I1/,
  noSweep: /^I1 a credential lives on/,
  believeRevocation: /revoked is written on proof|^I1/,
  forgetUnconfirmed: /^I1/,
};

for (const [name, wanted] of Object.entries(mutants)) {
  t.test(`a mutant is found out: ${name}`, (t) => {
    const { violation } = explore({ [name]: true });
    t.match(violation?.what, wanted);
    t.comment(`${violation?.what}: ${violation?.path.join(" → ")}`);
    t.end();
  });
}
