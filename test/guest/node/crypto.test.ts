// node:crypto, asked the same questions as Node's: digests, ciphers, derived keys, signatures, key pairs; and the bounds on
// what is kept and computed.
import { generateKeyPairSync, sign } from "node:crypto";
import t from "tap";
import { iterationsMax, statesMax } from "../../../runtime/executor/services-node-crypto.ts";
import { askBoth } from "./side-by-side.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const pem = {
  rsa: rsa.privateKey.export({ type: "pkcs8", format: "pem" }),
  rsaPublic: rsa.publicKey.export({ type: "spki", format: "pem" }),
  ec: ec.privateKey.export({ type: "sec1", format: "pem" }),
  ecPublic: ec.publicKey.export({ type: "spki", format: "pem" }),
  ed: ed.privateKey.export({ type: "pkcs8", format: "pem" }),
  locked: rsa.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }),
};
const ecSigned = sign("sha256", Buffer.from("message"), ec.privateKey).toString("base64");

const module = (body: string) =>
  `import { defineJob } from "mayfly"; import crypto from "node:crypto"; export default defineJob(async (c) => { ${body} });`;

const runs = await askBoth(t, {
  modules: { crypto: "node:crypto", util: "node:util", bare: "crypto" },
  before: `const pem = ${JSON.stringify(pem)}; const key32 = Buffer.alloc(32, 7), iv16 = Buffer.alloc(16, 3), iv12 = Buffer.alloc(12, 5);`,
  questions: {
    digests: [
      'return ["md5", "sha1", "sha256", "sha512", "sha3-256", "RSA-SHA256", "blake2b512", "ripemd160"].map((name) => crypto.createHash(name).update("abc").digest("hex"))',
      'return [crypto.createHash("sha256").digest("base64"), crypto.createHash("sha256").update("é", "latin1").digest("base64url"), crypto.createHash("shake128", { outputLength: 5 }).update("x").digest("hex"), crypto.hash("sha1", "abc"), crypto.hash("sha1", Buffer.from("abc"), "base64"), crypto.hash("md5", "a", "buffer")]',
      'const h = crypto.createHash("sha256"); for (let i = 0; i < 300; i++) h.update(Buffer.alloc(1000, i)); const copy = h.copy(); h.update("more"); return [h.digest("hex"), copy.digest("hex")]',
      'const h = crypto.createHash("sha1"); h.update("a"); const c = h.copy(); c.update("b"); return [h.digest("hex"), c.digest("hex")]',
      'return crypto.createHash("sha512").update(Buffer.alloc(20_000_000, 1)).digest("hex")',
      'const b = Buffer.from("abc"); const h = crypto.createHash("sha1").update(b); b.fill(0); return h.digest("hex")',
      'return [crypto.createHmac("sha256", "key").update("data").digest("hex"), crypto.createHmac("sha512", Buffer.alloc(200)).update("a").update("b").digest("base64"), crypto.createHmac("md5", crypto.createSecretKey("k", "utf8")).digest("hex")]',
      'const h = crypto.createHash("sha256"); h.end("streamed"); h.setEncoding("hex"); let all = ""; for await (const x of h) all += x; return all',
      'const h = crypto.createHash("sha256"); h.digest(); return [() => h.update("x"), () => h.digest(), () => crypto.createHash("sha1").update(1), () => crypto.createHash(1), () => crypto.createHmac("sha1", null)].map((f) => { try { f() } catch (e) { return [e.name, e.code] } })',
      'return [() => crypto.createHash("no-such"), () => crypto.createHmac("no-such", "k")].map((f) => { try { f() } catch (e) { return [e.name, e.message] } })',
    ],
    random: [
      "return [crypto.randomBytes(5).length, Buffer.isBuffer(crypto.randomBytes(0)), crypto.randomBytes(200_000).length, crypto.randomUUID().length, crypto.randomFillSync(new Uint32Array(2)).length, crypto.getRandomValues(new Uint8Array(3)).length]",
      "return await new Promise((f) => crypto.randomBytes(3, (e, b) => f([e, b.length])))",
      "const seen = new Set(); for (let i = 0; i < 400; i++) seen.add(crypto.randomInt(3, 6)); return [[...seen].sort(), crypto.randomInt(1)]",
      "return [() => crypto.randomBytes(-1), () => crypto.randomBytes('1'), () => crypto.randomInt(5, 5), () => crypto.randomInt(1.5)].map((f) => { try { f() } catch (e) { return [e.name, e.code] } })",
      "const b = Buffer.alloc(8); crypto.randomFillSync(b, 6); return [b.subarray(0, 6), await new Promise((f) => crypto.randomFill(Buffer.alloc(2), (e, x) => f(x.length)))]",
      "return [crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), crypto.timingSafeEqual(Buffer.from('a'), new Uint8Array([98]))]",
      "return crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('ab'))",
    ],
    "derived keys": [
      "return [crypto.pbkdf2Sync('p', 's', 1000, 20, 'sha256'), crypto.scryptSync('p', 's', 16), crypto.scryptSync('p', 's', 16, { N: 1024, r: 4, p: 2 }), new Uint8Array(crypto.hkdfSync('sha256', 'k', 's', 'i', 21))]",
      "return [await util.promisify(crypto.pbkdf2)('p', 's', 10, 8, 'sha1'), await util.promisify(crypto.scrypt)('p', 's', 8), new Uint8Array(await util.promisify(crypto.hkdf)('sha512', 'k', '', '', 8))]",
      "return [() => crypto.pbkdf2Sync('p', 's', 0, 8, 'sha1'), () => crypto.pbkdf2Sync('p', 's', 1, -1, 'sha1'), () => crypto.pbkdf2Sync('p', 's', 1, 8), () => crypto.pbkdf2Sync('p', 's', 1, 8, 'no-such'), () => crypto.scryptSync('p', 's', 8, { N: 3 }), () => crypto.scryptSync('p', 's', 8, { N: 2 ** 20 })].map((f) => { try { f() } catch (e) { return [e.name, e.code] } })",
      "return await new Promise((f) => crypto.pbkdf2('p', 's', 1, 8, 'no-such', (e) => f([e.name, e.code]))).catch((e) => [e.name, e.code])",
    ],
    ciphers: [
      "const c = crypto.createCipheriv('aes-256-cbc', key32, iv16); const hex = c.update('some text', 'utf8', 'hex') + c.final('hex'); const d = crypto.createDecipheriv('aes-256-cbc', key32, iv16); return [hex, d.update(hex, 'hex', 'utf8') + d.final('utf8')]",
      "const c = crypto.createCipheriv('aes-256-gcm', key32, iv12); c.setAAD(Buffer.from('aad')); const out = Buffer.concat([c.update('text'), c.final()]); const tag = c.getAuthTag(); const d = crypto.createDecipheriv('aes-256-gcm', key32, iv12); d.setAAD(Buffer.from('aad')); d.setAuthTag(tag); return [out, tag, Buffer.concat([d.update(out), d.final()]).toString()]",
      "const d = crypto.createDecipheriv('aes-256-gcm', key32, iv12); d.setAuthTag(Buffer.alloc(16)); d.update(Buffer.from('00', 'hex')); try { d.final() } catch (e) { return e.name }",
      "const c = crypto.createCipheriv('chacha20-poly1305', key32, iv12, { authTagLength: 16 }); return [c.update('a'), c.final(), c.getAuthTag()]",
      "const c = crypto.createCipheriv('aes-128-ecb', Buffer.alloc(16), null); c.setAutoPadding(false); return Buffer.concat([c.update(Buffer.alloc(16)), c.final()])",
      "const c = crypto.createCipheriv('aes-256-ctr', key32, iv16); c.end(Buffer.alloc(100_000, 1)); const parts = []; for await (const x of c) parts.push(x); return crypto.createHash('sha1').update(Buffer.concat(parts)).digest('hex')",
      "return [() => crypto.createCipheriv('aes-256-cbc', Buffer.alloc(3), iv16), () => crypto.createCipheriv('no-such', key32, iv16), () => crypto.createCipheriv('aes-256-cbc', key32, Buffer.alloc(1))].map((f) => { try { f() } catch (e) { return [e.name, e.code, e.message] } })",
      "const d = crypto.createDecipheriv('aes-256-cbc', key32, iv16); d.update(Buffer.alloc(16)); try { d.final() } catch (e) { return [e.name, e.code, e.reason] }",
      "const c = crypto.createCipheriv('aes-256-cbc', key32, iv16); c.final(); try { c.update('x') } catch (e) { return e.name }",
    ],
    signatures: [
      "return [crypto.createSign('RSA-SHA256').update('message').sign(pem.rsa, 'base64'), crypto.sign('sha256', Buffer.from('message'), pem.rsa), crypto.sign(null, Buffer.from('message'), pem.ed)]",
      `return [crypto.verify('sha256', Buffer.from('message'), pem.ecPublic, Buffer.from(${JSON.stringify(ecSigned)}, 'base64')), crypto.verify('sha256', Buffer.from('other'), pem.ecPublic, Buffer.from(${JSON.stringify(ecSigned)}, 'base64')), crypto.createVerify('SHA256').update('mess').update('age').verify(pem.ecPublic, ${JSON.stringify(ecSigned)}, 'base64')]`,
      "const s = crypto.sign('sha256', Buffer.from('m'), { key: pem.ec, dsaEncoding: 'ieee-p1363' }); return [s.length, crypto.verify('sha256', Buffer.from('m'), { key: pem.ecPublic, dsaEncoding: 'ieee-p1363' }, s)]",
      "const s = crypto.sign('sha256', Buffer.from('m'), { key: pem.rsa, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }); return crypto.verify('sha256', Buffer.from('m'), { key: pem.rsaPublic, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, s)",
      "const sealed = crypto.publicEncrypt({ key: pem.rsaPublic, oaepHash: 'sha256' }, Buffer.from('secret')); return [crypto.privateDecrypt({ key: pem.rsa, oaepHash: 'sha256' }, sealed).toString(), crypto.publicDecrypt(pem.rsaPublic, crypto.privateEncrypt(pem.rsa, Buffer.from('x'))).toString()]",
      "return await new Promise((f) => crypto.sign('sha256', Buffer.from('a'), pem.rsa, (e, s) => f([e, s.length])))",
      "return crypto.sign('sha256', Buffer.from('a'), 'no key')",
    ],
    keys: [
      "const k = crypto.createPrivateKey(pem.rsa); return [k.type, k.asymmetricKeyType, k.asymmetricKeyDetails, k.export({ type: 'pkcs1', format: 'pem' }), crypto.createPublicKey(k).export({ type: 'spki', format: 'der' }), k.export({ format: 'jwk' })]",
      "const k = crypto.createPublicKey(pem.ec); return [k.type, k.asymmetricKeyType, k.asymmetricKeyDetails, k.export({ format: 'jwk' }), crypto.createPublicKey({ key: k.export({ format: 'jwk' }), format: 'jwk' }).equals(k)]",
      "return [crypto.createPrivateKey({ key: pem.locked, passphrase: 'secret' }).type, (() => { try { crypto.createPrivateKey({ key: pem.locked, passphrase: 'wrong' }) } catch (e) { return e.name } })(), (() => { try { crypto.createPrivateKey(pem.locked) } catch (e) { return [e.name, e.code] } })()]",
      "const k = crypto.createSecretKey(Buffer.from('secret')); return [k.type, k.symmetricKeySize, k.export(), k.export({ format: 'jwk' }), k.equals(crypto.createSecretKey('secret', 'utf8')), Object.prototype.toString.call(k)]",
      "const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519', { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'der' } }); return [publicKey.split('\\n')[0], Buffer.isBuffer(privateKey)]",
      "const { publicKey, privateKey } = await util.promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-384' }); return [publicKey.type, privateKey.asymmetricKeyDetails, crypto.verify('sha1', Buffer.from('a'), publicKey, crypto.sign('sha1', Buffer.from('a'), privateKey))]",
      "const a = crypto.generateKeyPairSync('x25519'), b = crypto.generateKeyPairSync('x25519'); return crypto.diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey }).equals(crypto.diffieHellman({ privateKey: b.privateKey, publicKey: a.publicKey }))",
      "const e = crypto.createECDH('prime256v1'); e.setPrivateKey(Buffer.alloc(32, 9)); const o = crypto.createECDH('prime256v1'); o.setPrivateKey('0b'.repeat(32), 'hex'); return [e.getPublicKey('hex'), e.computeSecret(o.getPublicKey(), null, 'hex'), o.generateKeys().length, o.getPrivateKey().length]",
      "return [crypto.generateKeySync('aes', { length: 256 }).symmetricKeySize, (() => { try { crypto.generateKeyPairSync('no-such') } catch (e) { return [e.name, e.code] } })()]",
    ],
    module: [
      "return [bare === crypto, crypto.getHashes().includes('RSA-SHA256'), crypto.getCiphers().length, crypto.getCurves().length, crypto.getCipherInfo('aes-256-gcm'), crypto.getCipherInfo('no-such'), crypto.webcrypto === globalThis.crypto]",
      "return crypto.constants",
    ],
  },
  job: { limits: { wallMs: 60_000, cpuMs: 60_000, resultBytes: 4 << 20, memoryBytes: 512 << 20 } },
  jobs: {
    states: {
      module: module(`
        const first = crypto.createHash("sha256").update(Buffer.alloc(70_000));
        const others = Array.from({ length: ${statesMax - 1} }, () => crypto.createHash("sha256").update(Buffer.alloc(70_000)));
        const still = first.copy().digest("hex").length; // now one more, and one gives way
        for (let i = 0; i < ${statesMax}; i++) crypto.createHash("sha256").update(Buffer.alloc(70_000));
        try { first.update(Buffer.alloc(70_000)); return "kept" } catch (e) { return [still, e.code, e.message] }
      `),
      limits: { cpuMs: 60_000, wallMs: 60_000 },
    },
    iterations: {
      module: module(`
        try { crypto.pbkdf2Sync("p", "s", ${iterationsMax + 1}, 8, "sha1"); return "computed" } catch (e) { return [e.code, e.message] }
      `),
    },
    bits: {
      module: module(
        'try { crypto.generateKeyPairSync("rsa", { modulusLength: 8193 }); return "made" } catch (e) { return [e.code, e.message] }',
      ),
    },
    refused: {
      module: module("try { crypto.createDiffieHellman(512) } catch (e) { return [e.name, e.code, e.message] }"),
    },
  },
});

t.test(
  "digests that are begun and forgotten, more than the table holds: the oldest is gone, and says so",
  async (t) => {
    const record = await runs.run("states");
    t.match(record.result, [64, "ERR_MAYFLY_LIMIT", `${statesMax} are kept`], record.error?.message ?? "");
  },
);

t.test("more iterations than the bound, and a longer RSA key: refused before any is computed", async (t) => {
  t.same((await runs.run("iterations")).result, [
    "ERR_MAYFLY_LIMIT",
    `iterations: ${iterationsMax + 1}, of at most ${iterationsMax} in a job`,
  ]);
  t.same((await runs.run("bits")).result, ["ERR_MAYFLY_LIMIT", "modulusLength: 8193, of at most 8192 in a job"]);
});

t.test("what there isn't: named, with what to use", async (t) => {
  t.match((await runs.run("refused")).result, [
    "MayflyUnsupportedError",
    "ERR_MAYFLY_UNSUPPORTED",
    "crypto.createDiffieHellman isn't available",
  ]);
});

t.test("what all of them left behind", (t) => runs.end(t));
