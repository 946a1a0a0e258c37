// What is told to people.
import type { Case } from "../case.ts";

export const logs: readonly Case[] = [
  {
    package: "debug",
    does: "prints one namespace, and not another",
    yields: { count: 1, text: true },
  },
  {
    package: "nodemailer",
    does: "makes a message with an attachment",
    yields: {
      envelope: { from: "tea@example.org", to: ["ada@example.org", "bob@example.org"] },
      subject: "Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=",
      multipart: true,
      attachment: true,
    },
  },
  {
    package: "pino",
    does: "writes JSON lines with a child's fields, and redacts",
    yields: {
      count: 2,
      first: { level: 30, request: 7, user: { name: "ada", password: "[Redacted]" }, msg: "logged in as ada" },
      error: [50, "RangeError", "too far"],
    },
  },
  {
    package: "winston",
    does: "formats lines, and writes them to a stream",
    yields: [{ kind: "green", level: "info", message: "brewed 3 cups", service: "tea" }],
  },
];
