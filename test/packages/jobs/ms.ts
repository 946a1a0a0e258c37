import { defineJob } from "mayfly";
import ms from "ms";

export default defineJob(() => [ms("2.5 hrs"), ms(90_000), ms(90_000, { long: true })]);
