import Big from "big.js";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  total: [19.99, 5.01, 0.1].reduce((sum, each) => sum.plus(each), new Big(0)).toFixed(2),
  share: new Big(100).div(3).round(2, Big.roundDown).toString(),
}));
