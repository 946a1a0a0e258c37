import { parse, stringify } from "ini";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  read: parse(
    "; a comment\nscope = global\n[database]\nuser = ada\nports[] = 1\nports[] = 2\n[paths.default]\ntmp = /t\n",
  ),
  text: stringify({ a: "b", section: { on: true } }),
}));
