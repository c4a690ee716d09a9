/* A relay on the shop's table (protocol §4.1), asked without a signature: what it holds, and one bill's bytes. */
import { readBill } from "./bill.js";
import * as store from "./store.js";

const ADDRESS = "relay";
const PATIENCE_MS = 5_000;
const LOOPBACK = new Set(["127.0.0.1", "localhost"]);

/* code: "address", "no_relay", "gone" or "bill_malformed" */
export class RelayFault extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export const address = async () => (await store.read(ADDRESS)) ?? "";

/* Returns the origin of what was typed, or just a port. The browser lets this page reach this machine alone. */
export const originOf = (typed) => {
  const text = typed.trim();
  try {
    const url = new URL(
      /^\d+$/.test(text) ? `http://127.0.0.1:${text}` : /^https?:/.test(text) ? text : `http://${text}`,
    );
    if (url.protocol === "http:" && LOOPBACK.has(url.hostname)) return url.origin;
  } catch {
    /* told below */
  }
  throw new RelayFault("address");
};

const ask = async (origin, path) => {
  let response;
  try {
    response = await fetch(origin + path, {
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new RelayFault("no_relay");
  }
  if (response.status === 404) throw new RelayFault("gone");
  if (!response.ok) throw new RelayFault("no_relay");
  return response;
};

/* Returns [{slot, merchant, order, expires_at}] and remembers the relay. */
export const bills = async (typed) => {
  const origin = originOf(typed);
  let told;
  try {
    told = (await (await ask(origin, "/bills")).json()).bills;
  } catch (wrong) {
    throw new RelayFault(wrong.code && wrong.code !== "gone" ? wrong.code : "no_relay");
  }
  if (!Array.isArray(told)) throw new RelayFault("no_relay");
  await store.write(ADDRESS, origin);
  return told;
};

/* Returns {bill, tid}: the bytes unchanged, and whose T-ID they name. */
export const take = async (typed, slot) => {
  const response = await ask(originOf(typed), `/bills/${encodeURIComponent(slot)}`);
  const bill = new Uint8Array(await response.arrayBuffer());
  try {
    return { bill, tid: readBill(bill).tid };
  } catch {
    throw new RelayFault("bill_malformed");
  }
};
