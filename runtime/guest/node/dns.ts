// What node:dns says to whoever asks: an error, as the answer to the question. Packages ask before they connect, and expect
// their answers late. Names are resolved by the runtime, for the hosts that are granted.
import { unsupported } from "./refuse.ts";
import { web } from "./web.ts";

const names = (
  "lookup lookupService resolve resolve4 resolve6 resolveAny resolveCaa resolveCname resolveMx resolveNaptr resolveNs " +
  "resolvePtr resolveSoa resolveSrv resolveTlsa resolveTxt reverse"
).split(" ");

const instead = "the runtime resolves the names of hosts that are granted: use the context's fetch";

function answer(name: string) {
  return (...args: unknown[]): void => {
    const callback = args.at(-1);
    const error = unsupported(`dns.${name}`, instead);
    if (typeof callback !== "function") throw error;
    web.queueMicrotask(() => callback(error));
  };
}

const rejection = (name: string) => (): Promise<never> => Promise.reject(unsupported(`dns.promises.${name}`, instead));

const settings = {
  getServers: (): string[] => [],
  setServers() {},
  getDefaultResultOrder: () => "verbatim",
  setDefaultResultOrder() {},
};

function resolver(answers: Record<string, unknown>) {
  return class Resolver {
    constructor() {
      Object.assign(this, answers, settings, { cancel() {}, setLocalAddress() {} });
    }
  };
}

const answers = Object.fromEntries(names.map((name) => [name, answer(name)]));
const rejections = Object.fromEntries(names.map((name) => [name, rejection(name)]));

export const promises = { ...rejections, ...settings, Resolver: resolver(rejections) };

export default {
  ...answers,
  ...settings,
  Resolver: resolver(answers),
  promises,
  ADDRCONFIG: 32,
  V4MAPPED: 8,
  ALL: 16,
  NOTFOUND: "ENOTFOUND",
  NODATA: "ENODATA",
  SERVFAIL: "ESERVFAIL",
  TIMEOUT: "ETIMEOUT",
};
