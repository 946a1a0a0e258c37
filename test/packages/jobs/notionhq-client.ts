import { Client, isFullPage, iteratePaginatedAPI } from "@notionhq/client";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const notion = new Client({ auth: await credential.fetch(), baseUrl: origin });
  const page = await notion.pages.create({
    parent: { page_id: "11111111-1111-4111-8111-111111111111" },
    properties: { title: { title: [{ text: { content: "Tea" } }] } },
  });
  const users: string[] = [];
  for await (const { id } of iteratePaginatedAPI(notion.users.list, { page_size: 1 })) users.push(id);
  return { page: page.id, url: isFullPage(page) && page.url, users };
});
