import { BigNumber } from "bignumber.js";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  power: new BigNumber(2).pow(128).toFixed(),
  shown: new BigNumber("1234567.891").toFormat(2),
  hex: new BigNumber("ff", 16).toString(2),
}));
