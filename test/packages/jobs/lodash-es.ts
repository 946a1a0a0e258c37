import { camelCase, chunk, debounce, groupBy, mapValues, merge, sumBy } from "lodash-es";
import { defineJob } from "mayfly";

const orders = [
  { city: "Bern", total: 10 },
  { city: "Basel", total: 7 },
  { city: "Bern", total: 5 },
];

export default defineJob(async () => {
  let calls = 0;
  const later = debounce(() => {
    calls += 1;
  }, 5);
  for (let index = 0; index < 10; index += 1) later();
  await new Promise((resolve) => setTimeout(resolve, 40));
  return {
    totals: mapValues(groupBy(orders, "city"), (each) => sumBy(each, "total")),
    merged: merge({ a: { b: 1 } }, { a: { c: [2] } }),
    pages: chunk([1, 2, 3], 2),
    name: camelCase("Order-Line id"),
    calls,
  };
});
