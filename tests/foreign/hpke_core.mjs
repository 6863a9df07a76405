// @hpke/core, @hpke/hybridkem-x-wing and Node's Ed25519 as the other side of sealed messages, both suites.
//
// Written from the format in the crate's documentation, on its own. Takes and gives what hpke_pyhpke.py does, with `suite`
// ("xwing" or "x25519") besides in each thing to make. SLUSE_TEST_NODE_MODULES is the folder that holds node_modules.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.SLUSE_TEST_NODE_MODULES), "here.js"));
const { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } = require("@hpke/core");
const { XWing } = require("@hpke/hybridkem-x-wing");

const HEADER = 72, TAG = 16, SIGNATURE = 64;
const INFO = Buffer.from("sluse-envelope/1 message");
const DOMAIN = Buffer.from("sluse-envelope/1 message signature\0");
const KEMS = { xwing: [0x647a, XWing, 1120], x25519: [0x0020, DhkemX25519HkdfSha256, 32] };

const decode = (text) => Buffer.from(text, "base64url");
const encode = (bytes) => Buffer.from(bytes).toString("base64url");
const suiteOf = (Kem) => new CipherSuite({ kem: new Kem(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

// A view of exactly these bytes, as the library wants them.
const exact = (bytes) => Uint8Array.from(bytes).buffer;

function keyId(algorithm, publicKey) {
  const number = Buffer.alloc(2);
  number.writeUInt16BE(algorithm);
  const hash = createHash("sha256").update("sluse-envelope/1 key id").update(number).update(publicKey);
  return hash.digest().subarray(0, 16);
}

function padded(length) {
  if (length <= 4096) return 4096;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / step) * step;
}

function requireThat(condition) {
  if (!condition) throw new Error("refused");
}

const ed25519Public = (raw) => createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: encode(raw) }, format: "jwk" });

async function open({ message: text, private_key, sealer }) {
  const message = decode(text);
  const header = message.subarray(0, HEADER);
  requireThat(header.toString("latin1", 0, 4) === "SLSE" && header[4] === 1);
  const [, Kem, encLength] = Object.values(KEMS).find(([number]) => number === header.readUInt16BE(6));
  requireThat(header.readUInt16BE(8) === 1 && header.readUInt16BE(10) === 2);
  const length = header.readUInt32BE(68);
  requireThat(message.length === HEADER + encLength + length + TAG + SIGNATURE);
  requireThat(header.subarray(44, 60).equals(keyId(0x0807, decode(sealer))));
  const signed = Buffer.concat([DOMAIN, message.subarray(0, -SIGNATURE)]);
  requireThat(verify(null, signed, ed25519Public(decode(sealer)), message.subarray(-SIGNATURE)));

  const suite = suiteOf(Kem);
  const context = await suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(exact(decode(private_key))),
    enc: exact(message.subarray(HEADER, HEADER + encLength)),
    info: exact(INFO),
  });
  const ciphertext = message.subarray(HEADER + encLength, -SIGNATURE);
  const plaintext = Buffer.from(await context.open(exact(ciphertext), exact(header)));
  const contentLength = plaintext.readUInt32BE(0);
  requireThat(plaintext.length === length && length === padded(4 + contentLength));
  requireThat(plaintext.subarray(4 + contentLength).every((byte) => byte === 0));
  return {
    direction: header[5],
    submission: encode(header.subarray(12, 28)),
    created: Number(header.readBigUInt64BE(60)),
    recipient: encode(header.subarray(28, 44)),
    sealer: encode(header.subarray(44, 60)),
    content: encode(plaintext.subarray(4, 4 + contentLength)),
  };
}

async function make({ suite: name, recipient, signing_seed, direction, submission, created, content: text }) {
  const [number, Kem] = KEMS[name];
  const content = decode(text);
  // The PKCS #8 frame of an Ed25519 seed (RFC 8410).
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), decode(signing_seed)]);
  const signingKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const sealer = decode(createPublicKey(signingKey).export({ format: "jwk" }).x);
  const length = padded(4 + content.length);
  const header = Buffer.alloc(HEADER);
  header.write("SLSE", 0, "latin1");
  header[4] = 1;
  header[5] = direction;
  [number, 1, 2].forEach((id, index) => header.writeUInt16BE(id, 6 + 2 * index));
  decode(submission).copy(header, 12);
  keyId(number, decode(recipient)).copy(header, 28);
  keyId(0x0807, sealer).copy(header, 44);
  header.writeBigUInt64BE(BigInt(created), 60);
  header.writeUInt32BE(length, 68);

  const plaintext = Buffer.alloc(length);
  plaintext.writeUInt32BE(content.length);
  content.copy(plaintext, 4);
  const suite = suiteOf(Kem);
  const context = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(exact(decode(recipient))),
    info: exact(INFO),
  });
  const ciphertext = await context.seal(exact(plaintext), exact(header));
  const signed = Buffer.concat([header, Buffer.from(context.enc), Buffer.from(ciphertext)]);
  return encode(Buffer.concat([signed, sign(null, Buffer.concat([DOMAIN, signed]), signingKey)]));
}

const request = JSON.parse(readFileSync(0, "utf8"));
const opened = [];
for (const item of request.open) opened.push(await open(item).catch(() => null));
const made = [];
for (const item of request.make) made.push(await make(item));
process.stdout.write(JSON.stringify({ opened, made }));
