// Reading what an executor sends: in order and whole, however it is cut, held up or crowded.
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import t from "tap";
import { systemClock } from "../../../runtime/adapters/system/clock.ts";
import { type FrameReader, readFrames } from "../../../runtime/adapters/system/frame-reader.ts";
import { encodeFrame } from "../../../runtime/protocol/frame.ts";

const call = (id: number, body = new Uint8Array(0)) =>
  Buffer.concat(encodeFrame({ header: { type: "call", id, op: "files.write" }, body }));

function open(onFrame: (id: number, reader: FrameReader) => void = () => {}) {
  const pipe = new PassThrough({ highWaterMark: 1 << 20 });
  let nowMs = 0;
  const [ids, garbage]: [number[], string[]] = [[], []];
  const reader = readFrames({
    pipe,
    clock: { ...systemClock, monotonicMs: () => nowMs },
    onFrame: ({ header }) => {
      ids.push(header.id as number);
      onFrame(header.id as number, reader);
    },
    onGarbage: (reason) => garbage.push(reason),
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { pipe, pass, ids, garbage, reader };
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await turn();
}

t.test("a frame after which it isn't listened to is the last one until it is, of one chunk and of more", async (t) => {
  const { pipe, ids, reader } = open((id, here) => here.listen(id !== 2 && id !== 5));
  pipe.write(Buffer.concat([call(1), call(2), call(3), call(4)]));
  pipe.write(Buffer.concat([call(5), call(6)]));
  await turns(5);
  t.strictSame(ids, [1, 2]);
  reader.listen(true);
  await turns(5);
  t.strictSame(ids, [1, 2, 3, 4, 5]);
  pipe.write(call(7));
  await turns(5);
  t.strictSame(ids, [1, 2, 3, 4, 5]);
  reader.listen(true);
  await turns(5);
  t.strictSame(ids, [1, 2, 3, 4, 5, 6, 7]);
});

t.test(
  "[RES-10] calls that take long: after 20 ms of them others have their turn, and nothing overtakes",
  async (t) => {
    const { pipe, pass, ids } = open(() => pass(15));
    const sent = Array.from({ length: 20 }, (_, index) => index + 1);
    pipe.write(Buffer.concat(sent.map((id) => call(id))));
    pipe.write(call(21));
    const seen: number[] = [];
    for (let n = 0; n < 30 && ids.length < 21; n += 1) {
      await turn();
      seen.push(ids.length);
    }
    t.strictSame(ids, [...sent, 21]);
    const most = Math.max(...seen.map((count, index) => count - (seen[index - 1] ?? 0)));
    t.ok(most <= 4, `read by each turn of the event loop, the first of which is two: ${seen}`);
  },
);

t.test("held up between two turns: it stays so", async (t) => {
  const { pipe, pass, ids, reader } = open(() => pass(25));
  pipe.write(Buffer.concat([1, 2, 3].map((id) => call(id))));
  while (ids.length === 0) await turn();
  reader.listen(false);
  await turns(5);
  t.strictSame(ids, [1]);
  reader.listen(true);
  await turns(10);
  t.strictSame(ids, [1, 2, 3]);
});

t.test("garbage is told of once, and what comes after it isn't read", async (t) => {
  const { pipe, ids, garbage } = open();
  pipe.write(Buffer.concat([call(1), Buffer.alloc(8), call(2)]));
  pipe.write(call(3));
  await turns(5);
  t.strictSame([ids, garbage], [[1], ["header length out of bounds"]]);
});
