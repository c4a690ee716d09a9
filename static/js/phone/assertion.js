/* The phone's word that its holder has just proved who they are (protocol §7): COSE_Sign1 under the device key over
   {1: challenge, 2: device, 3: app serial, 4: verified}, in the deterministic CBOR of the protocol. */
import { concat, utf8 } from "./bytes.js";
import { kidOf, publicBytes, sign } from "./keys.js";

const ES256 = Uint8Array.of(0x26); // the integer -7
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n; // of P-256
const BYTES = 2,
  TEXT = 3,
  ARRAY = 4,
  MAP = 5;
const TAG_SIGN1 = Uint8Array.of(0xd2);

const head = (major, argument) => {
  if (argument < 24) return Uint8Array.of((major << 5) | argument);
  if (argument < 256) return Uint8Array.of((major << 5) | 24, argument);
  return Uint8Array.of((major << 5) | 25, argument >> 8, argument & 255);
};
const bytes = (value) => concat(head(BYTES, value.length), value);
const text = (value) => concat(head(TEXT, utf8(value).length), utf8(value));
const truth = (value) => Uint8Array.of(value ? 0xf5 : 0xf4);
/* Keys 1, 2, 3, … in their order. */
const map = (keys, ...values) =>
  concat(head(MAP, values.length), ...values.flatMap((value, n) => [head(0, keys[n]), value]));

/* Returns r‖s with the low s: of the two that fit, signers send that one (protocol §1). */
const lowS = (signature) => {
  const hex = (part) => [...part].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const s = BigInt(`0x${hex(signature.subarray(32))}`);
  if (s <= ORDER / 2n) return signature;
  const low = (ORDER - s).toString(16).padStart(64, "0").match(/../g);
  return concat(signature.subarray(0, 32), Uint8Array.from(low, (two) => Number.parseInt(two, 16)));
};

/* challenge in bytes; verified: whether the phone has just checked its holder. */
export const assertion = async ({ pair, device, appSerial, challenge, verified }) => {
  const kid = await kidOf(await publicBytes(pair));
  const protectedHeader = map([1, 4], ES256, bytes(kid));
  const payload = map([1, 2, 3, 4], bytes(challenge), text(device), text(appSerial), truth(verified));
  const signed = [text("Signature1"), bytes(protectedHeader), bytes(new Uint8Array()), bytes(payload)];
  const signature = lowS(await sign(pair, concat(head(ARRAY, signed.length), ...signed)));
  const parts = [bytes(protectedHeader), head(MAP, 0), bytes(payload), bytes(signature)];
  return concat(TAG_SIGN1, head(ARRAY, parts.length), ...parts);
};
