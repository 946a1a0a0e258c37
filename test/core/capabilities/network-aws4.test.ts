// AWS signatures at egress: AWS's own published examples, the server's side of the same description, and everything that
// must not be signed.
import t from "tap";
import type { SealedCredential } from "../../../runtime/core/capabilities/credential.ts";
import type { Asked, HeaderField } from "../../../runtime/core/capabilities/network-asked.ts";
import { askedOf } from "../../../runtime/core/capabilities/network-asked.ts";
import { signAws4 } from "../../../runtime/core/capabilities/network-aws4.ts";
import { verifySignature } from "../../../runtime/testkit/aws-signature.ts";
import { denies, makeWorld, PUBLIC, type WorldParts } from "./egress-world.ts";

const keys = {
  kind: "aws",
  accessKeyId: "ASIALEASE",
  secretAccessKey: "the-lease's-secret",
  sessionToken: "tok/en==",
} as const;

function asked(method: string, url: string, headers: HeaderField[] = [], body?: string): Asked {
  const bytes = body === undefined ? null : { kind: "inline" as const, bytes: Buffer.from(body) };
  return askedOf(method, new URL(url), headers, bytes);
}

t.test("AWS's published examples come out as published", async (t) => {
  const suite = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
  const s3 = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const service = { aws4: { region: "us-east-1", service: "service" } };
  const bucket = { aws4: { region: "us-east-1", service: "s3" } };
  const [in2015, in2013] = [Date.UTC(2015, 7, 30, 12, 36), Date.UTC(2013, 4, 24)];
  const cases: [string, string][] = [
    ["GET https://example.amazonaws.com/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "GET https://example.amazonaws.com/?Param2=value2&Param1=value1",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    ["POST https://example.amazonaws.com/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  ];
  const signature = async (...args: Parameters<typeof signAws4>) =>
    /Signature=([0-9a-f]{64})$/.exec(
      (await signAws4(...args)).find(([name]) => name === "authorization")?.[1] ?? "",
    )?.[1];
  for (const [line, expected] of cases) {
    const [method = "", url = ""] = line.split(" ");
    const key = { kind: "aws", ...suite, sessionToken: "" } as const;
    t.equal(await signature(service, key, asked(method, url), in2015), expected, line);
  }
  const form = asked(
    "POST",
    "https://example.amazonaws.com/",
    [["content-type", "application/x-www-form-urlencoded"]],
    "Param1=value1",
  );
  t.equal(
    await signature(service, { kind: "aws", ...suite, sessionToken: "" }, form, in2015),
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    "a form's body and its content-type",
  );
  for (const [query, expected] of [
    ["lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
    ["max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"],
  ]) {
    const request = asked("GET", `https://examplebucket.s3.amazonaws.com/?${query}`);
    t.equal(
      await signature(bucket, { kind: "aws", ...s3, sessionToken: "" }, request, in2013),
      expected,
      `S3: ${query}`,
    );
  }
});

const placeholder = "mayfly-sealed-00ff";
const host = "data.s3.test";

function sealedFor(place = { aws4: { region: "eu-central-1", service: "s3" } }) {
  const state = { live: true, uses: 0 };
  const sealed: SealedCredential = {
    ...{ placeholder, place, hosts: [host, "127.0.0.1:7480"], requests: null, perRequest: 1 },
    reveal: () => (state.live ? JSON.stringify(keys) : undefined),
    key: () => (state.live ? keys : undefined),
    isExpired: () => false,
    wasFetched: () => state.live,
    use: () => {
      state.uses += 1;
    },
  };
  return { sealed, state };
}

/** As an SDK sends it: signed with the placeholder, and with a secret of the job's own. */
function guestSigned(
  more: [string, string][] = [],
  scope = "19700101/eu-central-1/s3/aws4_request",
): [string, string][] {
  const signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date";
  return [
    ["Authorization", `AWS4-HMAC-SHA256 Credential=${placeholder}/${scope}, ${signed}, Signature=${"0".repeat(64)}`],
    ["X-Amz-Date", "19700101T000000Z"],
    ["X-Amz-Content-Sha256", "f".repeat(64)],
    ...more,
  ];
}

const parts: WorldParts = {
  allow: [`GET,PUT https://${host}/*`, "PUT http://127.0.0.1:7480/*"],
  names: { [host]: [PUBLIC] },
};

/** What the server makes of the request that went out. */
function verify(world: ReturnType<typeof makeWorld>) {
  const { target, body } = world.dials[0] ?? {};
  if (target === undefined) throw new Error("nothing was dialled");
  const port = target.port === (target.scheme === "https" ? 443 : 80) ? "" : `:${target.port}`;
  const headers = { ...Object.fromEntries(target.headers), host: `${target.host}${port}` };
  const request = { method: target.method, target: target.path, headers, body: body ?? new Uint8Array(0) };
  const { secretAccessKey, sessionToken } = keys;
  const find = (id: string) => (id === keys.accessKeyId ? { secretAccessKey, sessionToken } : undefined);
  return verifySignature(request, find, world.clock.nowMs());
}

t.test("the job's signature goes, ours comes, and the server verifies the request that went out", async (t) => {
  const requests: [string, Parameters<ReturnType<typeof makeWorld>["request"]>[1]][] = [
    [`https://${host}/in/a.txt`, { headers: guestSigned() }],
    [`https://${host}/in/gr%C3%BCn%20%28a%29.txt?versionId=3%2F4&list-type=2&a=2&a=1&x`, { headers: guestSigned() }],
    [
      `https://${host}/in/b`,
      {
        ...{ method: "PUT", body: "hello" },
        headers: guestSigned([
          ["Content-Type", "text/plain"],
          ["X-Amz-Meta-A", "1  2"],
        ]),
      },
    ],
    ["http://127.0.0.1:7480/in/b", { method: "PUT", body: "hello", headers: guestSigned() }],
    [`https://${host}/in/streamed`, { method: "PUT", body: "hello", sends: "stream", headers: guestSigned() }],
  ];
  for (const [url, more] of requests) {
    const { sealed, state } = sealedFor();
    const world = makeWorld({ ...parts, sealed });
    const answer = await world.request(url, more);
    t.same(verify(world), { accessKeyId: "ASIALEASE", region: "eu-central-1", service: "s3" }, url);
    t.equal(state.uses, 1);
    const sent = JSON.stringify(world.dials[0]?.target.headers);
    t.notMatch(sent, placeholder, "nothing of the job's signature");
    t.notMatch(sent, "ffffffff");
    t.notMatch(sent + JSON.stringify(answer) + JSON.stringify(world.events), keys.secretAccessKey);
    t.notMatch(JSON.stringify([answer, world.events]), keys.sessionToken, "the token goes to the server alone");
  }
});

t.test("this test's own verifier refuses what was changed after signing", async (t) => {
  const { sealed } = sealedFor();
  const world = makeWorld({ ...parts, sealed });
  await world.request(`https://${host}/in/b`, { method: "PUT", body: "hello", headers: guestSigned() });
  const dial = world.dials[0];
  if (dial === undefined) throw new Error("nothing was dialled");
  const { target } = dial;
  const changes: [string, object][] = [
    ["path", { path: "/out/b" }],
    ["query", { path: "/in/b?acl" }],
    ["method", { method: "GET" }],
    ["host", { host: "other.s3.test" }],
    ["a field", { headers: [...target.headers, ["x-amz-acl", "public-read"]] }],
  ];
  for (const [name, change] of changes) {
    dial.target = { ...target, ...change } as typeof target;
    t.throws(() => verify(world), { code: "SignatureDoesNotMatch" }, name);
  }
  dial.target = target;
  dial.body = Buffer.from("hullo");
  t.throws(() => verify(world), { code: "XAmzContentSHA256Mismatch" }, "the body");
});

t.test("what can't be signed without guessing is refused, unused and undialled", async (t) => {
  const s3 = (url: string, more: Parameters<ReturnType<typeof makeWorld>["request"]>[1] = {}) =>
    [url, { headers: guestSigned(), ...more }] as const;
  const chunked = (how: string) =>
    guestSigned().map(([n, v]) => (n === "X-Amz-Content-Sha256" ? [n, how] : [n, v]) as [string, string]);
  const cases: [string, RegExp, readonly [string, object]][] = [
    ["a presigned query", /URL itself a credential/, s3(`https://${host}/in/a?X-Amz-Signature=${"0".repeat(64)}`)],
    ["a presigned query, in small letters", /URL itself/, s3(`https://${host}/in/a?x-amz-expires=60`)],
    ["a path that servers spell anew", /send \/in\/it%27s/, s3(`https://${host}/in/it's`)],
    ["small hex digits in the path", /send \/in\/%C3%BC/, s3(`https://${host}/in/%c3%bc`)],
    ["a plus in the query", /%20 or %2B/, s3(`https://${host}/in/a?prefix=a+b`)],
    [
      "another service",
      /for sts in eu-central-1/,
      s3(`https://${host}/a`, { headers: guestSigned([], "19700101/eu-central-1/sts/aws4_request") }),
    ],
    [
      "another region",
      /for s3 in us-east-1/,
      s3(`https://${host}/a`, { headers: guestSigned([], "19700101/us-east-1/s3/aws4_request") }),
    ],
    [
      "pieces signed by the job",
      /one by one/,
      s3(`https://${host}/in/a`, { method: "PUT", body: "x", headers: chunked("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") }),
    ],
    [
      "a stream in the clear",
      /over https only/,
      s3("http://127.0.0.1:7480/a", { method: "PUT", body: "x", sends: "stream" }),
    ],
  ];
  for (const [name, says, [url, more]] of cases) {
    const { sealed, state } = sealedFor();
    const error = await denies(t, { ...parts, sealed }, "credential_place", url, more);
    t.match(error.message, says, name);
    t.equal(state.uses, 0, "a use is counted when it is one");
  }
  const { sealed } = sealedFor({ aws4: { region: "eu-central-1", service: "execute-api" } });
  const headers = guestSigned([], "19700101/eu-central-1/execute-api/aws4_request");
  const error = await denies(t, { ...parts, sealed }, "credential_place", `https://${host}/a`, {
    ...{ method: "PUT", body: "x", sends: "stream", headers },
  });
  t.match(error.message, /can't be signed for execute-api/);
});

t.test("a trailing checksum over unsigned pieces goes as it is, over https", async (t) => {
  const { sealed } = sealedFor();
  const world = makeWorld({ ...parts, sealed });
  const how = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const headers = guestSigned().map(([n, v]) => (n === "X-Amz-Content-Sha256" ? [n, how] : [n, v]) as [string, string]);
  await world.request(`https://${host}/in/a`, { method: "PUT", body: "5\r\nhello\r\n0\r\n", headers });
  t.same(
    world.dials[0]?.target.headers.find(([name]) => name === "x-amz-content-sha256"),
    ["x-amz-content-sha256", how],
  );
});

t.test(
  "the placeholder is good nowhere else, and for no other host; the refusal says what would allow it",
  async (t) => {
    const { sealed } = sealedFor();
    const world = {
      ...parts,
      allow: [...parts.allow, "GET https://other.s3.test/*"],
      names: { ...parts.names, "other.s3.test": [PUBLIC] },
      sealed,
    };
    await denies(t, world, "credential_place", "https://other.s3.test/a", { headers: guestSigned() });
    await denies(t, world, "credential_place", `https://${host}/a`, {
      headers: [["Authorization", `Bearer ${placeholder}`]],
    });
    await denies(t, world, "credential_place", `https://${host}/a?AWSAccessKeyId=${placeholder}`);
    const bearer = sealedFor();
    const header: SealedCredential = { ...bearer.sealed, place: { header: "authorization" } };
    const error = await denies(t, { ...parts, sealed: header }, "credential_place", `https://${host}/a`, {
      headers: guestSigned(),
    });
    t.equal(error.remedy, 'credential.place: { aws4: { region: "eu-central-1", service: "s3" } }');
  },
);

t.test("after the end of the lease nothing is signed any more", async (t) => {
  const { sealed, state } = sealedFor();
  state.live = false;
  await denies(t, { ...parts, sealed }, "ended", `https://${host}/in/a`, { headers: guestSigned() });
});
