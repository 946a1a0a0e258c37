// What the executor computes for this isolate (executor/services.ts): compression, cryptography, and other work for which
// Node has native code. At once, or later with a bounded number under way.
import { type ServiceError, servicesAtOnceMax } from "../protocol/services.ts";
import { type Answer, ask, bytesToString, tell } from "./mailbox.ts";

const { parse, stringify } = JSON;
const NativeUint8Array = Uint8Array;

/** Thrown by both ways of asking; whoever asks makes of it what its own standard says. */
export class ServiceFailure extends Error {
  readonly kind: string;
  readonly code: string | undefined;
  constructor({ name, message, code }: ServiceError) {
    super(message);
    this.kind = name;
    this.code = code;
  }
}

const errors: Readonly<Record<string, new (message: string) => Error>> = { RangeError, SyntaxError, TypeError };

/** As the error of the language's own that it was out there; `Other` for the rest. Anything else stays what it is. */
export function errorOf(thrown: unknown, Other: new (message: string) => Error): unknown {
  if (!(thrown instanceof ServiceFailure)) return thrown;
  return new (errors[thrown.kind] ?? Other)(thrown.message);
}

/** @throws ServiceFailure. */
export function compute(name: string, args: object, bytes?: Uint8Array): Answer {
  const text = tell("compute", textOf(0, name, args), bytes === undefined ? "" : bytesToString(bytes)) ?? "";
  const start = text.indexOf(":") + 1;
  const end = start + Number(text.slice(0, Math.max(0, start - 1)));
  if (start === 0) throw new ServiceFailure({ name: "OperationError", message: "the executor gave no answer" });
  const header = parse(text.slice(start, end)) as { value?: unknown; error?: ServiceError };
  if (header.error !== undefined) throw new ServiceFailure(header.error);
  const answered = new NativeUint8Array(text.length - end);
  for (let index = 0; index < answered.length; index += 1) answered[index] = text.charCodeAt(end + index);
  return { value: header.value, bytes: answered };
}

const waiting: (() => void)[] = [];
let underWay = 0;

/** Rejects with ServiceFailure. What is beyond the number at once waits here, in the job's own memory. */
export async function computeLater(name: string, args: object, bytes?: Uint8Array): Promise<Answer> {
  if (underWay >= servicesAtOnceMax) await new Promise<void>((resolve) => void waiting.push(resolve));
  underWay += 1;
  try {
    return await ask("later", (id) => textOf(id, name, args), bytes);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new ServiceFailure({ name: code ?? "OperationError", message });
  } finally {
    underWay -= 1;
    waiting.shift()?.();
  }
}

function textOf(id: number, name: string, args: object): string {
  return stringify({ __proto__: null, id, name, args });
}
