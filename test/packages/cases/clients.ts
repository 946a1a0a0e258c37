// Clients of other people's APIs, each against a server that speaks it, with a sealed token of its run.
import type { Case } from "../case.ts";
import { anthropic } from "../vendors/anthropic.ts";
import { github } from "../vendors/github.ts";
import { googleCloudStorage } from "../vendors/google-cloud-storage.ts";
import { googleGenai } from "../vendors/google-genai.ts";
import { graphql } from "../vendors/graphql.ts";
import { notion } from "../vendors/notion.ts";
import { openai } from "../vendors/openai.ts";
import { orders } from "../vendors/orders.ts";
import { makeS3 } from "../vendors/s3.ts";
import { sendgrid } from "../vendors/sendgrid.ts";
import { slack } from "../vendors/slack.ts";
import { stripe } from "../vendors/stripe.ts";
import { supabase } from "../vendors/supabase.ts";
import { makeUpstash } from "../vendors/upstash.ts";

const ordered = { id: 7, ordered: { sku: "tea", quantity: 2 } };

export const clients: readonly Case[] = [
  {
    package: "@anthropic-ai/sdk",
    does: "asks for a message, whole and as a stream",
    vendor: () => anthropic,
    yields: { whole: [{ type: "text", text: "Hello" }], tokens: 5, text: "Hello" },
  },
  {
    package: "@aws-sdk/client-s3",
    does: "puts, gets and lists objects by path, signed with keys that are not in the job",
    vendor: makeS3,
    yields: {
      ETag: '"06ab53ba0ff5bea1e3deaff5fbb4a5a4"',
      text: "id;total\n1;7.50\n",
      ContentType: "text/csv",
      keys: [["2026/november.csv", 16]],
      missing: "NoSuchKey",
    },
  },
  {
    package: "@google-cloud/storage",
    does: "uploads an object in two parts, downloads it, lists a bucket",
    vendor: () => googleCloudStorage,
    yields: { text: "id;total\n1;7.50\n", names: ["november.csv"] },
  },
  {
    package: "@google/genai",
    does: "asks a model for text",
    vendor: () => googleGenai,
    yields: "Hello",
  },
  {
    package: "@notionhq/client",
    does: "makes a page, and reads users by cursor",
    vendor: () => notion,
    yields: {
      page: "22222222-2222-4222-8222-222222222222",
      url: "https://www.notion.so/Tea-22222222222242228222222222222222",
      users: ["ada", "bob"],
    },
  },
  {
    package: "@octokit/rest",
    does: "reads issues page by page, writes a comment, and is told of a 404",
    vendor: () => github,
    yields: { issues: ["1 Issue 1", "2 Issue 2", "3 Issue 3"], comment: 40, missing: 404 },
  },
  {
    package: "@sendgrid/mail",
    does: "sends a mail, and is told why another one isn't taken",
    vendor: () => sendgrid,
    yields: { statusCode: 202, id: "m-1", wrong: "Does not contain a valid address." },
  },
  {
    package: "@slack/web-api",
    does: "posts a message with blocks, and lists channels by cursor",
    vendor: () => slack,
    yields: { ts: "1764115200.000100", channels: ["general", "random"], wrong: "channel_not_found" },
  },
  {
    package: "@supabase/supabase-js",
    does: "selects, inserts and calls a function, with the run's token beside the project's public key",
    vendor: () => supabase,
    yields: {
      found: [
        { id: 3, total: 8 },
        { id: 1, total: 7.5 },
      ],
      added: { id: 4, total: 9 },
      sum: 22.5,
      wrong: "PGRST205",
    },
  },
  {
    package: "@upstash/redis",
    does: "sets, gets and counts over HTTP",
    vendor: makeUpstash,
    yields: { order: { total: 7.5 }, missing: null, count: 1 },
  },
  {
    package: "axios",
    does: "posts JSON and a form, reads bytes, and is told of a 404",
    vendor: () => orders,
    yields: {
      data: ordered,
      posted: { name: ["", "", "Ada"], file: ["a.csv", "text/csv", "x,y\n"] },
      missing: ["ERR_BAD_REQUEST", 404],
      bytes: [0, 1, 254, 255],
      statuses: [201, 200, 200],
    },
  },
  {
    package: "form-data",
    does: "submits a form with a streamed file",
    vendor: () => orders,
    yields: { name: ["", "", "Ada"], file: ["a.csv", "text/csv", "x,y\n"] },
  },
  {
    package: "got",
    does: "posts JSON, tries again after a 503, streams, and is told of a 404",
    vendor: () => orders,
    yields: { order: ordered, flaky: "at last", missing: 404, streamed: 4 },
  },
  {
    package: "graphql-request",
    does: "asks with variables, and is told of an error",
    vendor: () => graphql,
    yields: { found: { order: { id: "7", total: 7.5 } }, wrong: "There is no such order." },
  },
  {
    package: "ky",
    does: "posts JSON, tries again after a 503, gives up on what is slow",
    vendor: () => orders,
    yields: { order: ordered, flaky: "at last", missing: 404, slow: "TimeoutError" },
  },
  {
    package: "node-fetch",
    does: "posts JSON and a form, and streams an answer",
    vendor: () => orders,
    yields: { order: ordered, form: { name: ["", "", "Ada"] }, streamed: 4, missing: 404 },
  },
  {
    package: "openai",
    does: "reads a streamed completion, uploads a file, and is told of a 404",
    vendor: () => openai,
    yields: { text: "Hello", file: ["file-1", 8], wrong: [404, "model_not_found"] },
  },
  {
    package: "stripe",
    does: "makes a customer under an idempotency key, and reads charges page by page",
    vendor: () => stripe,
    yields: {
      customer: "cus_1",
      charges: ["ch_1", "ch_2", "ch_3"],
      declined: ["StripeInvalidRequestError", "amount_too_small"],
    },
  },
];
