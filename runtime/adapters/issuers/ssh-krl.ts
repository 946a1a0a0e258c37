// A key revocation list (PROTOCOL.krl): the serial numbers of certificates of one authority that sshd is to take no more.
// Answers for its bytes, and for reading back only what is of this form. Which numbers stand on it, and where it lies, is
// ssh-publication.ts's business. It has no signature: sshd reads none, and from 9.4 on refuses a list that has one.
import type { EpochMs } from "../../model/units.ts";
import { byte, join, readAll, string, uint32, uint64, WireReader } from "./ssh-wire.ts";

export interface RevokedSerials {
  /** Grows with every list. */
  version: bigint;
  /** Whole seconds. */
  generatedAt: EpochMs;
  comment: string;
  serials: ReadonlySet<bigint>;
}

const magic = Buffer.from("SSHKRL\n\0", "latin1");
const formatVersion = 1;
const certificatesSection = 1;
const serialList = 0x20;

export function encodeKrl(authority: Uint8Array, list: RevokedSerials): Buffer {
  const header = join(
    magic,
    uint32(formatVersion),
    uint64(list.version),
    uint64(BigInt(Math.floor(list.generatedAt / 1_000))),
    uint64(0n), // flags
    string(""), // reserved
    string(list.comment),
  );
  if (list.serials.size === 0) return header; // a section that names nothing would be refused
  const sorted = [...list.serials].sort((one, other) => (one < other ? -1 : 1));
  const serials = join(...sorted.map(uint64));
  const section = join(string(authority), string(""), byte(serialList), string(serials));
  return join(header, byte(certificatesSection), string(section));
}

/** undefined for what is no list of this authority's as `encodeKrl` writes it. */
export function readKrl(authority: Uint8Array, bytes: Uint8Array): RevokedSerials | undefined {
  try {
    return readAll(bytes, (reader) => {
      if (!reader.raw(magic.length).equals(magic) || reader.uint32() !== formatVersion) return undefined;
      const version = reader.uint64();
      const generatedAt = Number(reader.uint64()) * 1_000;
      if (reader.uint64() !== 0n || reader.string().length > 0) return undefined;
      const comment = reader.text();
      if (reader.left === 0) return { version, generatedAt, comment, serials: new Set() };
      if (reader.byte() !== certificatesSection) return undefined;
      const serials = readAll(reader.string(), (section) => serialsOf(authority, section));
      return serials && { version, generatedAt, comment, serials };
    });
  } catch {
    return undefined;
  }
}

function serialsOf(authority: Uint8Array, section: WireReader): Set<bigint> | undefined {
  if (!section.string().equals(authority) || section.string().length > 0 || section.byte() !== serialList)
    return undefined;
  const list = new WireReader(section.string());
  const serials = new Set<bigint>();
  while (list.left > 0) serials.add(list.uint64());
  return serials;
}
