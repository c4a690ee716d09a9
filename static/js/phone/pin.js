/* PIN codes (protocol §2): what the phone sends instead of its holder's PIN. The PIN is typed for each code and kept
   nowhere; the device secret is a key that cannot be read out; a counter is on the disk before its code exists. */
import { bigEndian64, concat, utf8 } from "./bytes.js";
import * as store from "./store.js";

const COUNTER = "counter";
const WINDOW = 20; // counters above the last successful one that the portal accepts

const hmacKey = (bytes) => crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const mac = async (key, bytes) => new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));

/* HKDF-SHA-256 (RFC 5869), one block: extracting is an HMAC under the salt, and the salt is the device secret, which
   so stays in the key store. */
export const psnKey = async (secret, pin) => {
  const extracted = await hmacKey(await mac(secret, utf8(pin)));
  return mac(extracted, concat(utf8("paydesk psn v1"), Uint8Array.of(1)));
};

/* subject: TSN, T-ID or "PIN"; card: its 16-byte token */
export const pinCode = async ({ psnKey: key, subject, card, counter }) => {
  const made = await mac(await hmacKey(key), concat(utf8(subject), card, bigEndian64(counter)));
  const number = new DataView(made.buffer).getBigUint64(0) % 10n ** 10n;
  return number.toString().padStart(10, "0");
};

const counters = (next) => store.change(COUNTER, (was = { used: 0, confirmed: 0 }) => next(was));

/* Returns {counter, code}. */
export const nextCode = async ({ secret, pin, subject, card }) => {
  const { used: counter } = await counters((was) => ({ ...was, used: was.used + 1 }));
  return { counter, code: await pinCode({ psnKey: await psnKey(secret, pin), subject, card, counter }) };
};

/* For a code whose success may never be heard of: before a window of them is spent, counters that never succeeded are
   taken again. */
export const forUnheard = async (what) => {
  await counters((was) => (was.used - was.confirmed < WINDOW - 1 ? was : { ...was, used: was.confirmed }));
  return nextCode(what);
};

/* The portal took this counter. */
export const succeeded = (counter) =>
  counters((was) => ({ used: Math.max(was.used, counter), confirmed: Math.max(was.confirmed, counter) }));

/* The portal finds the counter too far ahead: only codes that never succeeded are made again. */
export const ahead = () => counters((was) => ({ ...was, used: was.confirmed }));

/* The portal has taken this counter or a later one: a step as wide as its window cannot pass over it. */
export const behind = (counter) =>
  counters((was) => ({ used: counter + WINDOW - 1, confirmed: Math.max(was.confirmed, counter) }));
