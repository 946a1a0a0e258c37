// Programs, queries and patches as data.
import type { Case } from "../case.ts";

export const code: readonly Case[] = [
  {
    package: "acorn",
    does: "parses a module, and says where another one is wrong",
    yields: { types: ["ImportDeclaration", "VariableDeclaration"], wrong: "Unexpected token (1:6)" },
  },
  {
    package: "commander",
    does: "reads words as a command with an option, and refuses what is missing",
    yields: { seen: [["ada", 3], "error: missing required argument 'to'"], code: "commander.missingArgument" },
  },
  {
    package: "fast-json-patch",
    does: "compares two documents, and applies the difference",
    yields: {
      patch: [
        { op: "remove", path: "/b/c" },
        { op: "replace", path: "/a/1", value: 3 },
        { op: "add", path: "/d", value: true },
      ],
      applied: { a: [1, 3], b: {}, d: true },
    },
  },
  {
    package: "graphql",
    does: "runs a query on a schema of the job's, and validates another",
    yields: { data: { order: { total: 7.5, id: "7" } }, errors: ['Cannot query field "price" on type "Order".'] },
  },
  {
    package: "hono",
    does: "routes a request through middleware, without a server",
    yields: { status: 201, served: "yes", body: { id: "7", body: { sku: "tea" }, page: "2" }, missing: 404 },
  },
  {
    package: "jsonpath-plus",
    does: "finds values by path and by condition",
    yields: { prices: [4, 9, 12], dear: [9, 12] },
  },
  {
    package: "kysely",
    does: "composes SQL for the credential's query",
    yields: {
      sql: 'select "city", sum("total") as "sum" from "orders" where "total" > $1 group by "city" limit $2',
      parameters: [5, 10],
    },
  },
  {
    package: "prettier",
    does: "formats a script",
    yields: "const a = { b: 1, c: [1, 2, 3] };\nfoo(a);\n",
  },
  {
    package: "sql-formatter",
    does: "formats a statement",
    yields: "SELECT\n  id,\n  sum(total)\nFROM\n  orders\nWHERE\n  city = 'Bern'\nGROUP BY\n  id",
  },
  {
    package: "terser",
    does: "minifies a module",
    yields: "function n(n,r){return n+r}export{n as add};",
  },
];
