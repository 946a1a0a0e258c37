// A GraphQL API over HTTP (https://graphql.github.io/graphql-over-http/draft/): errors come with status 200.
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export const graphql: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /graphql"],
  answer({ path, json }) {
    if (path !== "/graphql") return undefined;
    const { query, variables } = json() as { query: string; variables: { id: string } };
    assert.match(query, /query Order\(\$id: ID!\)/);
    if (variables.id === "7") return { json: { data: { order: { id: "7", total: 7.5 } } } };
    return { json: { data: { order: null }, errors: [{ message: "There is no such order.", path: ["order"] }] } };
  },
};
