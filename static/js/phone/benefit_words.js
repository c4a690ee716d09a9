/* Benefits in the customer's words: what each is, what it is worth, and why it takes what it takes. */
import { h } from "./dom.js";
import { day, money } from "./words.js";

const KINDS = {
  COUPON_ITEM: "Coupon for articles",
  COUPON_PERCENT: "Coupon",
  COUPON_FIXED: "Coupon",
  GRADE: "Membership grade",
  CARD_DISCOUNT: "Card discount",
  STAMP: "Stamp reward",
  POINTS: "Points",
  GIFT_CARD: "Gift card",
  CASH_RECEIPT: "Cash receipt",
};
const GROUNDS = { capped: "up to its most", cut_to_need: "cut to what was left", spent: "all there is on it" };
export const BALANCES = new Set(["POINTS", "GIFT_CARD"]);

export const kindOf = (kind) => KINDS[kind] ?? kind;

const shareOf = (bps) => `${Number((bps / 100).toFixed(2))} %`;

/* What a benefit is worth, in a few words. */
export const worthOf = ({ kind, conditions, available, currency }) => {
  if (kind === "CASH_RECEIPT") return "your number goes on the receipt";
  const parts = [];
  if (BALANCES.has(kind)) parts.push(`${money(available ?? 0, currency)} to use`);
  else if (conditions.percent_bps) parts.push(`${shareOf(conditions.percent_bps)} off`);
  else if (conditions.amount) parts.push(`${money(conditions.amount, currency)} off`);
  if (conditions.cap && !BALANCES.has(kind)) parts.push(`at most ${money(conditions.cap, currency)}`);
  if (conditions.min_purchase) parts.push(`from ${money(conditions.min_purchase, currency)}`);
  return parts.join(", ");
};

export const untilOf = ({ kind, ends_at: ends }) =>
  ends ? `${kind === "POINTS" ? "next expire" : "until"} ${day(ends)}` : "";

const rowOf = (line, currency) => [
  h(
    "dt",
    {},
    kindOf(line.kind),
    h("span", { class: "hint" }, [line.sponsor, GROUNDS[line.why]].filter(Boolean).join(", ")),
  ),
  h("dd", {}, line.amount ? money(-line.amount, currency) : "attached"),
];

const listOf = (before, lines, currency, word, amount) =>
  h(
    "dl",
    { class: "kv kv-money" },
    before,
    lines.map((line) => rowOf(line, currency)),
    h("dt", { class: "total" }, word),
    h("dd", { class: "total" }, money(amount, currency)),
  );

/* A purchase with what benefits take off it, and what is left. */
export const linesOf = ({ amount, currency, lines, rest, restWord }) =>
  listOf([h("dt", {}, "Purchase"), h("dd", {}, money(amount, currency))], lines, currency, restWord, rest);

/* What of a payment benefits paid. Without a card the rest went over the counter, and only benefits are known here. */
export const paidBy = ({ amount, currency, lines, card }) => {
  if (!card) return listOf([], lines, currency, "Benefits paid", amount);
  const rest = amount - lines.reduce((sum, line) => sum + line.amount, 0);
  return linesOf({ amount, currency, lines, rest, restWord: "The card paid" });
};
