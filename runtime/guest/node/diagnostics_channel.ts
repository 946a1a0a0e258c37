// node:diagnostics_channel: messages by name within one bundle.

type Name = string | symbol;
type Subscriber = (message: unknown, name: Name) => void;

class Channel {
  readonly name: Name;
  #subscribers: Subscriber[] = [];

  constructor(name: Name) {
    this.name = name;
  }
  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0;
  }
  subscribe(subscriber: Subscriber): void {
    this.#subscribers = [...this.#subscribers, subscriber];
  }
  unsubscribe(subscriber: Subscriber): boolean {
    const before = this.#subscribers;
    this.#subscribers = before.filter((each) => each !== subscriber);
    return this.#subscribers.length < before.length;
  }
  publish(message: unknown): void {
    for (const subscriber of this.#subscribers) subscriber(message, this.name);
  }
  bindStore(): void {}
  unbindStore(): boolean {
    return false;
  }
  runStores<T>(message: unknown, callback: (...args: never[]) => T, self?: unknown, ...args: unknown[]): T {
    this.publish(message);
    return Reflect.apply(callback, self, args as never);
  }
}

const channels = new Map<Name, Channel>();

function channel(name: Name): Channel {
  const known = channels.get(name) ?? new Channel(name);
  channels.set(name, known);
  return known;
}

const moments = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
type Moment = (typeof moments)[number];
type Func = (...args: never[]) => unknown;

class TracingChannel {
  readonly start: Channel;
  readonly end: Channel;
  readonly asyncStart: Channel;
  readonly asyncEnd: Channel;
  readonly error: Channel;

  constructor(name: string | Record<Moment, Channel>) {
    const of = (moment: Moment) => (typeof name === "string" ? channel(`tracing:${name}:${moment}`) : name[moment]);
    this.start = of("start");
    this.end = of("end");
    this.asyncStart = of("asyncStart");
    this.asyncEnd = of("asyncEnd");
    this.error = of("error");
  }
  get hasSubscribers(): boolean {
    return moments.some((moment) => this[moment].hasSubscribers);
  }
  subscribe(subscribers: Partial<Record<Moment, Subscriber>>): void {
    for (const moment of moments) if (subscribers[moment]) this[moment].subscribe(subscribers[moment]);
  }
  unsubscribe(subscribers: Partial<Record<Moment, Subscriber>>): boolean {
    return moments.every((moment) => !subscribers[moment] || this[moment].unsubscribe(subscribers[moment]));
  }
  traceSync(callback: Func, message: Record<string, unknown> = {}, self?: unknown, ...args: unknown[]): unknown {
    this.start.publish(message);
    try {
      message.result = Reflect.apply(callback, self, args as never);
      return message.result;
    } catch (error) {
      message.error = error;
      this.error.publish(message);
      throw error;
    } finally {
      this.end.publish(message);
    }
  }
  tracePromise(callback: Func, message: Record<string, unknown> = {}, self?: unknown, ...args: unknown[]): unknown {
    const settled = (kind: "result" | "error") => (value: unknown) => {
      message[kind] = value;
      if (kind === "error") this.error.publish(message);
      this.asyncStart.publish(message);
      this.asyncEnd.publish(message);
    };
    const promise = Promise.resolve(this.traceSync(callback, message, self, ...args));
    promise.then(settled("result"), settled("error"));
    return promise;
  }
  traceCallback(callback: Func, _position = -1, message = {}, self?: unknown, ...args: unknown[]): unknown {
    return this.traceSync(callback, message, self, ...args);
  }
}

export default {
  channel,
  hasSubscribers: (name: Name) => channels.get(name)?.hasSubscribers ?? false,
  subscribe: (name: Name, subscriber: Subscriber) => channel(name).subscribe(subscriber),
  unsubscribe: (name: Name, subscriber: Subscriber) => channel(name).unsubscribe(subscriber),
  tracingChannel: (name: string | Record<Moment, Channel>) => new TracingChannel(name),
  Channel,
};
