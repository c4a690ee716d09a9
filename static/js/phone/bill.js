/* The Bill that a terminal leaves at a relay (protocol §4.1): COSE_Sign1 in the one form the protocol allows. The phone
   cannot know the terminal's key: the portal verifies the signature, and the phone compares what both say. */
import { Malformed, decode } from "./cbor.js";

// Tag 18, array of 4, byte string of 13: the map {1: -7, 4: the 8 bytes that follow}.
const BEFORE_KID = [0xd2, 0x84, 0x4d, 0xa2, 0x01, 0x26, 0x04, 0x48];
const KID_END = BEFORE_KID.length + 8;
const SIGNATURE_BYTES = 64;
const SHAPES = new Map([
  [1, (v) => v === 1],
  [2, (v) => isText(v, 1, 64)],
  [3, (v) => isCount(v) && v < 2 ** 30],
  [4, (v) => /^T[0-9A-HJKMNP-TV-Z]{22}$/.test(v)],
  [5, (v) => isCount(v) && v >= 1],
  [6, (v) => /^[A-Z]{3}$/.test(v)],
  [7, (v) => isText(v, 0, 64)],
  [8, (v) => v instanceof Uint8Array && v.length === 16],
  [9, (v) => isCount(v) && v < 1e11],
  [10, (v) => isText(v, 1, 64)],
]);
const isCount = (value) => typeof value === "number";
const isText = (value, least, most) =>
  typeof value === "string" && [...value].length >= least && [...value].length <= most;

/* Returns the payload of a COSE_Sign1, unverified. */
const payloadOf = (data) => {
  if (BEFORE_KID.some((byte, i) => data[i] !== byte) || data[KID_END] !== 0xa0)
    throw new Malformed("not a signed object");
  // What is left is the payload and the signature: read as the array of two that they are.
  const [payload, signature] = decode(Uint8Array.of(0x82, ...data.subarray(KID_END + 1)));
  if (!(payload instanceof Uint8Array) || signature?.length !== SIGNATURE_BYTES)
    throw new Malformed("not a signed object");
  return payload;
};

/* Returns {merchant, tid, amount, currency, order, expires, relay}: amount in minor units, expires in epoch seconds. */
export const readBill = (data) => {
  const fields = decode(payloadOf(data));
  if (!(fields instanceof Map) || fields.size !== SHAPES.size) throw new Malformed("not a bill");
  for (const [key, holds] of SHAPES)
    if (!fields.has(key) || !holds(fields.get(key))) throw new Malformed("not a bill");
  const [merchant, , tid, amount, currency, order, , expires, relay] = [2, 3, 4, 5, 6, 7, 8, 9, 10].map((k) =>
    fields.get(k),
  );
  return { merchant, tid, amount, currency, order, expires, relay };
};

/* Whether what the portal confirmed at the claim is what the bill says. */
export const isSame = (bill, claimed) =>
  bill.tid === claimed.tid &&
  bill.merchant === claimed.merchant.id &&
  bill.amount === claimed.amount &&
  bill.currency === claimed.currency &&
  bill.order === claimed.order;
