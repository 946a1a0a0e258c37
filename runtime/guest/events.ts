// Event and its kinds (https://dom.spec.whatwg.org/#events). Where and how one is dispatched is event-target.ts.
import { clock } from "./clock.ts";
import type { EventTarget } from "./event-target.ts";
import { asInterface, requireArguments, toDictionary, toDomString, toUnsignedLong } from "./webidl.ts";

const phases = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 };

/** What a dispatch changes of its event, beside what the job can see. */
export interface Dispatching {
  target: EventTarget | null;
  currentTarget: EventTarget | null;
  phase: number;
  isDispatched: boolean;
  stopsAfterThis: boolean;
  isStopped: boolean;
  isPassive: boolean;
  isTrusted: boolean;
  isInitialized: boolean;
}

export class Event {
  #type = "";
  #bubbles = false;
  #cancelable = false;
  readonly #composed: boolean;
  #canceled = false;
  readonly #timeStamp = clock.sinceOriginMs();
  readonly #state: Dispatching = {
    target: null,
    currentTarget: null,
    phase: 0,
    isDispatched: false,
    stopsAfterThis: false,
    isStopped: false,
    isPassive: false,
    isTrusted: false,
    isInitialized: true,
  };

  constructor(type: string, init: EventInit = {}) {
    requireArguments(arguments.length, 1, "an event");
    const { bubbles, cancelable, composed } = toDictionary(init, "an event's second argument");
    this.#type = toDomString(type);
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#composed = Boolean(composed);
    Object.defineProperty(this, "isTrusted", { get: isTrusted, enumerable: true });
  }
  get type(): string {
    return this.#type;
  }
  get target(): EventTarget | null {
    return this.#state.target;
  }
  get srcElement(): EventTarget | null {
    return this.#state.target;
  }
  get currentTarget(): EventTarget | null {
    return this.#state.currentTarget;
  }
  composedPath(): EventTarget[] {
    const { currentTarget } = this.#state;
    return currentTarget === null ? [] : [currentTarget];
  }
  get eventPhase(): number {
    return this.#state.phase;
  }
  stopPropagation(): void {
    this.#state.isStopped = true;
  }
  get cancelBubble(): boolean {
    return this.#state.isStopped;
  }
  set cancelBubble(value: boolean) {
    if (value) this.#state.isStopped = true;
  }
  stopImmediatePropagation(): void {
    this.#state.isStopped = true;
    this.#state.stopsAfterThis = true;
  }
  get bubbles(): boolean {
    return this.#bubbles;
  }
  get cancelable(): boolean {
    return this.#cancelable;
  }
  get returnValue(): boolean {
    return !this.#canceled;
  }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }
  preventDefault(): void {
    if (this.#cancelable && !this.#state.isPassive) this.#canceled = true;
  }
  get defaultPrevented(): boolean {
    return this.#canceled;
  }
  get composed(): boolean {
    return this.#composed;
  }
  get timeStamp(): number {
    return this.#timeStamp;
  }
  initEvent(type: string, bubbles = false, cancelable = false): void {
    requireArguments(arguments.length, 1, "initEvent");
    const text = toDomString(type);
    if (this.#state.isDispatched) return;
    Object.assign(this.#state, {
      isInitialized: true,
      isStopped: false,
      stopsAfterThis: false,
      isTrusted: false,
      target: null,
    });
    this.#canceled = false;
    this.#type = text;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
  }
  static stateOf(event: Event): Dispatching {
    return event.#state;
  }
}

/** For the dispatch; a job can't reach it. @throws TypeError for what is no event. */
export const dispatchingOf = Event.stateOf;
Reflect.deleteProperty(Event, "stateOf");

// One getter for all events, since each has the property as its own (LegacyUnforgeable).
const isTrusted = Object.getOwnPropertyDescriptor(
  {
    get isTrusted(): boolean {
      return dispatchingOf(this as unknown as Event).isTrusted;
    },
  },
  "isTrusted",
)?.get as () => boolean;

asInterface("Event", Event, phases);

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

export class CustomEvent extends Event {
  #detail: unknown;
  constructor(type: string, init: EventInit & { detail?: unknown } = {}) {
    super(type, init);
    this.#detail = toDictionary(init, "").detail ?? null;
  }
  get detail(): unknown {
    return this.#detail;
  }
  initCustomEvent(type: string, bubbles = false, cancelable = false, detail: unknown = null): void {
    requireArguments(arguments.length, 1, "initCustomEvent");
    const { isDispatched } = dispatchingOf(this);
    this.initEvent(type, bubbles, cancelable);
    if (!isDispatched) this.#detail = detail;
  }
}

export class ErrorEvent extends Event {
  readonly #message: string;
  readonly #filename: string;
  readonly #lineno: number;
  readonly #colno: number;
  readonly #error: unknown;
  constructor(type: string, init: EventInit & Record<string, unknown> = {}) {
    super(type, init);
    const { message = "", filename = "", lineno = 0, colno = 0, error } = toDictionary(init, "");
    this.#message = toDomString(message);
    this.#filename = toDomString(filename).toWellFormed();
    this.#lineno = toUnsignedLong(lineno);
    this.#colno = toUnsignedLong(colno);
    this.#error = error;
  }
  get message(): string {
    return this.#message;
  }
  get filename(): string {
    return this.#filename;
  }
  get lineno(): number {
    return this.#lineno;
  }
  get colno(): number {
    return this.#colno;
  }
  get error(): unknown {
    return this.#error;
  }
}

export class MessageEvent extends Event {
  #data: unknown;
  #origin: string;
  #lastEventId: string;
  #source: EventTarget | null;
  #ports: readonly object[];
  constructor(type: string, init: EventInit & Record<string, unknown> = {}) {
    super(type, init);
    const { data = null, origin = "", lastEventId = "", source = null, ports = [] } = toDictionary(init, "");
    this.#data = data;
    this.#origin = toDomString(origin).toWellFormed();
    this.#lastEventId = toDomString(lastEventId);
    this.#source = toSource(source);
    this.#ports = Object.freeze([...(ports as Iterable<object>)]);
  }
  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): EventTarget | null {
    return this.#source;
  }
  get ports(): readonly object[] {
    return this.#ports;
  }
  initMessageEvent(
    type: string,
    bubbles = false,
    cancelable = false,
    data: unknown = null,
    origin = "",
    lastEventId = "",
    source: EventTarget | null = null,
    ports: Iterable<object> = [],
  ): void {
    requireArguments(arguments.length, 1, "initMessageEvent");
    if (dispatchingOf(this).isDispatched) return;
    this.initEvent(type, bubbles, cancelable);
    this.#data = data;
    this.#origin = toDomString(origin).toWellFormed();
    this.#lastEventId = toDomString(lastEventId);
    this.#source = toSource(source);
    this.#ports = Object.freeze([...ports]);
  }
}

function toSource(value: unknown): EventTarget | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "object" && Symbol.toStringTag in value && value[Symbol.toStringTag] === "MessagePort")
    return value as unknown as EventTarget;
  throw new TypeError("a message's source is a MessagePort or null");
}

export class PromiseRejectionEvent extends Event {
  readonly #promise: object;
  readonly #reason: unknown;
  constructor(type: string, init: EventInit & { promise: object; reason?: unknown }) {
    requireArguments(arguments.length, 2, "a PromiseRejectionEvent");
    super(type, init);
    const { promise, reason } = toDictionary(init, "");
    if (typeof promise !== "object" || promise === null)
      throw new TypeError("a PromiseRejectionEvent needs its promise");
    this.#promise = promise;
    this.#reason = reason;
  }
  get promise(): object {
    return this.#promise;
  }
  get reason(): unknown {
    return this.#reason;
  }
}

for (const [name, each] of Object.entries({ CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent }))
  asInterface(name, each);
