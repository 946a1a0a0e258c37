// One refusal, told to everybody in the same words: the job's author sees it in the error and while the run goes on, the
// operator in the run's record, in `run-show` and in the audit. Through the real command line.
import t from "tap";
import type { Denial } from "../../runtime/model/run.ts";
import { configOf, makeProject, mayfly, recordOf } from "../support/cli.ts";

const network = 'network: { allow: ["GET http://127.0.0.1:9/v1/*"] }, limits: { requests: 1 }';
const said = `(error) => ({ code: error.code, message: error.message })`;
const job = `return {
  network: await fetch("http://127.0.0.1:9/v2/orders?token=secret").catch(${said}),
  userinfo: await fetch("http://u:p@127.0.0.1:9/v1/a").catch(${said}),
  files: await files.write("/../x", "x").catch(${said}),
  credential: await credential.fetch().catch(${said}),
};`;

interface Wanted {
  capability: string;
  code: string;
  target: string;
  nearest?: string;
  remedy?: string;
}

const wanted: Record<string, Wanted> = {
  network: {
    capability: "http.request",
    code: "not_allowed",
    target: "GET http://127.0.0.1:9/v2/orders",
    nearest: 'network.allow "GET http://127.0.0.1:9/v1/*"',
    remedy: 'network.allow: ["GET http://127.0.0.1:9/v2/*"]',
  },
  files: { capability: "files.write", code: "path", target: "/../x" },
  credential: {
    capability: "credential.fetch",
    code: "grant",
    target: "",
    remedy: 'credential: { issuer: …, scope: […], ttl: "5m", purpose: … } in jobs.asks',
  },
};

t.test("code, target, nearest grant and remedy: in the error, the record, run-show and the audit", async (t) => {
  const project = await makeProject(t, { config: configOf({ asks: network }), jobs: { asks: job } });
  const ended = await mayfly(t, project, ["run", "asks", "--json"]);
  const record = recordOf(ended);
  const errors = record.result as Record<string, { code: string; message: string }>;
  const shown = await mayfly(t, project, ["run-show", record.id]);
  const json = JSON.parse((await mayfly(t, project, ["run-show", record.id, "--json"])).stdout) as {
    denials: Denial[];
  };
  const log = (await mayfly(t, project, ["audit", "list", "--json"])).stdout.trim().split("\n");
  t.match(errors.userinfo, { message: /credentials/ }, "fetch takes no URL with a password: nothing is asked for");
  const denied = log.map((line) => JSON.parse(line).event).filter(({ type }) => type === "deny");
  for (const [name, each] of Object.entries(wanted)) {
    t.match(errors[name], { code: each.code }, name);
    if (each.nearest !== undefined)
      t.ok(errors[name]?.message.includes(each.nearest), `${name}: the author's error has the nearest grant`);
    if (each.remedy !== undefined) {
      t.ok(errors[name]?.message.includes(each.remedy), `${name}: and the line to add`);
      t.ok(ended.stderr.includes(each.remedy), `${name}: so has the run's progress`);
      t.ok(shown.stdout.includes(`to allow  ${each.remedy}`), `${name}: and run-show`);
    }
    if (each.nearest !== undefined)
      t.ok(shown.stdout.includes(each.nearest), `${name}: run-show has the nearest grant`);
    t.ok(shown.stdout.includes(`[${each.code}]`), `${name}: run-show has the code`);
    const fits = (event: Partial<Wanted>) => event.code === each.code && event.capability === each.capability;
    t.match(record.denials.find(fits), each, `${name}: the record`);
    t.match(json.denials.find(fits), each, `${name}: run-show --json`);
    t.match(denied.filter(fits), [each], `${name}: the audit, once`);
  }
  t.equal(denied.length, Object.keys(wanted).length);
  t.notMatch(ended.stderr + shown.stdout + log.join(), /token=secret|u:p@/, "no query and no password anywhere");
});
