// Kinds that misuse the bridge: log, files, network, credential, and arguments of every shape.
import { holding } from "../limits/attack.ts";
import { type Kind, pick } from "./kind.ts";

const loopback = [
  "127.0.0.1",
  "127.1",
  "0177.0.0.1",
  "0x7f.1",
  "2130706433",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "localhost",
  "localhost.",
  "①②⑦.0.0.1",
  "169.254.169.254",
  "[fd00:ec2::254]",
  "0",
];
const traversals = [
  "../../etc/passwd",
  "/output/../../../etc/passwd",
  "/proc/self/environ",
  "/dev/zero",
  "\\\\host\\share",
  "/output/%2e%2e/x",
  "file:///etc/passwd",
  "/output/a\u0000b",
  "/output/....//....//x",
  "C:\\x",
  `/output/${"a/".repeat(40)}`,
  `/output/${"n".repeat(300)}`,
];

const logs: Kind[] = [
  {
    name: "log-flood",
    body: "for (;;) console.log('x'.repeat(c.input));",
    input: (random) => random.below(5_000),
    endsBy: ["logs", "calls", "cpu", "memory"],
  },
  { name: "log-of-nothing", body: "for (;;) c.log.info('');", endsBy: ["logs", "calls", "cpu", "memory"] },
  {
    name: "log-line",
    body: "let s = 'x'.repeat(1 << 16); for (;;) { s += s; console.log(s); }",
    endsBy: ["logs", "memory", "cpu", "job_threw", "calls"],
  },
  {
    name: "log-tricks",
    body: "for (let i = 0; i < 300; i++) { console.log('\\u001b]52;c;' + i + '\\r\\n\\u2028', { [Symbol.for('nodejs.util.inspect.custom')]() { throw 1; } }); console.error('%s%d%j', {}, Symbol('x')); } return 1;",
    endsBy: ["ok", "job_threw"],
  },
];

const calls: Kind[] = [
  { name: "call-flood", body: "for (;;) c.files.stat('/').catch(() => {});", endsBy: ["calls", "memory", "cpu"] },
  {
    name: "call-flood-awaited",
    body: "for (;;) await c.files.stat('/output').catch(() => {});",
    endsBy: ["calls", "cpu"],
  },
  {
    name: "content-flood",
    body: "const big = new Uint8Array(1 << 20); for (;;) c.files.write('/output/a', big).catch(() => {});",
    endsBy: ["calls", "memory", "cpu"],
    wallMs: 300,
  },
  {
    name: "odd-arguments",
    body: `const odd = [undefined, null, 1, 1n, Symbol("s"), {}, [], () => {}, new Proxy({}, { get() { throw new Error("trap"); } }),
      { get path() { return Math.random(); } }, { toString() { return "/output/x"; } }, Object.create(null), new Date(NaN), "\\ud800", "x".repeat(1e5), new Uint8Array(3), Promise.resolve("/x")];
    for (let i = 0; i < 12; i++) {
      const a = odd[(c.input + i) % odd.length], b = odd[(c.input * 7 + i * 3) % odd.length];
      for (const call of [() => c.files.read(a), () => c.files.write(a, b), () => c.files.list(a), () => c.files.remove(a), () => c.fetch(a, b), () => c.log.info(a, b), () => console.table?.(a)]) {
        try { await call(); } catch {}
      }
    }
    return 1;`,
    input: (random) => random.below(1_000),
    endsBy: ["ok", "memory", "cpu", "logs"],
  },
];

const files: Kind[] = [
  {
    name: "traversal",
    body: "const codes = []; for (const path of c.input) for (const op of ['read', 'list', 'stat', 'remove']) { try { if (((await c.files[op](path)) ?? null) !== null) codes.push(op + path); } catch (e) { codes.push(e.code); } } if (codes.some((x) => /passwd|environ/.test(x))) throw new Error('reached'); return codes.length;",
    input: (random) => Array.from({ length: 6 }, () => pick(random, traversals)),
    endsBy: ["ok"],
  },
  {
    name: "file-bytes",
    body: "for (let i = 0; ; i++) await c.files.append('/output/f' + (i % 5), new Uint8Array(c.input));",
    input: (random) => 1 + random.below(300_000),
    endsBy: ["job_threw", "calls", "cpu", "memory"],
  },
  {
    name: "file-entries",
    body: "for (let i = 0; ; i++) await c.files.write('/output/' + i, '');",
    endsBy: ["job_threw", "calls", "cpu"],
  },
  {
    name: "file-depth",
    body: "let p = '/output'; for (;;) { p += '/d'; await c.files.mkdir(p); }",
    endsBy: ["job_threw", "calls", "cpu"],
  },
];

const network: Kind[] = [
  {
    name: "denied-hosts",
    body: "let denied = 0; for (const host of c.input) for (const scheme of ['http', 'https', 'ftp', 'file']) { try { await c.fetch(scheme + '://' + host + '/'); } catch { denied++; } } if (denied !== c.input.length * 4) throw new Error('reached'); return denied;",
    input: (random) =>
      Array.from({ length: 5 }, () => `${pick(random, loopback)}${pick(random, ["", ":22", ":0", ":65536"])}`),
    endsBy: ["ok", "memory"],
  },
  {
    name: "fetch-flood",
    body: "for (;;) c.fetch('http://nobody.example/' + Math.random()).catch(() => {});",
    endsBy: ["calls", "memory", "cpu"],
  },
  {
    name: "slow-server",
    body: "await c.fetch(c.input).then((r) => r.text()); return 1;",
    input: (random) => `http://server.test/${pick(random, ["never", "drip", "half"])}`,
    endsBy: ["job_threw", "ok"],
  },
  {
    name: "large-answer",
    body: "await c.fetch('http://server.test/large').then((r) => r.text()); return 1;",
    endsBy: ["job_threw", "memory", "ok"],
  },
  {
    name: "unread-answers",
    body: "const kept = []; for (let i = 0; i < c.input; i++) kept.push(await c.fetch('http://server.test/large').catch((e) => e)); return kept.length;",
    input: (random) => 1 + random.below(6),
    endsBy: ["ok", "memory", "job_threw"],
  },
  {
    name: "redirects",
    body: "await c.fetch('http://server.test/redirect').then((r) => r.text()); return 1;",
    endsBy: ["job_threw"],
  },
  {
    name: "request-bodies",
    body: "for (let i = 0; ; i++) await c.fetch('http://server.test/take', { method: 'POST', body: new Uint8Array(c.input) });",
    input: (random) => random.below(3_000_000),
    endsBy: ["job_threw", "memory", "calls", "cpu"],
  },
  {
    name: "abandoned-requests",
    body: "for (let i = 0; i < 40; i++) c.fetch('http://server.test/never').catch(() => {}); return 1;",
    endsBy: ["ok"],
  },
];

const credential: Kind[] = [
  { name: "credential-then-loop", body: holding("for (;;);"), endsBy: ["cpu"], wallMs: 150 },
  {
    name: "credential-killed",
    body: holding("await new Promise(() => {});"),
    endsBy: ["killed"],
    killAfterMs: (random) => random.below(60),
  },
  {
    name: "credential-flood",
    body: "for (let i = 0; i < c.input; i++) c.credential.fetch().catch(() => {}); throw new Error('gone');",
    input: (random) => 1 + random.below(300),
    endsBy: ["job_threw"],
  },
  { name: "credential-crash", body: holding("'a'.repeat(2 ** 28).split('');"), endsBy: ["memory", "crash", "cpu"] },
];

const withCredential = (kinds: readonly Kind[]) =>
  kinds.map((kind) => ({ ...kind, job: { ...kind.job, credential: true } }));

export const asking: readonly Kind[] = [...logs, ...calls, ...files, ...network, ...withCredential(credential)];
