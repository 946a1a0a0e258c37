// What the core may rely on of every credential issuer, as a suite that an issuer joins in ten lines. Each law is a
// function of its own that throws when it is broken, so that a test can also hold the suite against an issuer that is
// broken on purpose. How an issuer is set up, and how its credential is tried, is the joining test's business.
import assert from "node:assert/strict";
import type { Test } from "tap";
import { runIdFrom } from "../model/ids.ts";
import type { EpochMs } from "../model/units.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type NoteHandle,
} from "../ports/credential-issuer.ts";

/** An issuer with all that it takes to hold it to the laws. Made anew for every law. */
export interface IssuerUnderTest {
  issuer: CredentialIssuer;
  /** What it grants. */
  scope: readonly string[];
  /** Scopes that it can't express. */
  scopesRefused: readonly (readonly string[])[];
  nowMs(): EpochMs;
  /** Shows the credential to what it is for, anew. */
  tryAtResource(lease: LeaseRef, secret: string): Promise<"accepted" | "refused">;
  /** Opens a session at the resource and returns a try to use it; absent where credentials open none. */
  openSession?(lease: LeaseRef, secret: string): Promise<() => Promise<"accepted" | "refused">>;
  /** The same issuer at the same place, for another installation. */
  elsewhere(): Promise<CredentialIssuer>;
  /** Takes away what the issuer needs, in such a way that nothing answers any more. */
  takeDown(): Promise<void>;
  /**
   * From now on what stands between the issuer and its server behaves so (testkit/faulty-proxy.ts); `well`: no more.
   * Absent where nothing stands between.
   */
  misbehave?(how: Misbehaviour): void;
  /** Why its server can't be asked what exists there; its sweep finds nothing then, and the broker's handles do. */
  cannotSweep?: string;
  /** Why a credential whose answer was lost can't be proven dead before it expires. */
  cannotEndLost?: string;
  close(): Promise<void>;
}

export interface IssuerLaw {
  name: string;
  /** Why it isn't held to this one; undefined when it is. */
  unless?(under: IssuerUnderTest): string | undefined;
  hold(under: IssuerUnderTest): Promise<void>;
}

export type Misbehaviour =
  | "well"
  /** Requests arrive, and no answer comes. */
  | "silent"
  /** The server does what it was asked, and the connection is cut before its answer comes. */
  | "cut"
  /** The answer is a page of HTML, or bytes of no protocol. */
  | "garbage"
  /** The server has too much to do, and says for how long (429, Retry-After), where its protocol can. */
  | "busy";

const lifeMs = 60_000;

/** Holds an issuer to every law, each in a test of its own. */
export async function issuerContract(t: Test, name: string, open: () => Promise<IssuerUnderTest>): Promise<void> {
  for (const law of issuerLaws) {
    await t.test(`${name}: ${law.name}`, async (t) => {
      const under = await open();
      try {
        const skip = law.unless?.(under);
        if (skip === undefined) await law.hold(under);
        t.pass(law.name, skip === undefined ? {} : { skip });
      } finally {
        await under.close();
      }
    });
  }
}

export const issuerLaws: readonly IssuerLaw[] = [
  {
    name: "what it issues is accepted at the resource, proven alive, and dies no later than asked",
    async hold(under) {
      const { lease, issued, asked } = await issue(under);
      assert.ok(issued.expiresAt <= asked.expiresAt, "a longer life than asked for");
      assert.ok(issued.expiresAt > under.nowMs(), "a life that is over");
      assert.equal(await under.tryAtResource(lease, issued.secret), "accepted");
      assert.equal((await prove(under, lease, issued.secret)).verdict, "alive");
      assert.equal((await prove(under, lease)).verdict, "alive", "alive without the secret too");
    },
  },
  {
    name: "issued twice for one run, the last secret is good and the first is not",
    async hold(under) {
      const first = await issue(under);
      const second = await issue(under, first.lease);
      assert.notEqual(second.issued.secret, first.issued.secret);
      assert.equal(await under.tryAtResource(first.lease, second.issued.secret), "accepted");
      assert.equal(await under.tryAtResource(first.lease, first.issued.secret), "refused");
    },
  },
  {
    name: "issued in parallel for one run, no more than one secret is good",
    async hold(under) {
      const lease = newLease();
      const both = await Promise.all([issue(under, lease), issue(under, lease)]);
      const tries: string[] = [];
      for (const { issued } of both) tries.push(await under.tryAtResource(lease, issued.secret));
      assert.equal(tries.filter((tried) => tried === "accepted").length, 1, "two live credentials, or none");
    },
  },
  {
    name: "what it revokes is refused at the resource and proven dead, with the secret and without",
    async hold(under) {
      const { lease, issued } = await issue(under);
      await revoke(under, lease);
      assert.equal(await under.tryAtResource(lease, issued.secret), "refused");
      assert.equal((await prove(under, lease, issued.secret)).verdict, "dead");
      assert.equal((await prove(under, lease)).verdict, "dead");
    },
  },
  {
    name: "revoking one run's credential leaves another's alone",
    async hold(under) {
      const mine = await issue(under);
      const other = await issue(under);
      await revoke(under, mine.lease);
      assert.equal(await under.tryAtResource(other.lease, other.issued.secret), "accepted");
      assert.equal((await prove(under, other.lease, other.issued.secret)).verdict, "alive");
    },
  },
  {
    name: "a session that was opened before is cut by the revocation",
    async hold(under) {
      if (under.openSession === undefined) return;
      const { lease, issued } = await issue(under);
      const use = await under.openSession(lease, issued.secret);
      assert.equal(await use(), "accepted");
      await revoke(under, lease);
      assert.equal(await use(), "refused");
    },
  },
  {
    name: "revoking what it never issued is success",
    async hold(under) {
      const lease = newLease();
      await revoke(under, lease);
      assert.equal((await prove(under, lease)).verdict, "dead");
    },
  },
  {
    name: "revoking twice and in parallel is success",
    async hold(under) {
      const { lease, issued } = await issue(under);
      await Promise.all([revoke(under, lease), revoke(under, lease), revoke(under, lease)]);
      await revoke(under, lease);
      assert.equal(await under.tryAtResource(lease, issued.secret), "refused");
    },
  },
  {
    name: "a sweep finds what nobody recorded, until it is revoked, and nothing of other installations",
    unless: ({ cannotSweep }) => cannotSweep,
    async hold(under) {
      const elsewhere = await under.elsewhere();
      try {
        const { lease } = await issue(under);
        const stranger = newLease();
        await elsewhere.issue(request(under, stranger), never(), noteInto(stranger));
        assert.deepEqual(await sweep(under.issuer), [lease.runId]);
        assert.deepEqual(await sweep(elsewhere), [stranger.runId]);
        await revoke(under, lease);
        assert.deepEqual(await sweep(under.issuer), []);
        await elsewhere.revoke(stranger, never());
      } finally {
        await elsewhere.close();
      }
    },
  },
  {
    name: "a scope that it can't express is refused, when asked and when issuing",
    async hold(under) {
      under.issuer.checkScope(under.scope);
      for (const scope of [[], ...under.scopesRefused]) {
        const shown = JSON.stringify(scope);
        assert.throws(() => under.issuer.checkScope(scope), failure("scope_invalid"), `accepted ${shown}`);
        const asked = { ...request(under, newLease()), scope };
        await assert.rejects(
          under.issuer.issue(asked, never(), noteInto(asked.lease)),
          failure("scope_invalid"),
          `issued ${shown}`,
        );
      }
      assert.deepEqual(await sweep(under.issuer), []);
    },
  },
  {
    name: "an expiry that has passed is refused, and nothing is left of it",
    async hold(under) {
      const asked = { ...request(under, newLease()), expiresAt: under.nowMs() - 1 };
      await assert.rejects(under.issuer.issue(asked, never(), noteInto(asked.lease)), failure("issuer_refused"));
      assert.deepEqual(await sweep(under.issuer), []);
    },
  },
  {
    name: "a caller that has given up gets a failure that leaves open whether a credential exists",
    async hold(under) {
      const gone = AbortSignal.abort();
      await assert.rejects(
        under.issuer.issue(request(under, newLease()), gone, async () => {}),
        failure("issuer_unavailable"),
      );
      await assert.rejects(under.issuer.revoke(newLease(), gone), failure("issuer_unavailable"));
    },
  },
  {
    name: "when it can't be reached it says so in bounded time, and claims no death",
    async hold(under) {
      const { lease } = await issue(under);
      await under.takeDown();
      // No clock here: an issuer without bounds of its own never gets past these lines.
      const [issuing, revoking, sweeping, proof] = await Promise.allSettled([
        under.issuer.issue(request(under, newLease()), never(), async () => {}),
        under.issuer.revoke(lease, never()),
        under.issuer.sweep(never()),
        under.issuer.prove(lease, undefined, never()),
      ]);
      for (const asked of under.cannotSweep === undefined ? [issuing, revoking, sweeping] : [issuing, revoking]) {
        assert.equal(asked.status, "rejected");
        assert.ok(failure("issuer_unavailable")(asked.reason), String(asked.reason));
      }
      assert.equal(proof.status === "fulfilled" ? proof.value.verdict : proof.reason, "unknowable");
    },
  },
  ...(["silent", "cut", "garbage", "busy"] as const).map((how) => ({
    name: `asked of a server that is ${how}, it fails in bounded time, claims no death, and leaves nothing behind`,
    async hold(under: IssuerUnderTest) {
      if (under.misbehave === undefined) return;
      const { lease: before } = await issue(under);
      under.misbehave(how);
      const lease = newLease();
      const issuing = await issue(under, lease).then(
        () => "issued",
        (error: unknown) => error,
      );
      const failures: readonly IssuerFailure["code"][] = ["issuer_unavailable", "issuer_garbage", "issuer_refused"];
      assert.ok(issuing instanceof IssuerFailure && failures.includes(issuing.code), `issuing: ${String(issuing)}`);
      if (how !== "busy") assert.notEqual(issuing.code, "issuer_refused", "what is not an answer is no refusal");
      await assert.rejects(under.issuer.revoke(before, never()), (error) => error instanceof IssuerFailure);
      assert.notEqual((await prove(under, before)).verdict, "dead", "a death that nobody told");
      under.misbehave("well");
      // By the run's id and by what was noted before the server was asked.
      for (const each of [before, lease]) {
        await revoke(under, each);
        const { verdict } = await prove(under, each);
        if (each === before || under.cannotEndLost === undefined) assert.equal(verdict, "dead");
        else assert.notEqual(verdict, "alive", "what is not known to be there is not called alive");
      }
      assert.deepEqual(await sweep(under.issuer), []);
    },
  })),
  {
    name: "no failure says the secret",
    async hold(under) {
      const { lease, issued } = await issue(under);
      await under.takeDown();
      const issuing = under.issuer
        .issue(request(under, lease), never(), async () => {})
        .catch((error: unknown) => error);
      const [again, proof] = await Promise.all([issuing, prove(under, lease, issued.secret)]);
      for (const text of [everythingOf(again), proof.how]) {
        assert.ok(!text.includes(issued.secret), "the secret stands in a message");
      }
    },
  },
];

/** A lease that no other test uses. */
export function newLease(): LeaseRef {
  const bytes = new Uint8Array(16);
  crypto.getRandomValues(bytes);
  return { runId: runIdFrom(bytes) };
}

function request(under: IssuerUnderTest, lease: LeaseRef): IssueRequest {
  return {
    lease,
    job: "contract",
    tenant: "default",
    scope: under.scope,
    purpose: "to hold the issuer to its contract",
    expiresAt: under.nowMs() + lifeMs + 321, // not on a whole second
  };
}

async function issue(under: IssuerUnderTest, lease = newLease()) {
  const asked = request(under, lease);
  const issued: IssuedCredential = await under.issuer.issue(asked, never(), noteInto(lease));
  return { lease, asked, issued };
}

/** As the broker keeps it: the last one counts. */
function noteInto(lease: LeaseRef): NoteHandle {
  return async (handle) => {
    lease.handle = handle;
  };
}

function revoke(under: IssuerUnderTest, lease: LeaseRef): Promise<void> {
  return under.issuer.revoke(lease, never());
}

function prove(under: IssuerUnderTest, lease: LeaseRef, secret?: string) {
  return under.issuer.prove(lease, secret, never());
}

async function sweep(issuer: CredentialIssuer): Promise<string[]> {
  return (await issuer.sweep(never())).map(({ runId }) => runId);
}

/** A signal that is not going to be aborted. */
function never(): AbortSignal {
  return new AbortController().signal;
}

function failure(code: IssuerFailure["code"]): (error: unknown) => boolean {
  return (error) => error instanceof IssuerFailure && error.code === code;
}

/** Message, stack and causes, all the way down. */
function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? "";
  return `${error.message}\n${error.stack}\n${JSON.stringify(error)}\n${everythingOf(error.cause)}`;
}
