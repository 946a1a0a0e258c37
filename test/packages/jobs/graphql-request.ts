import { GraphQLClient, gql } from "graphql-request";
import { defineJob } from "mayfly";

const query = gql`
  query Order($id: ID!) {
    order(id: $id) {
      id
      total
    }
  }
`;

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const headers = { authorization: `Bearer ${await credential.fetch()}` };
  const client = new GraphQLClient(`${origin}/graphql`, { headers });
  const wrong = await client.request(query, { id: "none" }).catch((error) => error.response.errors[0].message);
  return { found: await client.request(query, { id: "7" }), wrong };
});
