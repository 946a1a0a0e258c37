// node:assert. Its errors have Node's code, actual, expected and operator; the message says both values, without Node's diff.

import { isDeepEqual } from "./deep-equal.ts";
import { nodeError, wrongType } from "./errors.ts";
import { inspect } from "./inspect.ts";

type Message = string | Error | undefined;
type Expected = unknown;

interface Options {
  message?: string;
  actual?: unknown;
  expected?: unknown;
  operator?: string;
}

export class AssertionError extends Error {
  readonly code = "ERR_ASSERTION";
  readonly generatedMessage: boolean;
  readonly actual: unknown;
  readonly expected: unknown;
  readonly operator: string | undefined;

  constructor({ message, actual, expected, operator }: Options) {
    super(message ?? describe({ actual, expected, ...(operator === undefined ? {} : { operator }) }));
    Object.defineProperty(this, "name", { value: "AssertionError", writable: true, configurable: true });
    this.generatedMessage = message === undefined;
    this.actual = actual;
    this.expected = expected;
    this.operator = operator;
  }
}

const says: Readonly<Record<string, string>> = {
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  deepEqual: "Expected values to be loosely deep-equal:",
  strictEqual: "Expected values to be strictly equal:",
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
};

function describe({ actual, expected, operator = "fail" }: Options): string {
  const [found, needed] = [inspect(actual), inspect(expected)];
  const said = Object.hasOwn(says, operator) ? says[operator] : undefined;
  if (said === undefined) return `${found} ${operator} ${needed}`;
  return operator.startsWith("not") ? `${said} ${found}` : `${said}\n\n${found}\n\nshould equal\n\n${needed}`;
}

function fail(options: Options, message: Message): never {
  if (message instanceof Error) throw message;
  throw new AssertionError(message === undefined ? options : { ...options, message });
}

/** `said` is ours, and counts as generated. */
function failSaying(options: Options, said: string, message: Message): never {
  if (message !== undefined) fail(options, message);
  throw Object.assign(new AssertionError({ ...options, message: said }), { generatedMessage: true });
}

function ok(value?: unknown, message?: Message): void {
  if (value) return;
  const text = message ?? "The expression evaluated to a falsy value";
  if (text instanceof Error) throw text;
  const error = new AssertionError({ message: text, actual: value, expected: true, operator: "==" });
  throw Object.assign(error, { generatedMessage: message === undefined });
}

type Compare = (actual: unknown, expected: unknown) => boolean;

const comparison = (operator: string, holds: Compare) => (actual: unknown, expected: unknown, message?: Message) => {
  if (!holds(actual, expected)) fail({ actual, expected, operator }, message);
};

// biome-ignore lint/suspicious/noDoubleEquals: the loose comparison is what was asked for
const looselyEqual: Compare = (one, two) => one == two || (Number.isNaN(one) && Number.isNaN(two));
const not =
  (holds: Compare): Compare =>
  (one, two) =>
    !holds(one, two);
const deeply: Compare = (one, two) => isDeepEqual(one, two, true);
const looselyDeeply: Compare = (one, two) => isDeepEqual(one, two, false);

/** Whether what was thrown is what was expected: a class, a pattern, a function that judges, or an object of properties. */
function judge(thrown: unknown, expected: Expected, message: Message, operator: string): void {
  if (expected === undefined) return;
  const wrong = (): never => fail({ actual: thrown, expected, operator }, message);
  if (expected instanceof RegExp) {
    if (!expected.test(String(thrown))) wrong();
  } else if (typeof expected === "function") {
    const isClass = expected.prototype !== undefined && thrown instanceof (expected as unknown as typeof Error);
    if (isClass) return;
    if (Object.prototype.isPrototypeOf.call(Error, expected)) wrongClass(thrown, expected, message, operator);
    if (Reflect.apply(expected, {}, [thrown]) !== true) wrong();
  } else if (typeof expected === "object" && expected !== null) judgeProperties(thrown, expected, wrong);
  else throw wrongType("expected", "of type function or an instance of Error, RegExp, or Object", expected);
}

function wrongClass(thrown: unknown, expected: { name: string }, message: Message, operator: string): never {
  const { name = typeof thrown } = (thrown as object | null)?.constructor ?? {};
  const words = thrown instanceof Error ? `\n\nError message:\n\n${thrown.message}` : "";
  const said = `The error is expected to be an instance of "${expected.name}". Received "${name}"${words}`;
  return failSaying({ actual: thrown, expected, operator }, said, message);
}

function judgeProperties(thrown: unknown, expected: object, wrong: () => never): void {
  const keys = Object.keys(expected);
  if (expected instanceof Error) keys.push("name", "message");
  for (const key of keys) {
    const [found, needed] = [(thrown as Record<string, unknown> | null)?.[key], Reflect.get(expected, key)];
    const matches = typeof found === "string" && needed instanceof RegExp ? needed.test(found) : deeply(found, needed);
    if (!matches) wrong();
  }
}

/** `expected` may be left out, and the message then stands in its place. */
function split(expected: Expected, message: Message): [Expected, Message] {
  return typeof expected === "string" ? [undefined, expected] : [expected, message];
}

const nothing = Symbol("nothing was thrown");

function thrownBy(act: unknown): unknown {
  if (typeof act !== "function") throw wrongType("fn", "of type function", act);
  try {
    act();
  } catch (error) {
    return error;
  }
  return nothing;
}

async function rejectionOf(act: unknown): Promise<unknown> {
  const promise = typeof act === "function" ? (act as () => unknown)() : act;
  if (typeof (promise as PromiseLike<unknown> | null)?.then !== "function")
    throw wrongType("promiseFn", "of type function or an instance of Promise", promise);
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return nothing;
}

function missing(operator: string, expected: Expected, message: Message): never {
  const name = typeof expected === "function" && expected.name ? ` (${expected.name})` : "";
  const text = `Missing expected ${operator === "rejects" ? "rejection" : "exception"}${name}${message ? `: ${message}` : "."}`;
  return fail({ actual: undefined, expected, operator }, message instanceof Error ? message : text);
}

function throws(act: unknown, expected?: Expected, message?: Message): void {
  const [needed, said] = split(expected, message);
  const thrown = thrownBy(act);
  if (thrown === nothing) missing("throws", needed, said);
  judge(thrown, needed, said, "throws");
}

async function rejects(act: unknown, expected?: Expected, message?: Message): Promise<void> {
  const [needed, said] = split(expected, message);
  const thrown = await rejectionOf(act);
  if (thrown === nothing) missing("rejects", needed, said);
  judge(thrown, needed, said, "rejects");
}

function unwanted(thrown: unknown, operator: string, said: Message): void {
  if (thrown === nothing) return;
  const kind = operator === "doesNotThrow" ? "exception" : "rejection";
  const told = (thrown as Error | null)?.message;
  const text = `Got unwanted ${kind}${said ? `: ${said}` : "."}\nActual message: "${told}"`;
  fail({ actual: thrown, expected: undefined, operator }, said instanceof Error ? said : text);
}

const matching = (operator: string, wanted: boolean) => (text: unknown, pattern: RegExp, message?: Message) => {
  if (!(pattern instanceof RegExp)) throw wrongType("regexp", "an instance of RegExp", pattern);
  if (typeof text === "string" && pattern.test(text) === wanted) return;
  const must = wanted ? "The input did not match" : "The input was expected to not match";
  const said = `${must} the regular expression ${pattern}. Input:\n\n${inspect(text)}\n`;
  failSaying({ actual: text, expected: pattern, operator }, said, message);
};

const members = {
  ok,
  fail(message?: Message): never {
    if (message instanceof Error) throw message;
    const error = new AssertionError({ message: message ?? "Failed", operator: "fail" });
    throw Object.assign(error, { generatedMessage: message === undefined });
  },
  equal: comparison("==", looselyEqual),
  notEqual: comparison("!=", not(looselyEqual)),
  strictEqual: comparison("strictEqual", Object.is),
  notStrictEqual: comparison("notStrictEqual", not(Object.is)),
  deepEqual: comparison("deepEqual", looselyDeeply),
  notDeepEqual: comparison("notDeepEqual", not(looselyDeeply)),
  deepStrictEqual: comparison("deepStrictEqual", deeply),
  notDeepStrictEqual: comparison("notDeepStrictEqual", not(deeply)),
  throws,
  rejects,
  doesNotThrow: (act: unknown, expected?: unknown, message?: Message) =>
    unwanted(thrownBy(act), "doesNotThrow", split(expected, message)[1]),
  doesNotReject: async (act: unknown, expected?: unknown, message?: Message) =>
    unwanted(await rejectionOf(act), "doesNotReject", split(expected, message)[1]),
  match: matching("match", true),
  doesNotMatch: matching("doesNotMatch", false),
  ifError(value: unknown): void {
    if (value === null || value === undefined) return;
    const told = value instanceof Error ? value.message : inspect(value);
    const message = `ifError got unwanted exception: ${told}`;
    throw new AssertionError({ message, actual: value, expected: null, operator: "ifError" });
  },
  AssertionError,
  Assert: class Assert {
    constructor() {
      throw nodeError(TypeError, "ERR_MAYFLY_UNSUPPORTED", "assert.Assert isn't available in a job: use assert itself");
    }
  },
};

const assert = Object.assign((value?: unknown, message?: Message) => ok(value, message), members);

export const strict = Object.assign((value?: unknown, message?: Message) => ok(value, message), members, {
  equal: members.strictEqual,
  notEqual: members.notStrictEqual,
  deepEqual: members.deepStrictEqual,
  notDeepEqual: members.notDeepStrictEqual,
});
Object.assign(assert, { strict });
Object.assign(strict, { strict });

export default assert;
