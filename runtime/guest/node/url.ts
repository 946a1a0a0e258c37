// node:url: the web's URL beside the older functions, which are npm's url.

import punycode from "punycode/punycode.js";
import legacy from "url/url.js";
import { nodeError, wrongType } from "./errors.ts";
import { type URLLike, web } from "./web.ts";

function domainToASCII(domain: string): string {
  const url = web.URL.canParse(`ws://${domain}`) ? new web.URL(`ws://${domain}`) : undefined;
  return url?.hostname ?? "";
}

function requireFileUrl(value: string | URLLike): URLLike {
  if (typeof value !== "string" && !(value instanceof web.URL))
    throw wrongType("path", "of type string or an instance of URL", value);
  const url = typeof value === "string" ? new web.URL(value) : value;
  if (url.protocol !== "file:") throw nodeError(TypeError, "ERR_INVALID_URL_SCHEME", "The URL must be of scheme file");
  return url;
}

export function fileURLToPath(value: string | URLLike): string {
  const { hostname, pathname } = requireFileUrl(value);
  if (hostname !== "")
    throw nodeError(TypeError, "ERR_INVALID_FILE_URL_HOST", 'File URL host must be "localhost" or empty on linux');
  if (/%2f/i.test(pathname))
    throw nodeError(TypeError, "ERR_INVALID_FILE_URL_PATH", "File URL path must not include encoded / characters");
  return decodeURIComponent(pathname);
}

export function pathToFileURL(path: string): URLLike {
  const absolute = path.startsWith("/") ? path : `/${path}`;
  const escaped = absolute.replace(/[%\\\n\r\t?#]/g, (character) => encodeURIComponent(character));
  return new web.URL(`file://${escaped}`);
}

export function urlToHttpOptions(url: URLLike): Record<string, unknown> {
  const { hostname, port, username, password } = url;
  return {
    __proto__: null,
    protocol: url.protocol,
    hostname: hostname.startsWith("[") ? hostname.slice(1, -1) : hostname,
    hash: url.hash,
    search: url.search,
    pathname: url.pathname,
    path: `${url.pathname}${url.search}`,
    href: url.href,
    ...(port === "" ? {} : { port: Number(port) }),
    ...(username || password ? { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` } : {}),
  };
}

interface FormatOptions {
  auth?: boolean;
  fragment?: boolean;
  search?: boolean;
  unicode?: boolean;
}

function format(url: unknown, options: FormatOptions = {}): string {
  if (!(url instanceof web.URL)) return legacy.format(url);
  const { auth = true, fragment = true, search = true, unicode = false } = options;
  const copy = new web.URL(url.href);
  if (!auth) Object.assign(copy, { username: "", password: "" });
  if (!fragment) copy.hash = "";
  if (!search) copy.search = "";
  return unicode ? copy.href.replace(copy.hostname, punycode.toUnicode(copy.hostname)) : copy.href;
}

export default {
  parse: legacy.parse,
  resolve: legacy.resolve,
  resolveObject: legacy.resolveObject,
  Url: legacy.Url,
  format,
  domainToASCII,
  domainToUnicode: (domain: string) => punycode.toUnicode(domainToASCII(domain)),
  fileURLToPath,
  pathToFileURL,
  urlToHttpOptions,
  get URL() {
    return web.URL;
  },
  get URLSearchParams() {
    return web.URLSearchParams;
  },
};
