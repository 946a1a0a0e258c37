import JSON5 from "json5";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  read: JSON5.parse("{ // a comment\n unquoted: 'single', hex: 0x1F, list: [1, 2,], plus: +1, line: 'a\\\nb' }"),
  text: JSON5.stringify({ "a-b": 1, c: ["x"] }),
}));
