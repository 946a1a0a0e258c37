import { defineJob } from "mayfly";
import qs from "qs";

export default defineJob(() => ({
  read: qs.parse("filter[price][gte]=3&sort[]=a&sort[]=b&name=J%C3%BCrg"),
  text: qs.stringify({ a: { b: [1, 2] }, at: new Date(0), none: null }, { encode: false, skipNulls: true }),
}));
