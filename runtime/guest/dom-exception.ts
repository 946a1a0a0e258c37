// DOMException (https://webidl.spec.whatwg.org/#idl-DOMException): an error of V8's, with its stack, whose name and
// message stand on the prototype.
import { asInterface, toDictionary, toDomString } from "./webidl.ts";

/** Legacy codes (https://webidl.spec.whatwg.org/#dfn-error-names-table); newer names have none. */
const codes: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
};

const constants = {
  INDEX_SIZE_ERR: 1,
  DOMSTRING_SIZE_ERR: 2,
  HIERARCHY_REQUEST_ERR: 3,
  WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6,
  NO_MODIFICATION_ALLOWED_ERR: 7,
  NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10,
  INVALID_STATE_ERR: 11,
  SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13,
  NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15,
  VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17,
  SECURITY_ERR: 18,
  NETWORK_ERR: 19,
  ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22,
  TIMEOUT_ERR: 23,
  INVALID_NODE_TYPE_ERR: 24,
  DATA_CLONE_ERR: 25,
};

const NativeError = Error;
const { setPrototypeOf, defineProperty } = Object;

interface Parts {
  name: string;
  message: string;
}

const partsOf = new WeakMap<object, Parts>();

function parts(exception: object): Parts {
  const found = partsOf.get(exception);
  if (found === undefined) throw new TypeError("Illegal invocation");
  return found;
}

export class DOMException {
  declare readonly stack: string;
  declare readonly cause?: unknown;

  constructor(message: unknown = "", options: unknown = "Error") {
    const text = toDomString(message);
    const isBag = typeof options === "object" && options !== null;
    const given = isBag ? (options as { name?: unknown }).name : options;
    const name = given === undefined ? "Error" : toDomString(given);
    // An Error is what is made, so that it has V8's stack.
    const error = setPrototypeOf(new NativeError(), new.target.prototype) as DOMException;
    partsOf.set(error, { name, message: text });
    const frames = String(error.stack).replace(/^.*\n?(?:\s*at new DOMException.*\n?)?/, "");
    define(error, "stack", `${name}: ${text}\n${frames}`);
    if (isBag && "cause" in options) define(error, "cause", options.cause);
    // biome-ignore lint/correctness/noConstructorReturn: it has to be an Error of V8's
    return error;
  }
  get name(): string {
    return parts(this).name;
  }
  get message(): string {
    return parts(this).message;
  }
  get code(): number {
    const { name } = parts(this);
    return Object.hasOwn(codes, name) ? (codes[name] ?? 0) : 0;
  }
}

function define(error: object, name: string, value: unknown): void {
  defineProperty(error, name, { value, writable: true, configurable: true });
}

/** By what it is, and not by its prototype. */
export function isDomException(value: unknown): value is DOMException {
  return typeof value === "object" && value !== null && partsOf.has(value);
}

setPrototypeOf(DOMException.prototype, NativeError.prototype);
asInterface("DOMException", DOMException, constants);

/** https://webidl.spec.whatwg.org/#quotaexceedederror */
export class QuotaExceededError extends DOMException {
  readonly #quota: number | null;
  readonly #requested: number | null;
  constructor(message: unknown = "", options: unknown = {}) {
    const { quota, requested } = toDictionary(options, "a QuotaExceededError's options");
    super(message, "QuotaExceededError");
    this.#quota = toAmount(quota);
    this.#requested = toAmount(requested);
    if (this.#quota !== null && this.#requested !== null && this.#requested < this.#quota)
      throw new RangeError("what was requested is less than the quota");
  }
  get quota(): number | null {
    return this.#quota;
  }
  get requested(): number | null {
    return this.#requested;
  }
}
asInterface("QuotaExceededError", QuotaExceededError);

function toAmount(value: unknown): number | null {
  if (value === undefined) return null;
  const amount = Number(value);
  if (!Number.isFinite(amount)) throw new TypeError("an amount is a finite number");
  if (amount < 0) throw new RangeError("an amount is not negative");
  return amount;
}
