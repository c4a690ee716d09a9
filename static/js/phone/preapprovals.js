/* Pre-approvals from the customer's side (protocol §7): the holder proves to be there, then a transaction is approved,
   and a number alone finishes it at a machine. The portal tells a number once; this phone keeps it until it has ended,
   and a question that was sent until it is answered, so that a lost answer costs nothing. */
import { fromB64url, toB64url } from "./bytes.js";
import { assertion } from "./assertion.js";
import * as store from "./store.js";
import { Refused, enrolled, get, newIdempotencyKey, now, post, remove } from "./wallet.js";

const PROOF = "authentication"; // {authentication, expires_at}: good for one approval
const ASKING = "preapproval asked"; // {body, key} until it is answered
const NUMBERS = "approval numbers"; // {[preapproval]: {number, code}}
const UNDECIDED = new Set([401, 408, 425, 429]);
export const LIVE = new Set(["APPROVED", "IN_PROGRESS", "SUSPENSE"]);

/* Proves who holds the phone; verified: what its sensor says. */
export const authenticate = async (verified) => {
  const { device, pair, appSerial } = await enrolled();
  if (!appSerial) throw new Refused(403, { code: "app_serial_unknown" });
  const { challenge } = await get("/wallet/authentications");
  const made = await assertion({ pair, device, appSerial, challenge: fromB64url(challenge), verified });
  const body = { app_serial: appSerial, challenge, assertion: toB64url(made) };
  await store.write(PROOF, await post("/wallet/authentications", body));
};

/* What was proved and not yet used, if there is time left to use it. */
export const proof = async () => {
  const kept = await store.read(PROOF);
  return kept && Date.parse(kept.expires_at) > now() ? kept : null;
};

/* wish: {kind, card, amount, currency, valid_s?, pickup_code?, partial?}. Returns the portal's answer. */
export const approve = async (wish) => {
  const { authentication } = (await proof()) ?? { authentication: "" };
  await store.write(ASKING, { body: { authentication, ...wish }, key: newIdempotencyKey() });
  return settle();
};

export const isAsking = async () => Boolean(await store.read(ASKING));

/* Sends what was asked until it is decided, the same bytes under the same key: it is one approval. */
export const settle = async () => {
  const { body, key } = await store.read(ASKING);
  let told;
  try {
    told = await post("/wallet/preapprovals", body, key);
  } catch (wrong) {
    const decided = wrong instanceof Refused && !UNDECIDED.has(wrong.status) && wrong.code !== "idempotency_in_progress";
    if (decided) await store.remove(ASKING);
    if (wrong.code === "authentication_required") await store.remove(PROOF);
    throw wrong;
  }
  if (told.number) {
    const { number, code } = told;
    await store.change(NUMBERS, (was) => ({ ...was, [told.preapproval]: { number, code } }));
  }
  await store.remove(PROOF);
  await store.remove(ASKING);
  return told;
};

/* The customer's pre-approvals as the portal has them, newest first; numbers of those that ended are forgotten. */
export const list = async () => {
  const { preapprovals } = await get("/wallet/preapprovals");
  const live = new Set(preapprovals.filter(({ state }) => LIVE.has(state)).map(({ preapproval }) => preapproval));
  const kept = await store.change(NUMBERS, (was) =>
    Object.fromEntries(Object.entries(was ?? {}).filter(([reference]) => live.has(reference))),
  );
  return preapprovals.map((one) => ({ ...one, ...kept[one.preapproval] }));
};

export const cancel = (reference) => remove(`/wallet/preapprovals/${reference}`);
