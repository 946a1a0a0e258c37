// Names that are nobody else's, hashes, signatures and secrets.
import type { Case } from "../case.ts";

export const secrets: readonly Case[] = [
  {
    package: "@noble/hashes",
    does: "hashes with SHA-2, SHA-3 and HMAC",
    yields: {
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      sha3: "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
      hmac: "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
    },
  },
  {
    package: "bcryptjs",
    does: "hashes a password, and compares",
    yields: {
      hash: "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
      right: true,
      wrong: false,
      rounds: 5,
    },
  },
  {
    package: "jose",
    does: "signs and verifies a token, encrypts and decrypts another",
    yields: { scope: "read", wrong: "ERR_JWT_CLAIM_VALIDATION_FAILED", plaintext: "hidden" },
  },
  {
    package: "jsonwebtoken",
    does: "signs with a key pair of its own, and refuses a wrong secret",
    yields: { sub: "ada", wrong: "invalid signature" },
  },
  {
    package: "nanoid",
    does: "makes a thousand names, all different",
    yields: { different: 1_000, form: true, own: true },
  },
  {
    package: "object-hash",
    does: "hashes an object whatever the order of its keys",
    yields: { ordered: true, sha256: "dc0e4b0c398e2416de2d77a6368ec11f67a398dcac6c179d41fe386a7e2e83e3" },
  },
  {
    package: "tweetnacl",
    does: "seals a message for somebody's key, and refuses an altered one",
    yields: { opened: "hidden", altered: null },
  },
  {
    package: "uuid",
    does: "makes identifiers of three versions",
    yields: { named: "2ed6657d-e927-568b-95e1-2665a8aea6a2", versions: [4, 7], inOrder: true },
  },
];
