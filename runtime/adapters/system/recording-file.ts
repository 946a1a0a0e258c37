// Recordings that have left their installation, as one file: sealed by the installation's keys, or in the clear, one event a
// line, for who has asked for that. Mode 0600, and never over a file that is there.
import { type FileHandle, open } from "node:fs/promises";
import { MayflyError, quote } from "../../model/error.ts";
import { recordingBytes } from "../../model/limits.ts";
import type { SecretBox } from "../../ports/secret-box.ts";
import {
  decodeEvents,
  encodeEvent,
  eventFromLine,
  eventToLine,
  type RecordedEvent,
  RecordingInvalid,
  recordingVersion,
} from "../../protocol/recording.ts";
import { openGrowing, sealPieces } from "../keys/sealed-pieces.ts";

const purpose = "recording export";
/** Base64 takes a third more than what it stands for, escapes in text up to six times as much. */
const fileBytesMax = 2 * recordingBytes.max;

const warning =
  "In the clear: what servers and files answered to this run, its input and its code. Credentials were taken out; the rest is as secret as where it came from.";

/** @param box null: in the clear. @throws MayflyError `usage` when there is a file already, or no room for one. */
export async function writeRecordingFile(
  path: string,
  events: readonly RecordedEvent[],
  box: SecretBox | null,
): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((cause: unknown) => Promise.reject(refused(path, cause)));
  try {
    if (box === null) await writeLines(file, events);
    else for await (const piece of sealPieces(box, purpose, framesOf(events))) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}

function framesOf(events: readonly RecordedEvent[]): Uint8Array {
  return Buffer.concat(events.map(encodeEvent).filter((each) => each !== undefined));
}

async function writeLines(file: FileHandle, events: readonly RecordedEvent[]): Promise<void> {
  await file.writeFile(`${JSON.stringify({ type: "mayfly.recording", version: recordingVersion, warning })}\n`);
  for (const each of events) await file.writeFile(`${eventToLine(each)}\n`);
}

/**
 * @param box for a sealed one; asked for then only.
 * Rejects with RecordingInvalid, and with MayflyError `recording_unknown`, `sealed_invalid`, `key_unavailable`.
 */
export async function readRecordingFile(
  path: string,
  box: () => SecretBox,
): Promise<{ events: RecordedEvent[]; isWhole: boolean }> {
  const file = await open(path).catch((cause: unknown) => Promise.reject(missing(path, cause)));
  try {
    const { size } = await file.stat();
    if (size > fileBytesMax) throw new RecordingInvalid(`${size} bytes, at most ${fileBytesMax}`);
    const read = async (at: number, count: number) => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, at);
      return buffer.subarray(0, bytesRead);
    };
    const isClear = (await read(0, 1)).toString("latin1") === "{";
    if (!isClear) return await decodeEvents(openGrowing(box(), purpose, { read, bytes: size }));
    return { events: await readLines(file), isWhole: true };
  } finally {
    await file.close();
  }
}

async function readLines(file: FileHandle): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  let isFirst = true;
  for await (const line of file.readLines({ start: 0, autoClose: false })) {
    if (isFirst) requireHead(line);
    else if (line !== "") events.push(eventFromLine(line));
    isFirst = false;
  }
  return events;
}

function requireHead(line: string): void {
  try {
    const { type, version } = JSON.parse(line) as { type?: unknown; version?: unknown };
    if (type === "mayfly.recording" && version === recordingVersion) return;
  } catch {
    // said below
  }
  throw new RecordingInvalid(`a first line that is not a recording's of version ${recordingVersion}`);
}

function refused(path: string, cause: unknown): MayflyError {
  const { code } = cause as NodeJS.ErrnoException;
  return new MayflyError({
    code: "usage",
    message: "the recording can't be written there",
    found: code === "EEXIST" ? `${quote(path, 400)} is there already` : `${quote(path, 400)}: ${code}`,
    needed: "a path at which nothing is, in a directory that is there",
    cause,
  });
}

function missing(path: string, cause: unknown): MayflyError {
  return new MayflyError({
    code: "recording_unknown",
    message: "there is no such recording",
    found: `${quote(path, 400)}: ${(cause as NodeJS.ErrnoException).code}`,
    needed: "the id of a run that was recorded, or a file that `mayfly replay <run> --export <file>` has written",
    cause,
  });
}
