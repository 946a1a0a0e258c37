// A directory that must leave nothing behind: what it is called, and that it goes with all that was put into it.
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import t from "tap";
import { withTemporaryDirectory } from "../../../runtime/adapters/system/temporary-directory.ts";
import { makeOutside } from "../../files/outside.ts";

t.test("[FS-16] a prefix that is more than a word never reaches the disk", async (t) => {
  const hostile = ["", "..", "../x", "a/b", "a\0b", ["a"], { toString: () => "a/../b" }];
  for (const prefix of hostile) {
    const made = withTemporaryDirectory(prefix as string, async () => t.fail("it was made"));
    await t.rejects(made, { code: "internal" }, JSON.stringify(prefix));
  }
});

t.test("it is private while it is used, and gone afterwards, whatever is in it and however it ended", async (t) => {
  const outside = makeOutside(join(t.testdir({}), "outside"));
  for (const fails of [false, true]) {
    let seen = "";
    const done = withTemporaryDirectory("mayfly-test-", async (path) => {
      seen = path;
      t.match(basename(path), /^mayfly-test-/);
      t.equal(statSync(path).mode & 0o7777, 0o700);
      symlinkSync(outside.directory, join(path, "link"));
      mkdirSync(join(path, "closed/in"), { recursive: true });
      writeFileSync(join(path, "closed/in/file"), "x");
      chmodSync(join(path, "closed"), 0);
      if (fails) throw new Error("in the middle");
      return "result";
    });
    if (fails) await t.rejects(done, { message: "in the middle" });
    else t.equal(await done, "result");
    t.notOk(existsSync(seen));
  }
  t.strictSame(outside.touched(), []);
});
