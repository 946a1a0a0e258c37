// node:async_hooks and node:timers: a context that follows what was begun in it, across awaits, timers, promises, streams and
// events, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: {
    hooks: "node:async_hooks",
    timers: "node:timers",
    promises: "node:timers/promises",
    EventEmitter: "node:events",
    stream: "node:stream",
  },
  before:
    "const { AsyncLocalStorage, AsyncResource } = hooks; const als = new AsyncLocalStorage(); const wait = (ms) => new Promise((f) => setTimeout(f, ms));",
  questions: {
    contexts: [
      "return await als.run(1, async () => { const seen = [als.getStore()]; await null; seen.push(als.getStore()); await wait(1); seen.push(als.getStore()); return [seen, 'outside'] })",
      "const inner = als.run('a', () => (async () => { await null; return als.getStore() })()); const other = als.run('b', async () => { await wait(1); return als.getStore() }); return [await inner, await other, als.getStore()]",
      "return await als.run(1, () => als.run(2, async () => { await null; return [als.getStore(), als.exit(() => als.getStore()), als.getStore()] }))",
      "const seen = []; als.run('x', () => { setTimeout(() => seen.push(['timeout', als.getStore()]), 1); setImmediate(() => seen.push(['immediate', als.getStore()])); queueMicrotask(() => seen.push(['microtask', als.getStore()])); process.nextTick(() => seen.push(['tick', als.getStore()])); const i = setInterval(() => { clearInterval(i); seen.push(['interval', als.getStore()]) }, 1) }); await wait(20); return seen.sort()",
      "const log = []; await als.run('p', () => Promise.resolve(1).then(() => log.push(als.getStore())).finally(() => log.push(als.getStore())).then(() => { throw 1 }).catch(() => log.push(als.getStore()))); return log",
      "return await als.run('all', async () => { const found = await Promise.all([1, 2].map(async (n) => { await wait(n); return als.getStore() + n })); return found })",
      "async function* numbers() { for (let n = 0; n < 3; n++) { await null; yield [n, als.getStore()] } } return await als.run('gen', async () => { const seen = []; for await (const x of numbers()) seen.push(x); return [seen, als.getStore()] })",
      "return await als.run('try', async () => { try { await Promise.reject(new Error('x')) } catch { await null; return als.getStore() } })",
      "const e = new EventEmitter(); const seen = []; als.run('listening', () => e.on('a', () => seen.push(als.getStore()))); als.run('emitting', () => e.emit('a')); e.emit('a'); return seen",
      "const e = als.run('made', () => new EventEmitter.EventEmitterAsyncResource({ name: 'x' })); const seen = []; e.on('a', () => seen.push(als.getStore())); als.run('emitting', () => e.emit('a')); return seen",
      "return await als.run('stream', () => new Promise((f) => stream.pipeline(stream.Readable.from(['a']), new stream.PassThrough(), (e) => f([e, als.getStore()])).resume()))",
      "const run = als.run('snap', () => AsyncLocalStorage.snapshot()); const bound = als.run('bound', () => AsyncLocalStorage.bind((x) => [x, als.getStore()])); return [run(() => als.getStore()), bound(1), als.getStore()]",
      "const r = als.run('resource', () => new AsyncResource('X')); return [r.runInAsyncScope((a) => [a, als.getStore()], null, 1), r.bind(function () { return als.getStore() })(), typeof r.asyncId()]",
      "const two = new AsyncLocalStorage(); return als.run(1, () => two.run(2, () => [als.getStore(), two.getStore(), als.exit(() => [als.getStore(), two.getStore()])]))",
      "return await (async () => { als.enterWith('entered'); await null; const a = als.getStore(); als.disable(); return [a, als.getStore()] })()",
      "return new AsyncLocalStorage({ defaultValue: 'd', name: 'n' }).getStore()",
      "class A { async m() { await null; return [als.getStore(), this.x, arguments.length] } x = 5 } return await als.run('method', () => new A().m(1, 2))",
      "return await als.run('thenable', async () => await { then(f) { f(als.getStore()) } })",
    ],
    timers: [
      "const seen = []; const a = timers.setTimeout((x, y) => seen.push(x + y), 1, 1, 2); timers.clearTimeout(timers.setTimeout(() => seen.push('cleared'), 1)); await wait(10); return [seen, typeof a, a.hasRef(), a.ref() === a, a.unref() === a, a.hasRef()]",
      "let n = 0; const i = timers.setInterval(() => { if (++n === 3) timers.clearInterval(i) }, 1); await wait(40); return n",
      "const order = []; setImmediate(() => order.push('immediate')); process.nextTick((x) => order.push(x), 'tick'); Promise.resolve().then(() => order.push('promise')); order.push('now'); await wait(10); return [order[0], order.length, order[3]]",
      "let n = 0; await new Promise((f) => { const again = () => (++n < 500 ? setImmediate(again) : f()); setImmediate(again) }); return n",
      "const seen = []; clearImmediate(setImmediate(() => seen.push('cleared'))); const i = setImmediate(() => { seen.push(1); clearImmediate(two) }); const two = setImmediate(() => seen.push(2)); await wait(5); return seen",
      "const t = timers.setTimeout(() => {}, 1000); return [typeof +t, t.refresh() === t, t.close() === t]",
      "try { timers.setTimeout('code') } catch (e) { return [e.name, e.code] }",
      "return [await promises.setTimeout(1, 'value'), await promises.setImmediate('now'), timers.promises === promises, await promises.scheduler.wait(1)]",
      "const c = new AbortController(); setTimeout(() => c.abort(), 1); try { await promises.setTimeout(1000, null, { signal: c.signal }) } catch (e) { return [e.name, e.code] }",
      "const seen = []; for await (const x of promises.setInterval(1, 'x')) { seen.push(x); if (seen.length === 3) break } return seen",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
