// What the executor computes for its own guest, without the supervisor: what Node has natively and the isolate lacks.
// No authority is in it (no file, no network, no clock but what V8 gives), so nothing is decided here; what is bounded is
// what one call may take, and how many are under way. It counts as the run's own CPU time and memory, which are watched
// from outside: a service that never returns ends with the run.
//
//   at once   by `compute`: the guest waits, as for any built-in
//   later     by `computeLater`: the answer comes as a reply, when Node's threads have it
//
// A failure is a name and a text, never Node's error: that has a stack of the host's.
import { type ServiceArguments, type ServiceError, servicesAtOnceMax } from "../protocol/services.ts";

export interface ServiceAnswer {
  value: unknown;
  bytes?: Uint8Array;
}

export type Service = (args: ServiceArguments, bytes: Uint8Array) => ServiceAnswer;
export type LaterService = (args: ServiceArguments, bytes: Uint8Array) => Promise<ServiceAnswer>;

export interface Services {
  atOnce: Readonly<Record<string, Service>>;
  later: Readonly<Record<string, LaterService>>;
  /** Lets go of all that was kept for a guest: it has ended. */
  forget?(): void;
}

export function mergeServices(...all: readonly Services[]): Services {
  return {
    atOnce: Object.assign({}, ...all.map(({ atOnce }) => atOnce)),
    later: Object.assign({}, ...all.map(({ later }) => later)),
    forget: () => {
      for (const { forget } of all) forget?.();
    },
  };
}

const none: Uint8Array = new Uint8Array(0);

/** The answer as the guest reads it (guest/services.ts): the length of a JSON text, the text, and a code unit for each byte. */
export function computeAtOnce(services: Services, request: string, bytes: string): string {
  const { name, args } = parseRequest(request);
  let header: object;
  let body: Uint8Array = none;
  try {
    const service = own(services.atOnce, name);
    const answer = service(args, bytesOf(bytes));
    header = { value: answer.value };
    body = answer.bytes ?? none;
  } catch (thrown) {
    header = { error: describe(thrown) };
  }
  const text = JSON.stringify(header);
  return `${text.length}:${text}${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1")}`;
}

export type Reply = (header: { id: number } & Record<string, unknown>, body: Uint8Array) => void;

/** Takes requests that are answered later; beyond `servicesAtOnceMax` of them it refuses, since the guest has a queue. */
export function makeLater(services: Services, reply: Reply): (request: string, bytes: string) => void {
  let underWay = 0;
  return (request, bytes) => {
    const { id, name, args } = parseRequest(request);
    const answer = async (): Promise<ServiceAnswer> => {
      if (underWay > servicesAtOnceMax) throw new RangeError(`more than ${servicesAtOnceMax} computations at once`);
      return own(services.later, name)(args, bytesOf(bytes));
    };
    underWay += 1;
    answer()
      .then(
        ({ value, bytes: body }) => reply({ id, ok: true, value }, body === undefined ? none : movable(body)),
        (thrown: unknown) => {
          const { name: code, message } = describe(thrown);
          reply({ id, ok: false, error: { code, message } }, none);
        },
      )
      .finally(() => {
        underWay -= 1;
      });
  };
}

// The whole of its buffer is moved to the guest. Node's own are often parts of larger ones, and of some that can't be moved:
// to try ends the process.
function movable(body: Uint8Array): Uint8Array {
  const isWhole = body.length === body.buffer.byteLength && !Buffer.isBuffer(body);
  return isWhole ? body : new Uint8Array(body);
}

function parseRequest(request: string): { id: number; name: string; args: ServiceArguments } {
  const { id, name, args } = JSON.parse(request) as { id?: number; name?: string; args?: ServiceArguments };
  return { id: Number(id ?? 0), name: String(name), args: args ?? {} };
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) throw new TypeError("no such service");
  return found;
}

// Frames carry bytes that are nobody else's, and so does this.
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  Buffer.from(bytes.buffer).write(text, "latin1");
  return bytes;
}

const errorCharsMax = 400;

function describe(thrown: unknown): ServiceError {
  const error = thrown instanceof Error ? thrown : new Error("failed");
  const code = (error as { code?: unknown }).code;
  return {
    name: String(error.name).slice(0, 64),
    message: String(error.message).slice(0, errorCharsMax),
    ...(typeof code === "string" ? { code: code.slice(0, 64) } : {}),
  };
}
