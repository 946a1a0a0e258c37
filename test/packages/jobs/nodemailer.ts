import { defineJob } from "mayfly";
import nodemailer from "nodemailer";

// Makes the message; a job sends it by its provider's HTTP API, since SMTP needs a socket.
export default defineJob(async () => {
  const { envelope, message } = await nodemailer.createTransport({ streamTransport: true, buffer: true }).sendMail({
    from: "Tea <tea@example.org>",
    to: ["ada@example.org", "bob@example.org"],
    subject: "Grüße",
    text: "Your order is on its way.",
    attachments: [{ filename: "a.csv", content: "id\n1\n" }],
  });
  const lines = String(message).split(/\r?\n/);
  return {
    envelope,
    subject: lines.find((line) => line.startsWith("Subject:")),
    multipart: lines.some((line) => line.startsWith("Content-Type: multipart/mixed")),
    attachment: lines.some((line) => line.includes("filename=a.csv")),
  };
});
