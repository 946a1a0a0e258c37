import { defineJob } from "mayfly";
import protobuf from "protobufjs";

const proto = `syntax = "proto3";
message Order { string id = 1; repeated Line lines = 2; }
message Line { string sku = 1; uint32 quantity = 2; }`;

export default defineJob(() => {
  const Order = protobuf.parse(proto).root.lookupType("Order");
  const bytes = Order.encode(Order.create({ id: "7", lines: [{ sku: "tea", quantity: 300 }] })).finish();
  return { hex: Buffer.from(bytes).toString("hex"), again: Order.toObject(Order.decode(bytes)) };
});
