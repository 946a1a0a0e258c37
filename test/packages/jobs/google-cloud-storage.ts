import { Storage } from "@google-cloud/storage";
import { OAuth2Client } from "google-auth-library";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: await credential.fetch() });
  const storage = new Storage({ apiEndpoint: origin, projectId: "tea", authClient, useAuthWithCustomEndpoint: true });
  const file = storage.bucket("reports").file("november.csv");
  await file.save("id;total\n1;7.50\n", { resumable: false, validation: false, contentType: "text/csv" });
  const [bytes] = await file.download({ validation: false });
  const [files] = await storage.bucket("reports").getFiles({ prefix: "nov" });
  return { text: String(bytes), names: files.map(({ name }) => name) };
});
