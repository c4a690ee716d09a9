/* The phone's keys (protocol §1-§3): P-256 for the device and for each card, a secret for PIN codes. None can be read
   out of the browser's key store, by this page neither. */
import { sha256 } from "./bytes.js";

export const newSigningKey = () =>
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);

export const newDeviceSecret = () =>
  crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);

/* 65 bytes, uncompressed */
export const publicBytes = async (pair) => new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));

/* The key's id: the first 8 bytes of SHA-256 of the public key. */
export const kidOf = async (publicKey) => (await sha256(publicKey)).slice(0, 8);

/* r‖s, 64 bytes (ES256) */
export const sign = async (pair, bytes) =>
  new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, bytes));
