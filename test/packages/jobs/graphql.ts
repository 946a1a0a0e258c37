import { buildSchema, graphql } from "graphql";
import { defineJob } from "mayfly";

const schema = buildSchema("type Query { order(id: ID!): Order } type Order { id: ID! total: Float! }");

export default defineJob(async () => {
  const rootValue = { order: async ({ id }: { id: string }) => ({ id, total: 7.5 }) };
  const good = await graphql({
    schema,
    rootValue,
    source: "query ($id: ID!) { order(id: $id) { total id } }",
    variableValues: { id: "7" },
  });
  const bad = await graphql({ schema, rootValue, source: "{ order(id: 7) { price } }" });
  return { data: good.data, errors: bad.errors?.map(({ message }) => message) };
});
