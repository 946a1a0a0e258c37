import { JSONPath } from "jsonpath-plus";
import { defineJob } from "mayfly";

export default defineJob(() => {
  const json = {
    orders: [
      { id: 1, lines: [{ price: 4 }] },
      { id: 2, lines: [{ price: 9 }, { price: 12 }] },
    ],
  };
  return {
    prices: JSONPath({ path: "$..price", json }),
    dear: JSONPath({ path: "$.orders[*].lines[?(@.price > 8)].price", json }),
  };
});
