import { Decimal } from "decimal.js";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const Precise = Decimal.clone({ precision: 30 });
  return {
    sum: new Precise("0.1").plus("0.2").toString(),
    root: new Precise(2).sqrt().toString(),
    rounded: new Precise("2.345").toFixed(2),
  };
});
