// Back-pressure between gate and guest: a window down, a pull up. A guest that doesn't keep to it gains nothing by it.
import t from "tap";
import { makeUpload, makeWindow } from "../../../runtime/core/capabilities/streams.ts";
import { windowBytes } from "../../../runtime/protocol/bridge.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function isOpen(window: ReturnType<typeof makeWindow>): Promise<boolean> {
  let open = false;
  void window.open().then(
    () => {
      open = true;
    },
    () => undefined,
  );
  await turn();
  return open;
}

t.test("the window shuts when it is full and opens with credit", async (t) => {
  const window = makeWindow(new AbortController().signal);
  window.sent(windowBytes - 1);
  t.ok(await isOpen(window));
  window.sent(1);
  t.notOk(await isOpen(window));
  window.credit(1);
  t.ok(await isOpen(window));
});

t.test("a guest that gives credit for what it never got makes the window no wider", async (t) => {
  const window = makeWindow(new AbortController().signal);
  for (let index = 0; index < 100; index += 1) window.credit(Number.MAX_SAFE_INTEGER);
  window.sent(windowBytes);
  t.notOk(await isOpen(window));
});

t.test("whoever waits at the window is woken by the end of the call", async (t) => {
  const stop = new AbortController();
  const window = makeWindow(stop.signal);
  window.sent(windowBytes);
  const waiting = window.open();
  stop.abort();
  await t.rejects(waiting, { code: "aborted" });
});

function world() {
  const asked: [number, boolean][] = [];
  const stop = new AbortController();
  const upload = makeUpload((seq, again) => asked.push([seq, again]), stop.signal);
  return { asked, stop, upload };
}

t.test("nothing is asked for before somebody wants it, and then one piece at a time", async (t) => {
  const { asked, upload } = world();
  t.strictSame(asked, []);
  const pieces = upload.pieces(false);
  const first = pieces.next();
  await turn();
  t.strictSame(asked, [[1, false]]);
  t.ok(upload.give(1, Uint8Array.of(1), false));
  t.strictSame(await first, { done: false, value: Uint8Array.of(1) });
  await turn();
  t.strictSame(asked, [[1, false]], "the second is not asked for until the first was taken");
  const last = pieces.next();
  await turn();
  t.ok(upload.give(2, new Uint8Array(0), true));
  t.strictSame(await last, { done: true, value: undefined });
});

t.test("a piece that nobody has asked for is refused", async (t) => {
  const { upload } = world();
  t.notOk(upload.give(1, Uint8Array.of(1), false), "before the first pull");
  const pieces = upload.pieces(false);
  const first = pieces.next();
  await turn();
  t.notOk(upload.give(2, Uint8Array.of(1), false), "of a pull to come");
  t.notOk(upload.give(0, Uint8Array.of(1), false));
  t.ok(upload.give(1, Uint8Array.of(1), false));
  t.notOk(upload.give(1, Uint8Array.of(1), false), "a second time");
  await first;
});

t.test("a late piece of a body that began anew belongs nowhere, and does no harm", async (t) => {
  const { asked, upload } = world();
  void upload.pieces(false).next();
  await turn();
  const anew = upload.pieces(true);
  const first = anew.next();
  await turn();
  t.strictSame(asked, [
    [1, false],
    [2, true],
  ]);
  t.ok(upload.give(1, Uint8Array.of(9), false));
  t.ok(upload.give(2, Uint8Array.of(1), true));
  t.strictSame((await first).value, Uint8Array.of(1));
});

t.test("the end of the call ends whoever waits for a piece", async (t) => {
  const { stop, upload } = world();
  const first = upload.pieces(false).next();
  await turn();
  stop.abort();
  await t.rejects(first, { code: "aborted" });
  await t.rejects(upload.pieces(false).next(), { code: "aborted" });
});
