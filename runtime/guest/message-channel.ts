// MessageChannel and MessagePort (https://html.spec.whatwg.org/#message-ports), within this isolate: a message is cloned
// when it is sent, and comes as an event of its own, in order. A port that was transferred is another object from then on,
// and takes with it what waits.

import { DOMException } from "./dom-exception.ts";
import { addHandlers, dispatch, EventTarget } from "./event-target.ts";
import { dispatchingOf, MessageEvent } from "./events.ts";
import { addTransferable, cloneWithTransfer } from "./structured-clone.ts";
import { queueTask } from "./timers.ts";
import { asInterface, requireArguments, toDictionary } from "./webidl.ts";

const makeKey = Symbol("only MessageChannel makes ports");

interface Message {
  data: unknown;
  ports: readonly object[];
}

/** One end: whatever port object holds it at the moment. */
interface End {
  other: End | undefined;
  port: MessagePort;
  waiting: Message[];
  isStarted: boolean;
  isScheduled: boolean;
}

export class MessagePort extends EventTarget {
  #end: End | undefined;
  #isDetached = false;

  constructor(key: symbol | undefined = undefined) {
    super();
    if (key !== makeKey) throw new TypeError("Illegal constructor");
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 1, "postMessage");
    const isList = typeof options === "object" && options !== null && Symbol.iterator in options;
    const transfer = isList ? options : (toDictionary(options, "postMessage's second argument").transfer ?? []);
    const list = [...(transfer as Iterable<object>)];
    if (list.includes(this)) throw new DOMException("a port can't be sent through itself.", "DataCloneError");
    const { value, moved } = cloneWithTransfer(message, list);
    const other = this.#end?.other;
    if (other === undefined) return;
    other.waiting.push({ data: value, ports: moved.filter(isMessagePort) });
    schedule(other);
  }

  start(): void {
    if (this.#end === undefined) return;
    this.#end.isStarted = true;
    schedule(this.#end);
  }

  close(): void {
    const end = this.#end;
    if (end === undefined) return;
    this.#isDetached = true;
    this.#end = undefined;
    if (end.other !== undefined) end.other.other = undefined;
    end.other = undefined;
  }

  static make(): [MessagePort, MessagePort] {
    const [a, b] = [new MessagePort(makeKey), new MessagePort(makeKey)];
    const common = { other: undefined, isStarted: false, isScheduled: false };
    a.#end = { ...common, port: a, waiting: [] };
    b.#end = { ...common, port: b, waiting: [] };
    a.#end.other = b.#end;
    b.#end.other = a.#end;
    return [a, b];
  }
  static isOne(value: unknown): value is MessagePort {
    return typeof value === "object" && value !== null && #end in value;
  }
  /** The end goes over to a new port. */
  static prepare(port: MessagePort): { copy: MessagePort; finish(): void } {
    if (port.#isDetached) throw new DOMException("the port is closed or was transferred already.", "DataCloneError");
    const copy = new MessagePort(makeKey);
    return {
      copy,
      finish() {
        const end = port.#end;
        port.#end = undefined;
        port.#isDetached = true;
        if (end === undefined) return;
        end.port = copy;
        end.isStarted = false;
        copy.#end = end;
      },
    };
  }
}

const { make: makePorts, isOne: isMessagePort, prepare } = MessagePort;
for (const name of ["make", "isOne", "prepare"]) Reflect.deleteProperty(MessagePort, name);
asInterface("MessagePort", MessagePort);
// Setting `onmessage` starts a port, whatever it is set to.
addHandlers(MessagePort.prototype, ["message"], (port) => (port as MessagePort).start());
addHandlers(MessagePort.prototype, ["messageerror", "close"]);
addTransferable({ isOne: isMessagePort, prepare: (port) => prepare(port as MessagePort) });

function schedule(end: End): void {
  if (!end.isStarted || end.isScheduled || end.waiting.length === 0) return;
  end.isScheduled = true;
  queueTask(() => {
    end.isScheduled = false;
    const message = end.isStarted ? end.waiting.shift() : undefined;
    if (message === undefined) return;
    schedule(end);
    const event = new MessageEvent("message", { data: message.data, ports: message.ports });
    dispatchingOf(event).isTrusted = true;
    dispatch(end.port, event);
  });
}

export class MessageChannel {
  readonly #ports = makePorts();
  get port1(): MessagePort {
    return this.#ports[0];
  }
  get port2(): MessagePort {
    return this.#ports[1];
  }
}
asInterface("MessageChannel", MessageChannel);
