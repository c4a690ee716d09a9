/* The portal as the phone sees it: every request signed, every POST under an idempotency key. */
import { fromB64url, random, toB64url, utf8 } from "./bytes.js";
import { signed } from "./httpsig.js";
import { kidOf, newDeviceSecret, newSigningKey, publicBytes } from "./keys.js";
import { psnKey } from "./pin.js";
import * as store from "./store.js";

const API = "/api/v1";
const JSON_TYPE = "application/json";
const PATIENCE_MS = 15_000;

/* The portal said no; code is stable, state and errors are there where the problem has them. */
export class Refused extends Error {
  constructor(status, problem, retryAfterS) {
    super(problem.detail ?? `status ${status}`);
    Object.assign(this, { status, code: problem.code ?? "unknown", problem, retryAfterS });
  }
}

/* No answer came, or none of the portal's: the request may have been carried out. */
export class Unreachable extends Error {}

export const newIdempotencyKey = () => toB64url(random(18));

/* How far the portal's clock is ahead of this one, in ms: adopted when it says so, kept over a reload. */
const CLOCK = "clock";
let offsetMs;
const learnOffset = async () => (offsetMs ??= (await store.read(CLOCK)) ?? 0);
export const now = () => Date.now() + (offsetMs ?? 0);
const adopt = async (serverTime) => {
  const told = Date.parse(serverTime);
  if (Number.isNaN(told)) return false;
  offsetMs = told - Date.now();
  await store.write(CLOCK, offsetMs);
  return true;
};

const answerOf = async (response) => {
  let told = null;
  try {
    told = await response.json();
  } catch {
    /* judged by what was expected */
  }
  if (response.ok && told) return told;
  if (response.status >= 500 || !told) throw new Unreachable(`status ${response.status}`);
  throw new Refused(response.status, told, Number(response.headers.get("retry-after")) || 0);
};

/* Signs and sends once; body is the text of a JSON document, or null. */
const once = async ({ pair, keyid, method, path, body, key }) => {
  const url = location.origin + API + path;
  const bytes = body === null ? new Uint8Array() : utf8(body);
  const headers = {};
  if (bytes.length) headers["content-type"] = JSON_TYPE;
  if (key) headers["idempotency-key"] = key;
  const created = Math.floor(now() / 1000);
  const sent = await signed({ pair, keyid, method, url, headers, body: bytes, created, nonce: random(16) });
  const how = { method, headers: sent, credentials: "omit", cache: "no-store", redirect: "error" };
  if (bytes.length) how.body = bytes;
  let response;
  try {
    response = await fetch(url, { ...how, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (lost) {
    throw new Unreachable(String(lost));
  }
  return answerOf(response);
};

/* Sends; where this clock is wrong, adopts the portal's time and sends the same once more, freshly signed. */
const send = async (request) => {
  await learnOffset();
  try {
    return await once(request);
  } catch (refused) {
    if (refused.code !== "signature_expired" || !(await adopt(refused.problem.server_time))) throw refused;
    return once(request);
  }
};

const DEVICE = "device";

/* What enrolment left here: {device, pair, secret, appSerial, fingerprint}; undefined before. */
export const enrolled = () => store.read(DEVICE);

/* Makes this browser a phone of the customer whose code it is. */
export const enrol = async ({ code, pin, name }) => {
  const pair = await newSigningKey();
  const secret = await newDeviceSecret();
  const publicKey = await publicBytes(pair);
  const appSerial = toB64url(random(12));
  const body = JSON.stringify({
    code,
    kind: "PHONE",
    name,
    public_key: toB64url(publicKey),
    app_serial: appSerial,
    psn_key: toB64url(await psnKey(secret, pin)),
  });
  const keyid = toB64url(await kidOf(publicKey));
  const told = await send({ pair, keyid, method: "POST", path: "/enrolments", body, key: newIdempotencyKey() });
  await store.write(DEVICE, { device: told.device, pair, secret, appSerial, fingerprint: told.fingerprint });
};

const asDevice = async (request) => {
  const { device, pair } = await enrolled();
  return send({ pair, keyid: device, body: null, ...request });
};

export const get = (path) => asDevice({ method: "GET", path });

/* The same key for the same act, however often it is sent; body a JSON-able value, or nothing. */
export const post = (path, body, key = newIdempotencyKey()) =>
  asDevice({ method: "POST", path, body: body ? JSON.stringify(body) : null, key });

export const remove = (path, key = newIdempotencyKey()) => asDevice({ method: "DELETE", path, key });

export const cards = async () => (await get("/wallet/cards")).cards;

/* Puts a card on this phone under a key of its own; true once it is there, false while staff have to agree. */
export const takeCard = async (card) => {
  const name = `card ${card}`;
  const pair = (await store.read(name)) ?? (await newSigningKey());
  await store.write(name, pair);
  const told = await post(`/wallet/cards/${card}/certificate`, { public_key: toB64url(await publicBytes(pair)) });
  return Boolean(told.certificate);
};

export const setFrozen = (card, frozen) => post(`/wallet/cards/${card}/${frozen ? "freeze" : "unfreeze"}`);

export const tokenOf = (card) => fromB64url(card);

/* All of the customer's payments, newest first. */
export const payments = async () => {
  const all = [];
  for (let after = "", page; !page || page.payments.length; after = page.next) {
    page = await get(`/wallet/payments${after ? `?after=${encodeURIComponent(after)}` : ""}`);
    all.push(...page.payments);
  }
  return all.reverse();
};
