// The submission's shape, and errors that cross the socket: the reader on the other side gets the same error.
import t from "tap";
import { MayflyError } from "../../runtime/model/error.ts";
import { fromErrorAnswer, submission, toErrorAnswer } from "../../runtime/protocol/control.ts";

t.test("submissions: what is taken, and what is refused by its key", async (t) => {
  t.ok(submission.safeParse({ job: "a", input: { any: ["json", null] }, key: "k" }).success);
  t.ok(submission.safeParse({ job: "a", input: null }).success);
  const wrong: unknown[] = [
    {},
    { job: 1, input: null },
    { job: "a".repeat(65), input: null },
    { job: "a", input: null, key: "" },
    { job: "a", input: null, key: "k".repeat(257) },
    { job: "a", input: null, extra: 1 },
    { job: "a", input: null, limits: { wall: "1d" } },
    [],
    null,
    "a",
  ];
  for (const each of wrong) t.notOk(submission.safeParse(each).success, JSON.stringify(each));
});

t.test("an error that crosses the socket keeps its code and all its words", async (t) => {
  const error = new MayflyError({
    code: "key_conflict",
    message: "m",
    found: "f",
    needed: "n",
    next: "do",
    cause: new Error("ours"),
  });
  const answer = JSON.parse(JSON.stringify(toErrorAnswer(error)));
  t.same(
    answer,
    { error: { code: "key_conflict", message: "m", found: "f", needed: "n", next: "do" } },
    "and not its cause",
  );
  const back = fromErrorAnswer(answer);
  t.equal(back.describe(), error.describe());
  t.equal(back.exitCode, error.exitCode);
  t.same(toErrorAnswer(new MayflyError({ code: "draining", message: "m" })), {
    error: { code: "draining", message: "m" },
  });
});

t.test("a code that this side doesn't know, also one out of a prototype, is an internal error", async (t) => {
  for (const code of ["novelty", "constructor", "__proto__", ""]) {
    t.match(fromErrorAnswer({ error: { code, message: "m" } }), { code: "internal", message: "m" });
  }
});
