import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { sha3_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  sha256: bytesToHex(sha256(utf8ToBytes("abc"))),
  sha3: bytesToHex(sha3_256(utf8ToBytes("abc"))),
  hmac: bytesToHex(hmac(sha256, utf8ToBytes("key"), utf8ToBytes("The quick brown fox jumps over the lazy dog"))),
}));
