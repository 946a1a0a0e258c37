import { enablePatches, produce, produceWithPatches } from "immer";
import { defineJob } from "mayfly";

enablePatches();

export default defineJob(() => {
  const before = { cart: [{ sku: "tea", quantity: 1 }], user: { name: "Ada" } };
  const after = produce(before, (draft) => {
    draft.cart.push({ sku: "jam", quantity: 2 });
  });
  const [, patches] = produceWithPatches(after, (draft) => {
    if (draft.cart[0]) draft.cart[0].quantity = 3;
  });
  return { before: before.cart.length, after: after.cart.length, shared: before.user === after.user, patches };
});
