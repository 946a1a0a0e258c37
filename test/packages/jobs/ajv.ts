import { Ajv } from "ajv";
import { defineJob } from "mayfly";

const schema = {
  type: "object",
  properties: { port: { type: "integer", minimum: 1 }, host: { type: "string", pattern: "^[a-z.]+$" } },
  required: ["port", "host"],
  additionalProperties: false,
};

export default defineJob(() => {
  const validate = new Ajv({ allErrors: true }).compile(schema); // compiles to code of its own
  const good = validate({ port: 443, host: "example.org" });
  validate({ port: 0, host: "example.org", user: "ada" });
  return { good, wrong: validate.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`) };
});
