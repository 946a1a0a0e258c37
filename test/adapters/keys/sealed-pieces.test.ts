// A sealed file by itself, without the record's digest beside it: what a piece is sealed for.
import t from "tap";
import { openPieces, sealPieces } from "../../../runtime/adapters/keys/sealed-pieces.ts";
import { secretBoxIn } from "../../support/signing-keys.ts";

const MiB = 1_048_576;

t.test(
  "[CRED-17] pieces that were cut off at a piece's end, moved or taken from another file don't open",
  async (t) => {
    const box = secretBoxIn(t.testdir());
    const seal = async (purpose: string, bytes: number): Promise<Buffer[]> => {
      const parts: Buffer[] = [];
      for await (const part of sealPieces(box, purpose, Buffer.alloc(bytes, "x"))) parts.push(Buffer.from(part));
      return parts;
    };
    const open = async (parts: readonly Buffer[], purpose = "test a"): Promise<number> => {
      const all = Buffer.concat(parts);
      const read = async (at: number, bytes: number) => all.subarray(at, at + bytes);
      let length = 0;
      for await (const piece of (await openPieces(box, purpose, { read, bytes: all.length })) ?? [])
        length += piece.length;
      return length;
    };
    const parts = await seal("test a", 3 * MiB);
    t.equal(parts.length, 1 + 3 * 2, "a head; for each piece its length and text");
    t.equal(await open(parts), 3 * MiB);
    const invalid = { code: "sealed_invalid" };
    await t.rejects(open(parts.slice(0, 5)), invalid, "the last piece cut off");
    await t.rejects(open([...parts.slice(0, 3), ...parts.slice(5)]), invalid, "one in between");
    await t.rejects(open([...parts, ...parts.slice(5)]), invalid, "the last one twice");
    await t.rejects(open([parts[0] as Buffer, ...parts.slice(3, 5), ...parts.slice(1, 3), ...parts.slice(5)]), invalid);
    await t.rejects(open(parts, "test b"), invalid, "another purpose");
    const short = await seal("test a", 2 * MiB);
    await t.rejects(
      open([...short.slice(0, 3), ...parts.slice(5)]),
      invalid,
      "the end of a longer file of the same purpose",
    );
    t.equal(await open(await seal("test a", 0)), 0);
    t.equal(await openPieces(box, "test a", { read: async () => Buffer.from("plain"), bytes: 5 }), undefined);
  },
);
