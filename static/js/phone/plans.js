/* A plan: what to use at the next till, behind one number (protocol §6). The phone has one at a time; a newer one ends
   it. Its payment number is made here, over a PIN that is typed for it, and is in no store: a reload asks again. */
import * as pin from "./pin.js";
import * as store from "./store.js";
import { enrolled, get, payments, post, tokenOf } from "./wallet.js";

const PLAN = "plan";
const OVER = new Set(["APPROVED", "DECLINED", "REVERSED"]);

export const kept = () => store.read(PLAN);
export const forget = () => store.remove(PLAN);

export const benefits = async () => (await get("/wallet/benefits")).benefits;

/* The purchases that wait for this phone's word, oldest first. */
export const waiting = async () => (await get("/wallet/checkouts")).checkouts;

/* Asks for a plan and forgets the one before; names: what its benefits are called. */
const made = async (wish) => {
  const [known, told] = [await benefits(), await post("/wallet/plans", wish)];
  await forget();
  const names = new Map(known.map((each) => [each.benefit, each.source]));
  const picked = told.selections.map((each) => ({ ...each, source: names.get(each.benefit) ?? "" }));
  return { ...told, selections: picked };
};

/* For the next till; what of it is paid from now on shows that it was used there. */
export const forTill = async (wish) => {
  const newest = (await payments())[0]?.payment ?? "";
  const plan = { ...(await made(wish)), card: wish.card ?? "", best: wish.best_for ?? null, after: newest, counter: 0 };
  await store.write(PLAN, plan);
  return plan;
};

/* For a bill on this phone: the best combination, which its approval names. */
export const forBill = ({ card, merchant, amount, currency }) =>
  made({ selections: [], card, best_for: { merchant, amount, currency } });

/* Returns the ten digits that make the plan's number pay. */
export const paymentNumber = async (plan, typed) => {
  const { secret } = await enrolled();
  const next = await pin.forUnheard({ secret, pin: typed, subject: plan.tsn, card: tokenOf(plan.card) });
  await store.write(PLAN, { ...plan, counter: next.counter });
  return next.code;
};

/* Returns the payment in which the plan ended at a till, or undefined. Another phone of this customer may have paid since:
   that one used other benefits, or another card. */
export const endedIn = async (plan) => {
  const mine = new Set(plan.selections.map((each) => each.benefit));
  const { payments: since } = await get(`/wallet/payments?after=${encodeURIComponent(plan.after)}`);
  const found = since.find(
    (each) =>
      each.channel === "SMART" &&
      OVER.has(each.state) &&
      (each.card ?? plan.card) === plan.card &&
      each.lines.every((line) => mine.has(line.benefit)),
  );
  const { counter } = (await kept()) ?? {};
  if (found?.card && counter) await pin.succeeded(counter);
  return found;
};
