// SendGrid: a mail that is taken, and one that is not (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send).
import assert from "node:assert/strict";
import type { Vendor } from "../vendor.ts";

export const sendgrid: Vendor = {
  credential: { header: "authorization", scheme: "Bearer" },
  allow: ["POST /v3/mail/send"],
  answer({ method, path, json }) {
    if (path !== "/v3/mail/send" || method !== "POST") return undefined;
    const { personalizations, content, ...rest } = json() as {
      personalizations: [{ to: [{ email: string }] }];
      content: unknown;
    };
    assert.deepEqual(content, [{ type: "text/plain", value: "It is on its way." }]);
    assert.deepEqual(rest, { from: { email: "tea@example.org" }, subject: "Your order" });
    if (personalizations[0].to[0].email === "ada@example.org")
      return { status: 202, headers: { "x-message-id": "m-1" }, body: "" };
    const message = "Does not contain a valid address.";
    return { status: 400, json: { errors: [{ message, field: "personalizations.0.to.0.email", help: null }] } };
  },
};
