import { bin, descending, extent, rollup, sum } from "d3-array";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const orders = [
    { city: "Bern", total: 10 },
    { city: "Basel", total: 7 },
    { city: "Bern", total: 5 },
  ];
  const totals = rollup(
    orders,
    (each) => sum(each, ({ total }) => total),
    ({ city }) => city,
  );
  return {
    totals: [...totals].sort(([, a], [, b]) => descending(a, b)),
    extent: extent(orders, ({ total }) => total),
    bins: bin()
      .thresholds([0, 5, 10])([1, 2, 6, 11])
      .map((each) => each.length),
  };
});
