import { defineJob } from "mayfly";
import { format } from "sql-formatter";

export default defineJob(() =>
  format("select id, sum(total) from orders where city='Bern' group by id", {
    language: "postgresql",
    keywordCase: "upper",
  }),
);
