import { defineJob } from "mayfly";
import { v4, v5, v7, validate, version } from "uuid";

export default defineJob(() => ({
  named: v5("www.example.com", v5.DNS), // as RFC 9562 has it in A.4
  versions: [v4(), v7()].map((id) => validate(id) && version(id)),
  inOrder: v7({ msecs: 1 }) < v7({ msecs: 2 }),
}));
