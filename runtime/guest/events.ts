// Event, EventTarget and DOMException, as far as AbortSignal needs them (https://dom.spec.whatwg.org/).

/** Legacy codes (https://webidl.spec.whatwg.org/#dfn-error-names-table); newer names have none. */
const codes: Record<string, number> = {
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

export class DOMException extends Error {
  readonly #name: string;
  constructor(message = "", name = "Error") {
    super(message);
    this.#name = String(name);
  }
  override get name(): string {
    return this.#name;
  }
  get code(): number {
    return codes[this.#name] ?? 0;
  }
}

export class Event {
  readonly #type: string;
  readonly #cancelable: boolean;
  #canceled = false;
  #stopped = false;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  readonly timeStamp = Date.now();

  constructor(type: string, init: { cancelable?: boolean } = {}) {
    this.#type = String(type);
    this.#cancelable = Boolean(init.cancelable);
  }
  get type(): string {
    return this.#type;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get defaultPrevented(): boolean {
    return this.#canceled;
  }
  preventDefault(): void {
    if (this.#cancelable) this.#canceled = true;
  }
  stopImmediatePropagation(): void {
    this.#stopped = true;
  }
  static wasStopped(event: Event): boolean {
    return event.#stopped;
  }
}

type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

interface Entry {
  listener: Listener;
  once: boolean;
}

export class EventTarget {
  readonly #listeners = new Map<string, Entry[]>();

  addEventListener(
    type: string,
    listener: Listener | null,
    options: boolean | { once?: boolean; signal?: AbortLike } = {},
  ): void {
    if (listener === null) return;
    const { once = false, signal } = typeof options === "object" ? options : {};
    if (signal?.aborted) return;
    const entries = this.#listeners.get(type) ?? [];
    if (entries.some((entry) => entry.listener === listener)) return;
    this.#listeners.set(type, [...entries, { listener, once }]);
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener), { once: true });
  }

  removeEventListener(type: string, listener: Listener | null): void {
    const entries = this.#listeners.get(type);
    if (entries !== undefined)
      this.#listeners.set(
        type,
        entries.filter((entry) => entry.listener !== listener),
      );
  }

  dispatchEvent(event: Event): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const entry of this.#listeners.get(event.type) ?? []) {
      if (Event.wasStopped(event)) break;
      if (entry.once) this.removeEventListener(event.type, entry.listener);
      if (typeof entry.listener === "function") entry.listener.call(this, event);
      else entry.listener.handleEvent(event);
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
}

interface AbortLike {
  readonly aborted: boolean;
  addEventListener(type: string, listener: () => void, options?: { once: boolean }): void;
}
