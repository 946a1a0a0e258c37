// URL and URLSearchParams: whatwg-url, the specification's reference implementation.

import { URL as WrapperURL, URLSearchParams as WrapperURLSearchParams } from "whatwg-url/webidl2js-wrapper.js";
import { addInterface } from "./webidl.ts";

interface Wrapper {
  install(target: object, names: string[]): void;
}

const installed: { URL?: unknown; URLSearchParams?: unknown } = {};
const target = Object.assign(installed, { Array, Object, Promise, String, TypeError, Function });
(WrapperURL as Wrapper).install(target, ["Window"]);
(WrapperURLSearchParams as Wrapper).install(target, ["Window"]);

/** What the rest of the guest uses of it. */
export interface GuestURL {
  readonly href: string;
  toString(): string;
}

export const URL = installed.URL as new (url: string, base?: string) => GuestURL;
export const URLSearchParams = installed.URLSearchParams as new (init?: unknown) => { toString(): string };
for (const each of [URL, URLSearchParams]) addInterface(each);
