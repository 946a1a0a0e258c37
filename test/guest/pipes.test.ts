// A pipe that ends in the very moment in which its source gives a chunk. Not asked beside Node, since Node 26.10 ends
// itself over it (an assertion of its own, in forwardChunk).
import t from "tap";
import { openRuns } from "../support/runs.ts";

const runs = await openRuns({
  ended: {
    body: `
      let from, to;
      const seen = [];
      const source = new ReadableStream({ start(x) { from = x } }, { highWaterMark: 0 });
      const sink = new WritableStream({ start(x) { to = x }, write(x) { seen.push(x) } });
      const pipe = source.pipeTo(sink, { preventCancel: true }).then(() => "done", (e) => e);
      await new Promise((f) => setTimeout(f));
      to.error("full");
      from.enqueue(1);
      const end = await pipe;
      from.enqueue(2);
      const next = await source.getReader().read();
      return [end, seen, next, sink.locked];
    `,
  },
});

t.test("a chunk is given to a pipe whose sink has just broken: the run goes on without it", async (t) => {
  const { state, error, result } = await runs.run("ended");
  t.equal(state, "succeeded", error?.message ?? "");
  t.same(result, ["full", [], { value: 2, done: false }, false]);
});

t.test("what it left behind", (t) => runs.end(t));
