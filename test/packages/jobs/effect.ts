import { Effect } from "effect";
import { defineJob } from "mayfly";

export default defineJob(async () => {
  let tries = 0;
  const flaky = Effect.suspend(() => {
    tries += 1;
    return tries < 3 ? Effect.fail("busy") : Effect.succeed("answer");
  });
  const program = Effect.gen(function* () {
    const answer = yield* Effect.retry(flaky, { times: 5 });
    const squares = yield* Effect.forEach([1, 2, 3], (each) => Effect.delay(Effect.succeed(each * each), 5), {
      concurrency: 2,
    });
    return { answer, squares };
  });
  return { ...(await Effect.runPromise(program)), tries };
});
