// node:events, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: { EventEmitter: "node:events", bare: "events" },
  questions: {
    emitting: [
      "const e = new EventEmitter(), seen = []; e.on('a', (...args) => seen.push(['on', ...args])); e.once('a', () => seen.push('once')); e.prependListener('a', () => seen.push('first')); return [e.emit('a', 1, 2), e.emit('a'), e.emit('none'), seen, e.listenerCount('a'), e.eventNames(), e.rawListeners('a').length]",
      "const e = new EventEmitter(), f = () => {}; e.on('x', f).on('x', f).off('x', f); return [e.listeners('x').length, e.removeAllListeners('x') === e, e.listenerCount('x'), EventEmitter.listenerCount(e, 'x')]",
      "return new EventEmitter().emit('error', new RangeError('boom'))",
      "const e = new EventEmitter(), seen = []; e.on(EventEmitter.errorMonitor, (error) => seen.push(error.message)); try { e.emit('error', new Error('seen')) } catch (error) { seen.push('threw') } e.on('error', () => seen.push('handled')); e.emit('error', new Error('again')); return seen",
      "class Own extends EventEmitter { constructor() { super(); this.x = 1 } } const o = new Own(); return [o instanceof EventEmitter, EventEmitter.EventEmitter === EventEmitter, bare === EventEmitter, o.getMaxListeners(), EventEmitter.defaultMaxListeners]",
      "function Old() { EventEmitter.call(this) } Object.setPrototypeOf(Old.prototype, EventEmitter.prototype); const o = new Old(); let n = 0; o.on('a', () => n++); o.emit('a'); return n",
      "const e = new EventEmitter(); let order = []; e.on('newListener', (name) => order.push('new ' + name)); e.on('removeListener', (name) => order.push('gone ' + name)); const f = () => {}; e.on('a', f); e.off('a', f); return order",
      "try { new EventEmitter().on('a', 'no') } catch (e) { return e.name }",
    ],
    waiting: [
      "const e = new EventEmitter(); setTimeout(() => e.emit('go', 1, 2), 1); return await EventEmitter.once(e, 'go')",
      "const e = new EventEmitter(); setTimeout(() => e.emit('error', new Error('no')), 1); return await EventEmitter.once(e, 'go')",
      "const c = new AbortController(); setTimeout(() => c.abort(), 1); try { await EventEmitter.once(new EventEmitter(), 'go', { signal: c.signal }) } catch (e) { return [e.name, e.code] }",
      "const target = new EventTarget(); setTimeout(() => target.dispatchEvent(new Event('go')), 1); return (await EventEmitter.once(target, 'go'))[0].type",
      "const e = new EventEmitter(); setTimeout(() => { e.emit('a', 1); e.emit('a', 2); e.emit('end') }, 1); const seen = []; for await (const [x] of EventEmitter.on(e, 'a', { close: ['end'] })) seen.push(x); return seen",
      "const e = new EventEmitter(); setTimeout(() => { e.emit('a', 1); e.emit('error', new Error('broken')) }, 1); const seen = []; try { for await (const [x] of EventEmitter.on(e, 'a')) seen.push(x) } catch (error) { seen.push(error.message) } return [seen, e.listenerCount('a'), e.listenerCount('error')]",
    ],
    module: [
      "const e = new EventEmitter(); EventEmitter.setMaxListeners(3, e); return [EventEmitter.getMaxListeners(e), e.getMaxListeners(), EventEmitter.getEventListeners(e, 'a')]",
      "const c = new AbortController(); let n = 0; const d = EventEmitter.addAbortListener(c.signal, () => n++); c.abort(); d[Symbol.dispose](); return n",
      "return ['once', 'on', 'errorMonitor', 'captureRejectionSymbol', 'getEventListeners', 'EventEmitterAsyncResource'].map((name) => typeof EventEmitter[name])",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
