// The guest's operations with the guard around them: paths, refusals, the audit's targets, and the results of what the
// supervisor does with a credential in the job's stead.
import t from "tap";
import {
  type Answer,
  type CallContext,
  Denied,
  Failed,
  type Operation,
} from "../../../runtime/core/capabilities/capability.ts";
import type { Operations } from "../../../runtime/core/capabilities/gate.ts";
import { guardOperations } from "../../../runtime/core/capabilities/guarded-operations.ts";
import { makeLeakGuard, marker } from "../../../runtime/core/leases/leak-guard.ts";
import type { AuditEvent } from "../../../runtime/model/audit-event.ts";
import { findCanary, makeCanary } from "../../../runtime/testkit/canary.ts";

const secret = makeCanary();

function open(name: keyof Operations, operation: Partial<Operation<unknown, unknown>>) {
  const guard = makeLeakGuard({ isRevealed: false, known: [], onLeak: () => {}, onBlind: () => {} });
  guard.arm([secret]);
  const base: Operation<unknown, unknown> = { authorize: (args) => args, act: async () => ({}), ...operation };
  const guarded = guardOperations({ [name]: base } as unknown as Operations, guard)[name] as Operation<
    unknown,
    unknown
  >;
  const events: AuditEvent[] = [];
  const context = { record: async (event: AuditEvent) => void events.push(event) } as unknown as CallContext;
  const bytes = new Uint8Array(0);
  return {
    guard,
    events,
    authorize: async (args: unknown) => guarded.authorize(args, bytes, context),
    act: (plan: unknown) => guarded.act(plan, bytes, context),
    target: (plan: unknown) => guarded.target?.(plan),
  };
}

t.test(
  "[CRED-10] a path with the credential in it is refused before it is anybody's, whole or cut by slashes",
  async (t) => {
    for (const name of [
      "files.write",
      "files.mkdir",
      "files.read",
      "files.list",
      "files.stat",
      "files.remove",
    ] as const) {
      const { authorize, guard } = open(name, { authorize: () => t.fail("it was not to get here") });
      for (const path of [
        `/output/${secret}`,
        `/${secret.slice(0, 14)}/${secret.slice(14)}`,
        `/${Buffer.from(secret).toString("hex")}`,
      ]) {
        const error = (await authorize({ path }).catch((thrown) => thrown)) as Denied;
        t.match(error, { code: "leak", target: marker });
        t.same(findCanary(secret, { error: JSON.stringify([error.message, error]) }), []);
      }
      t.equal(guard.leaks[0]?.sink, "file name");
    }
    const plain = open("files.write", {});
    t.same(await plain.authorize({ path: "/output/a" }), { path: "/output/a" });
  },
);

t.test(
  "[CRED-10] refusals and failures, and what the audit is told, are clean: code, text, target and hint",
  async (t) => {
    const denied = new Denied("readonly", `no: ${secret}`, `/${secret}`, {
      nearest: `a ${secret}`,
      remedy: `b ${secret}`,
    });
    const failed = new Failed("not_found", `none: ${secret}`);
    for (const thrown of [denied, failed]) {
      for (const step of ["authorize", "act"] as const) {
        const fail = () => Promise.reject(thrown);
        const error = (await open("http.request", { [step]: fail })
          [step]({})
          .catch((each) => each)) as Denied;
        t.equal(error.code, thrown.code);
        t.equal(error.name, thrown.name);
        t.same(findCanary(secret, { error: JSON.stringify([error.message, error]) }), []);
      }
    }
    t.equal(open("http.request", { target: () => `GET /${secret}` }).target({}), `GET /${marker}`);
  },
);

t.test("[CRED-10] results that give the credential back are cleaned, and stay what they are", async (t) => {
  const rows = { columns: ["a", secret], rows: [[`x${secret}`, 1, null]] };
  const query = open("credential.query", { act: async () => ({ body: Buffer.from(JSON.stringify(rows)) }) });
  const { body } = await query.act({});
  t.same(JSON.parse(Buffer.from(body ?? []).toString()), { columns: ["a", marker], rows: [[`x${marker}`, 1, null]] });
  t.match(query.events, [{ type: "credential.echoed", capability: "credential.query" }]);
  t.same(query.guard.leaks, [], "the job has done nothing");

  const stdout = Buffer.from(`out ${secret}\n`);
  const answer: Answer = {
    value: { exitCode: 3, stdoutBytes: stdout.length },
    body: Buffer.concat([stdout, Buffer.from(`err ${secret}`)]),
  };
  const exec = await open("credential.exec", { act: async () => answer }).act({});
  const { exitCode, stdoutBytes } = exec.value as { exitCode: number; stdoutBytes: number };
  const bytes = Buffer.from(exec.body ?? []);
  t.same(
    [exitCode, bytes.toString("utf8", 0, stdoutBytes), bytes.toString("utf8", stdoutBytes)],
    [3, `out ${marker}\n`, `err ${marker}`],
  );

  const clean = { body: Buffer.from("{}") };
  t.equal(
    await open("credential.command", { act: async () => clean }).act({}),
    clean,
    "what holds none is passed on as it is",
  );
});

t.test("a credential across the quotes of a result: nothing of the result is given", async (t) => {
  const digits = "481516234210869712";
  const guard = makeLeakGuard({ isRevealed: false, known: [], onLeak: () => {}, onBlind: () => {} });
  guard.arm([digits]);
  const base: Operation<unknown, unknown> = {
    authorize: () => ({}),
    act: async () => ({ body: Buffer.from(`{"n":${digits}}`) }),
  };
  const guarded = guardOperations({ "credential.command": base } as unknown as Operations, guard);
  const context = { record: async () => {} } as unknown as CallContext;
  const { body } = await (guarded["credential.command"] as Operation<unknown, unknown>).act(
    {},
    new Uint8Array(0),
    context,
  );
  t.equal(Buffer.from(body ?? []).toString(), JSON.stringify(marker));
});
