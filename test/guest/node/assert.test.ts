// node:assert, asked the same questions as Node's: which assertion holds, and what its error has beside the message.
import t from "tap";
import { askBoth } from "./side-by-side.ts";

const runs = await askBoth(t, {
  modules: { assert: "node:assert", strict: "node:assert/strict" },
  before: `
    const tell = (e) => [e.name, e.code, e.operator, e.generatedMessage, show(e.actual), show(e.expected)];
    const tried = (f) => { try { f(); return "held" } catch (e) { return tell(e) } };
    const later = async (f) => { try { await f(); return "held" } catch (e) { return tell(e) } };
  `,
  questions: {
    values: [
      "return [() => assert(1), () => assert(0), () => assert.ok(''), () => assert.equal(1, '1'), () => assert.equal(1, 2), () => assert.strictEqual(1, '1'), () => assert.notStrictEqual(1, 1), () => assert.notEqual(1, '1'), () => strict.equal(1, '1')].map(tried)",
      "return [() => assert.deepEqual({ a: 1 }, { a: '1' }), () => assert.deepStrictEqual({ a: 1 }, { a: '1' }), () => strict.deepEqual([1], ['1']), () => assert.notDeepStrictEqual({ a: 1 }, { a: 1 }), () => assert.notDeepEqual([1], [2])].map(tried)",
      "try { assert.equal(1, 2, 'my words') } catch (e) { return [e.message, ...tell(e)] }",
      "try { assert.equal(1, 2, new RangeError('mine')) } catch (e) { return [e.name, e.message] }",
      "return [() => assert.fail(), () => assert.fail('why'), () => assert.ifError(null), () => assert.ifError(new Error('x')), () => assert.match('abc', /b/), () => assert.match('abc', /z/), () => assert.doesNotMatch('abc', /b/)].map(tried)",
      "try { assert.strictEqual(1, 2) } catch (e) { return e.message.split('\\n')[0] }",
    ],
    throwing: [
      "return [() => assert.throws(() => { throw new TypeError('bad') }), () => assert.throws(() => {}), () => assert.throws(() => { throw new TypeError('bad') }, TypeError), () => assert.throws(() => { throw new TypeError('bad') }, /ba/), () => assert.throws(() => { throw new Error('bad') }, { message: 'bad', name: 'Error' }), () => assert.throws(() => { throw new Error('x') }, (e) => e.message === 'x'), () => assert.doesNotThrow(() => {})].map(tried)",
      "try { assert.throws(() => { throw new Error('bad') }, TypeError) } catch (e) { return [e.name, e.message] }",
      "return [() => assert.throws(() => { throw new Error('bad') }, /good/), () => assert.throws(() => { throw new Error('bad') }, { message: 'good' }), () => assert.doesNotThrow(() => { throw new Error('x') })].map((f) => { try { f(); return 'held' } catch (e) { return [e.name, e.code] } })",
      "return [await later(() => assert.rejects(Promise.reject(new Error('a')), /a/)), await later(() => assert.rejects(async () => {})), await later(() => assert.doesNotReject(async () => 1))]",
      "try { assert.throws('no function') } catch (e) { return [e.name, e.code] }",
    ],
    module: [
      "return [assert.strict === strict, strict.strict === strict, typeof assert.AssertionError, new assert.AssertionError({ actual: 1, expected: 2, operator: 'strictEqual' }) instanceof Error]",
    ],
  },
});

t.test("what all of them left behind", (t) => runs.end(t));
