// The trivial job that the benchmark starts again and again: it computes nothing and asks for nothing.
import { defineJob } from "mayfly";

export default defineJob(() => ({ ok: true }));
