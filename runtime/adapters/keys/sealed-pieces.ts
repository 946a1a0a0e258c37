// Files that are too large to be sealed as one text: pieces of 1 MiB, each sealed by itself, so that neither writing nor
// reading holds more than a few of them. A piece is sealed for its place, and the last one as the last (STREAM: Hoang,
// Reyhanitabar, Rogaway and Vizár, 2015): pieces that are missing, moved or cut off at the end don't open.
//
//   "MAYP1" · for each piece: its length, 4 bytes, big-endian · the sealed text
//
// A file that grows while something goes on (a recording) is sealed in the same way, piece by piece. Its writer may die, so
// a reader of such a file is given what is whole, and told that the last piece is missing.
import { MayflyError } from "../../model/error.ts";
import type { SecretBox } from "../../ports/secret-box.ts";

const magic = new TextEncoder().encode("MAYP1");
const pieceBytes = 1_048_576;
const lengthBytes = 4;
/** What sealing adds to a piece is less: secret-box.ts. */
const sealedBytesMax = pieceBytes + 1_024;

const purposeOf = (purpose: string, index: number, isLast: boolean) =>
  `${purpose} piece ${index}${isLast ? " last" : ""}`;

/** The file's bytes, piece by piece. */
export async function* sealPieces(box: SecretBox, purpose: string, plain: Uint8Array): AsyncGenerator<Uint8Array> {
  const seal = makePieceSealer(box, purpose);
  const count = Math.max(1, Math.ceil(plain.length / pieceBytes));
  for (let index = 0; index < count; index += 1)
    yield* await seal(plain.subarray(index * pieceBytes, (index + 1) * pieceBytes), index === count - 1);
}

/** Seals one piece after the other, 1 MiB at most; what it returns belongs behind what it returned before. */
export function makePieceSealer(
  box: SecretBox,
  purpose: string,
): (piece: Uint8Array, isLast: boolean) => Promise<Uint8Array[]> {
  let index = 0;
  return async (piece, isLast) => {
    if (piece.length > pieceBytes) throw new RangeError(`a piece of ${piece.length} bytes, at most ${pieceBytes}`);
    const sealed = await box.seal(purposeOf(purpose, index, isLast), piece);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(sealed.length);
    const isFirst = index === 0;
    index += 1;
    return isFirst ? [magic, length, sealed] : [length, sealed];
  };
}

/** Reads bytes of a file: `at`, and how many; fewer at its end. */
export type ReadAt = (at: number, bytes: number) => Promise<Uint8Array>;

/** undefined for a file that isn't sealed. @throws MayflyError `sealed_invalid` while it is read. */
export async function openPieces(
  box: SecretBox,
  purpose: string,
  { read, bytes }: { read: ReadAt; bytes: number },
): Promise<AsyncGenerator<Uint8Array> | undefined> {
  const head = await read(0, magic.length);
  return Buffer.from(head).equals(magic) ? opened(box, purpose, read, bytes) : undefined;
}

async function* opened(box: SecretBox, purpose: string, read: ReadAt, bytes: number): AsyncGenerator<Uint8Array> {
  let at = magic.length;
  for (let index = 0; at < bytes || index === 0; index += 1) {
    const head = Buffer.from(await read(at, lengthBytes));
    const length = head.length === lengthBytes ? head.readUInt32BE() : 0;
    at += lengthBytes + length;
    if (length === 0 || length > sealedBytesMax || at > bytes) throw cut(purpose);
    const sealed = await read(at - length, length);
    yield await box.open(purposeOf(purpose, index, at === bytes), sealed);
  }
}

/**
 * Of a file that its writer may have left: the pieces that are whole, and as the generator's return value whether the last
 * one was among them. @throws MayflyError `sealed_invalid` for pieces that are whole and don't open.
 */
export async function* openGrowing(
  box: SecretBox,
  purpose: string,
  { read, bytes }: { read: ReadAt; bytes: number },
): AsyncGenerator<Uint8Array, boolean> {
  if (!Buffer.from(await read(0, magic.length)).equals(magic)) return false;
  let at = magic.length;
  for (let index = 0; at < bytes; index += 1) {
    const head = Buffer.from(await read(at, lengthBytes));
    const length = head.length === lengthBytes ? head.readUInt32BE() : 0;
    at += lengthBytes + length;
    if (length === 0 || length > sealedBytesMax || at > bytes) return false;
    const sealed = await read(at - length, length);
    const last = at === bytes ? await openOr(undefined, box.open(purposeOf(purpose, index, true), sealed)) : undefined;
    yield last ?? (await box.open(purposeOf(purpose, index, false), sealed));
    if (last !== undefined) return true;
  }
  return false;
}

async function openOr<Else>(otherwise: Else, opening: Promise<Uint8Array>): Promise<Uint8Array | Else> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof MayflyError && error.code === "sealed_invalid") return otherwise;
    throw error;
  }
}

function cut(purpose: string): MayflyError {
  return new MayflyError({
    code: "sealed_invalid",
    message: `what was sealed as ${purpose.split(" ", 1)[0]} can't be opened`,
    found: "a file that was cut off or altered",
    needed: "the bytes as they were sealed",
    next: "restore the file from a backup",
  });
}
