import axios from "axios";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const api = axios.create({ baseURL: origin, headers: { authorization: `Bearer ${await credential.fetch()}` } });
  const statuses: number[] = [];
  api.interceptors.response.use((response) => {
    statuses.push(response.status);
    return response;
  });
  const { data } = await api.post("/orders", { sku: "tea", quantity: 2 }, { params: { dry: true } });
  const form = new FormData();
  form.set("name", "Ada");
  form.set("file", new Blob(["x,y\n"], { type: "text/csv" }), "a.csv");
  const { data: posted } = await api.postForm("/form", form);
  const missing = await api.get("/none").catch((error) => [error.code, error.response.status]);
  const { data: bytes } = await api.get("/bytes", { responseType: "arraybuffer" });
  return { data, posted, missing, bytes: [...new Uint8Array(bytes)], statuses };
});
