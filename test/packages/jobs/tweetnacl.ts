import { defineJob } from "mayfly";
import nacl from "tweetnacl";

export default defineJob(() => {
  const [ada, bob] = [nacl.box.keyPair(), nacl.box.keyPair()];
  const nonce = nacl.randomBytes(nacl.box.nonceLength);
  const box = nacl.box(new TextEncoder().encode("hidden"), nonce, bob.publicKey, ada.secretKey);
  const opened = nacl.box.open(box, nonce, ada.publicKey, bob.secretKey);
  box[0] = (box[0] ?? 0) ^ 1;
  return {
    opened: opened && new TextDecoder().decode(opened),
    altered: nacl.box.open(box, nonce, ada.publicKey, bob.secretKey),
  };
});
