import { defineJob } from "mayfly";
import { linearRegression, mean, quantile, standardDeviation } from "simple-statistics";

export default defineJob(() => {
  const values = [2, 4, 4, 4, 5, 5, 7, 9];
  return {
    mean: mean(values),
    deviation: standardDeviation(values),
    upper: quantile(values, 0.75),
    line: linearRegression([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  };
});
