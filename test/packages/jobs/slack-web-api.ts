import { WebClient } from "@slack/web-api";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const slack = new WebClient(await credential.fetch(), { slackApiUrl: `${origin}/api/` });
  const { ts } = await slack.chat.postMessage({
    channel: "C1",
    text: "Deployed: 3 services",
    blocks: [{ type: "divider" }],
  });
  const channels: unknown[] = [];
  for await (const page of slack.paginate("conversations.list", { limit: 1 }))
    channels.push(...((page as { channels?: { name: string }[] }).channels ?? []).map(({ name }) => name));
  const wrong = await slack.chat.postMessage({ channel: "none", text: "x" }).catch((error) => error.data.error);
  return { ts, channels, wrong };
});
