// The fuzzer of a Redis server's replies: once with a seed that stays, once with a fresh one; and with readers that have a
// fault, which it must find within the same bound.
import t from "tap";
import { makeReplyReader, type Reply } from "../../runtime/adapters/issuers/redis-reply.ts";
import { makeReplyFuzzer, replyFuzzer } from "./replies.ts";

const bound = { cases: 2_000, withinMs: 20_000 };
const fresh = 1 + (Date.now() % 1_000_000);
const fixed = 20_261_125;

t.test("nothing that the fuzzer makes breaks a property", async (t) => {
  t.comment(`fresh seed ${fresh}`);
  for (const seed of [fixed, fresh]) {
    const { cases } = await replyFuzzer.run({ ...bound, seed });
    t.ok(cases > 100, `seed ${seed}: ${cases} cases`);
  }
});

const asText = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(/\{"base64":"[^"]*"\}/g, '"\ufffd"'));

const faulty: [fault: string, open: () => ReturnType<typeof makeReplyReader>][] = [
  [
    "forgets what came before a cut",
    () => {
      let reader = makeReplyReader();
      return {
        read(bytes) {
          const replies = reader.read(bytes);
          if (replies.length === 0 && bytes.length > 0) reader = makeReplyReader();
          return replies;
        },
      };
    },
  ],
  [
    "throws what is no ReplyGarbage",
    () => {
      const { read } = makeReplyReader();
      return {
        read(bytes) {
          try {
            return read(bytes);
          } catch {
            throw new TypeError("oops");
          }
        },
      };
    },
  ],
  [
    "takes all bytes for text",
    () => {
      const { read } = makeReplyReader();
      return { read: (bytes) => asText(read(bytes)) as Reply[] };
    },
  ],
];

for (const [fault, open] of faulty) {
  t.test(`a reader that ${fault} is found`, async (t) => {
    await t.rejects(makeReplyFuzzer(open).run({ ...bound, seed: fixed }));
  });
}
