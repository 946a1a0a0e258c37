// Why a test doesn't pass, for all that don't: the groups that docs/web-platform.md shows. What belongs to none of them is
// for somebody to look at.
import type { Failure } from "./report.ts";

export interface Reason {
  /** Of `<file> <name of the test>`. */
  tests: RegExp;
  /** What isn't there. */
  what: string;
  why: string;
}

export const reasons: readonly Reason[] = [
  {
    tests: /^encoding\/(?:replacement|unsupported)-encodings\.any\.js /,
    what: "encodings, as `XMLHttpRequest` decodes them",
    why: "it is no part of ECMA-429; `fetch` and `TextDecoder` are there",
  },
  {
    tests: /^streams\/readable-streams\/owning-type/,
    what: 'streams of type "owning", `VideoFrame`',
    why: "a proposal that is not in the standard",
  },
  {
    tests: /^urlpattern\/urlpattern-(?:compare|generate)\.tentative/,
    what: "`URLPattern.compareComponent`, `generate`",
    why: "proposals; patterns are computed by Node, which hasn't got them",
  },
  {
    tests:
      /^wasm\/jsapi\/(?:function|global|memory|table|tag)\/(?:call|constructor|constructor-types|table|type)\.tentative/,
    what: "WebAssembly's type reflection: `WebAssembly.Function`, `type()`, `minimum`",
    why: "a proposal that V8 has behind a flag",
  },
  {
    tests: /^wasm\/jsapi\/exception\/getArg\.tentative/,
    what: "the kind of error for an argument of an exception that isn't there",
    why: "V8's own",
  },
  {
    tests: /^wasm\/jsapi\/esm-integration\//,
    what: "`import` of a WebAssembly module",
    why: "a job is one script, bundled before it runs; `WebAssembly.instantiate` takes bytes",
  },
  {
    tests: /^wasm\/jsapi\/idlharness/,
    what: "the shape of WebAssembly's interfaces",
    why: "this copy of the tests has no `interfaces/wasm-js-api.idl`",
  },
  {
    tests: /^WebCryptoAPI\/digest\/kangarootwelve/,
    what: "KangarooTwelve with a customization of more than 512 bytes",
    why: "Node's own limit; a run's keys and digests are computed by Node",
  },
  {
    tests: /^WebCryptoAPI\/historical\.any\.js Non-secure/,
    what: "that `crypto.subtle` is absent from an insecure context",
    why: "a run has come over no network: there is one context",
  },
  {
    tests: /^dom\/abort\/timeout-shadowrealm/,
    what: "that `AbortSignal.timeout` is absent from a ShadowRealm",
    why: "a run is none",
  },
];

/** In the order of the table; a group without a failing test is left out. `others`: those without a reason. */
export function groupsOf(failures: readonly Failure[]): {
  groups: { reason: Reason; failures: Failure[] }[];
  others: Failure[];
} {
  const of = ({ file, test }: Failure) => reasons.find(({ tests }) => tests.test(`${file} ${test}`));
  const groups = reasons.map((reason) => ({ reason, failures: failures.filter((each) => of(each) === reason) }));
  return { groups: groups.filter((each) => each.failures.length > 0), others: failures.filter((each) => !of(each)) };
}
