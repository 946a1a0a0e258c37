// node:util and node:util/types, asked the same questions as Node's.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const values =
  "[null, undefined, 1, -0, 1n, 'a', Symbol('s'), true, [], {}, () => {}, async () => {}, function* () {}, async function* () {}, new Date(0), /x/g, new Map([[1, { a: 2 }]]), new Set([1]), new WeakMap(), new WeakSet(), " +
  "Promise.resolve(1), new Error('e'), new Uint8Array(2), new Float64Array(1), new BigInt64Array(1), new DataView(new ArrayBuffer(2)), new ArrayBuffer(3), Object(1), Object('s'), Object(true), Object(1n), Object(Symbol('b')), " +
  "(function () { return arguments })(1), (function* () {})(), new Map().entries(), new Set().values(), Buffer.from('ab'), Object.create(null)]";

const runs = await askBoth(t, {
  modules: { util: "node:util", types: "node:util/types", bare: "util" },
  before: `const values = () => ${values};`,
  questions: {
    inspect: [
      "return values().filter((v) => !(v instanceof Promise) && !/Iterator/.test(v?.[Symbol.toStringTag])).map((v) => util.inspect(v).replace(/\\n    at .*/g, ''))",
      "class A { constructor() { this.x = 1; this.self = this } get y() { return 2 } } return [util.inspect(new A()), util.inspect({ a: { b: { c: { d: 1 } } } }), util.inspect({ a: { b: { c: { d: 1 } } } }, { depth: null, breakLength: Infinity }), util.inspect(new A(), { getters: true })]",
      "return [util.inspect(Array.from({ length: 120 }, (_, i) => i)), util.inspect('it\\'s \"x\"\\n'), util.inspect([, 1, , ,]), util.inspect({ 'a-b': 1, [Symbol('s')]: 2 }), util.inspect({ long: 'x'.repeat(100), other: ['y'.repeat(60), 'z'] })]",
      "return util.inspect({ [util.inspect.custom](depth, options) { return 'own ' + depth + typeof options.stylize } })",
      "return [util.inspect(new Map([['k', new Set([1, 2])]]), { compact: false }), util.inspect({ a: 1, b: 'x' }, { colors: true }), util.inspect([1, 2, 3], { maxArrayLength: 1 }), util.inspect({ b: 1, a: 2 }, { sorted: true })]",
    ],
    format: [
      "return [util.format('%s %d %i %f %j %o %O %% %c', 'a', '1.5', '1.9', '2.5', { a: 1 }, [1], { b: { c: {} } }, 'css', 'rest', 7), util.format('a', 'b', { c: 1 }), util.format(1, 2), util.format('%s', null, undefined, 5n, Symbol('x')), util.format('%s', { toString() { return 'own' } }), util.format()]",
      "return [util.stripVTControlCharacters('\\u001b[31mred\\u001b[0m'), util.styleText('red', 'x', { validateStream: false }), util.styleText(['bold', 'blue'], 'y', { validateStream: false }), util.toUSVString('a\\ud800')]",
    ],
    "promises and callbacks": [
      "const f = util.promisify((a, callback) => setTimeout(() => callback(null, a + 1, 'more'), 1)); return [await f(1), f.name, f.length]",
      "return util.promisify((callback) => callback(new RangeError('no')))()",
      "const own = (callback) => {}; own[util.promisify.custom] = () => 'custom'; return [util.promisify(own)(), util.promisify.custom === Symbol.for('nodejs.util.promisify.custom')]",
      "return await util.promisify(setTimeout)(1, 'late')",
      "return await new Promise((resolve) => util.callbackify(async (a) => a * 2)(4, (error, value) => resolve([error, value])))",
      "return await new Promise((resolve) => util.callbackify(async () => { throw null })((error) => resolve([error.code, error.reason])))",
      "try { util.promisify(1) } catch (e) { return [e.name, e.code, e.message] }",
      "const c = new AbortController(); setTimeout(() => c.abort(), 1); return typeof (await util.aborted(c.signal, {}))",
    ],
    types: [
      "const names = Object.keys(types).filter((name) => !['isProxy', 'isExternal', 'isEventTarget'].includes(name)).sort(); return values().map((v) => names.filter((name) => types[name](v)))",
      "return [util.types === types, bare === util, types.isNativeError(Object.create(Error.prototype)), types.isDate(Object.create(Date.prototype)), types.isMap({ size: 1 })]",
    ],
    "deep equality": [
      "const pairs = [[{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: '1' }], [[1, , 3], [1, undefined, 3]], [new Set([{ a: 1 }]), new Set([{ a: 1 }])], [new Map([[{}, 1]]), new Map([[{}, 1]])], [NaN, NaN], [0, -0], [new Date(1), new Date(1)], [new Date(1), new Date(2)], [/a/g, /a/i], [new Error('a'), new Error('b')], [new Uint8Array([1]), Buffer.from([1])], [Object(1), 1], [Object(1), Object(1)], [null, undefined], [new Float32Array([0]), new Float32Array([-0])], [[1], { 0: 1, length: 1 }], [{ [Symbol.for('x')]: 1 }, {}], [Object.create(null), {}]]; return pairs.map(([a, b]) => util.isDeepStrictEqual(a, b))",
      "const a = { x: 1 }, b = { x: 1 }; a.self = a; b.self = b; const c = { x: 1, self: { x: 1 } }; return [util.isDeepStrictEqual(a, b), util.isDeepStrictEqual(a, c)]",
    ],
    "older ones": [
      "function Child() {} function Parent() {} Parent.prototype.say = () => 'said'; util.inherits(Child, Parent); return [new Child().say(), Child.super_ === Parent]",
      "const f = util.deprecate(function (a) { return [new.target === undefined, a] }, 'old', 'DEP_TEST'); return f(3)",
      "return [typeof util.debuglog('x'), util.debuglog('x').enabled, util.isArray([]), util.getSystemErrorName(-2), util.getSystemErrorMap().get(-13)?.[0], util.TextEncoder === TextEncoder]",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
