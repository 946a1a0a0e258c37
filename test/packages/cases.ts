// All packages of the suite, in the order of docs/packages.md.
import type { Case } from "./case.ts";
import { clients } from "./cases/clients.ts";
import { code } from "./cases/code.ts";
import { dates } from "./cases/dates.ts";
import { files } from "./cases/files.ts";
import { formats } from "./cases/formats.ts";
import { functions } from "./cases/functions.ts";
import { logs } from "./cases/logs.ts";
import { numbers } from "./cases/numbers.ts";
import { pages } from "./cases/pages.ts";
import { refused } from "./cases/refused.ts";
import { schemas } from "./cases/schemas.ts";
import { secrets } from "./cases/secrets.ts";
import { words } from "./cases/words.ts";

export const subjects: readonly { subject: string; cases: readonly Case[] }[] = [
  { subject: "APIs and HTTP", cases: clients },
  { subject: "Schemas", cases: schemas },
  { subject: "Formats", cases: formats },
  { subject: "Documents and archives", cases: files },
  { subject: "Templates and markup", cases: pages },
  { subject: "Dates", cases: dates },
  { subject: "Numbers", cases: numbers },
  { subject: "Identifiers and cryptography", cases: secrets },
  { subject: "Text", cases: words },
  { subject: "Functions and flow", cases: functions },
  { subject: "Code and queries", cases: code },
  { subject: "Logs and mail", cases: logs },
  { subject: "Refused", cases: refused },
];

export const allCases: readonly Case[] = subjects.flatMap(({ cases }) => cases);
