import { defineJob } from "mayfly";
import { customAlphabet, nanoid } from "nanoid";

export default defineJob(() => {
  const ids = new Set(Array.from({ length: 1_000 }, () => nanoid()));
  return {
    different: ids.size,
    form: [...ids].every((id) => /^[\w-]{21}$/.test(id)),
    own: /^[abc]{5}$/.test(customAlphabet("abc", 5)()),
  };
});
