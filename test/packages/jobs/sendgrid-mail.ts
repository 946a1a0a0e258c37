import client from "@sendgrid/client";
import mail from "@sendgrid/mail";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  client.setApiKey(await credential.fetch());
  client.setDefaultRequest("baseUrl", `${origin}/`);
  mail.setClient(client);
  const message = { from: "tea@example.org", subject: "Your order", text: "It is on its way." };
  const [{ statusCode, headers }] = await mail.send({ ...message, to: "ada@example.org" });
  const wrong = await mail
    .send({ ...message, to: "nobody@example.org" })
    .catch((error) => error.response.body.errors[0].message);
  return { statusCode, id: headers["x-message-id"], wrong };
});
