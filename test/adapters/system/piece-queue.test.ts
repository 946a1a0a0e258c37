// The one buffer of a streamed body: it says when it is full, when there is room, and when its reader has gone.
import t from "tap";
import { makePieceQueue } from "../../../runtime/adapters/system/piece-queue.ts";

function open() {
  const said: string[] = [];
  const queue = makePieceQueue({
    highWaterBytes: 10,
    pieceBytesMax: 4,
    onRoom: () => void said.push("room"),
    onLeft: () => void said.push("left"),
  });
  return { said, queue, reader: queue[Symbol.asyncIterator]() };
}

t.test("full at its mark, room below it, and pieces no larger than asked", async (t) => {
  const { said, queue, reader } = open();
  t.ok(queue.push(Uint8Array.of(1, 2, 3, 4, 5, 6)));
  t.notOk(queue.push(Uint8Array.of(7, 8, 9, 10)));
  t.strictSame([...((await reader.next()).value ?? [])], [1, 2, 3, 4]);
  t.strictSame(said, ["room"]);
  t.strictSame([...((await reader.next()).value ?? [])], [5, 6], "as it came");
  queue.close();
  t.strictSame([...((await reader.next()).value ?? [])], [7, 8, 9, 10], "what is held is still given");
  t.equal((await reader.next()).done, true);
  t.strictSame(said, ["room"]);
});

t.test("a reader that waits is woken by bytes, by the end and by a failure", async (t) => {
  const bytes = open();
  const first = bytes.reader.next();
  bytes.queue.push(Uint8Array.of(1));
  t.equal((await first).value?.length, 1);
  const end = bytes.reader.next();
  bytes.queue.close();
  t.equal((await end).done, true);
  const failing = open();
  const never = failing.reader.next();
  failing.queue.push(Uint8Array.of(1));
  failing.queue.fail(new Error("gone"));
  await t.rejects(never, { message: "gone" }, "what was held is dropped");
  await t.rejects(failing.reader.next(), { message: "gone" }, "and it stays so");
});

t.test("a reader that leaves is told of once, and not when all was read", async (t) => {
  const { said, queue, reader } = open();
  queue.push(Uint8Array.of(1));
  await reader.return?.();
  await reader.return?.();
  t.strictSame(said, ["left"]);
  t.ok(queue.push(Uint8Array.of(1)), "what comes behind it is dropped, and nobody is held up");
  t.equal((await reader.next()).done, true);
  const done = open();
  done.queue.close();
  await done.reader.next();
  await done.reader.return?.();
  t.strictSame(done.said, []);
});
