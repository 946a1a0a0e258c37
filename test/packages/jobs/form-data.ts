import { Readable } from "node:stream";
import { json } from "node:stream/consumers";
import FormData from "form-data";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  const { hostname, port } = new URL(origin);
  const form = new FormData();
  form.append("name", "Ada");
  form.append("file", Readable.from([Buffer.from("x,y\n")]), {
    filename: "a.csv",
    contentType: "text/csv",
    knownLength: 4,
  });
  const headers = { authorization: `Bearer ${await credential.fetch()}` };
  return new Promise((resolve, reject) => {
    form.submit({ protocol: "http:", hostname, port, path: "/form", headers }, (error, response) =>
      error ? reject(error) : resolve(json(response)),
    );
  });
});
