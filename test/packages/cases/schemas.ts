// What says whether data has a form.
import type { Case } from "../case.ts";

export const schemas: readonly Case[] = [
  {
    package: "ajv",
    does: "compiles a JSON schema, and names each fault",
    yields: { good: true, wrong: [" additionalProperties", "/port minimum"] },
  },
  {
    package: "joi",
    does: "converts, fills in a default, and names each fault",
    yields: {
      value: { name: "Ada", age: 36, country: "CH" },
      wrong: ['"name" is required', '"age" must be greater than or equal to 18'],
    },
  },
  {
    package: "superstruct",
    does: "coerces a date, and says where a value is wrong",
    yields: { at: "2026-11-26T18:00:00.000Z", path: ["seats", 1], needed: "number" },
  },
  {
    package: "valibot",
    does: "pipes text through changes and checks",
    yields: { email: "ada@example.org", password: ["too short"] },
  },
  {
    package: "yup",
    does: "casts nested data, and names each fault",
    yields: {
      name: "Ada",
      born: "1815-12-10T00:00:00.000Z",
      tags: ["maths"],
      wrong: ["name is a required field", "born field must be at earlier than 2026-01-01T00:00:00.000Z"],
    },
  },
  {
    package: "zod",
    does: "parses and transforms nested data, and names each fault",
    yields: { placedAtMs: 1_795_685_400_000, wrong: ["id", "lines.0.quantity", "placedAt"] },
  },
];
