import { defineJob } from "mayfly";
import { parse, parseDocument } from "yaml";

const text = `# the service
service:
  image: tea:1.2 # pinned
  ports: [80, 443]
defaults: &defaults { retries: 3 }
job: { <<: *defaults, name: nightly }
`;

export default defineJob(() => {
  const document = parseDocument(text, { merge: true });
  document.setIn(["service", "image"], "tea:1.3");
  return { lines: String(document).split("\n").slice(0, 3), job: parse(text, { merge: true }).job };
});
