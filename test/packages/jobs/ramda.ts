import { defineJob } from "mayfly";
import * as R from "ramda";

interface Order {
  city: string;
  total: number;
}

const totals = R.pipe(
  R.groupBy<Order, string>(R.prop("city")),
  R.map((orders: Order[] = []) => R.sum(R.pluck("total", orders))),
  R.toPairs,
  R.sortWith([R.descend(R.last), R.ascend(R.head)]),
);

export default defineJob(() => ({
  totals: totals([
    { city: "Basel", total: 7 },
    { city: "Bern", total: 10 },
    { city: "Bern", total: 5 },
  ]),
  changed: R.over(R.lensPath(["a", 0, "b"]), R.inc, { a: [{ b: 1 }] }),
}));
