/* What the customer may use at the next till, and a plan of it: by hand, or the best for a purchase. */
import { BALANCES, kindOf, untilOf, worthOf } from "./benefit_words.js";
import { banner, busy, choices, field, h, icon, linkButton } from "./dom.js";
import * as plans from "./plans.js";
import { cards, payments } from "./wallet.js";
import { digitsOf, money, saidOf } from "./words.js";

/* Returns what was typed in minor units; undefined for nothing, NaN for what is no amount. */
const minor = (text, currency) => {
  const bare = text.replace(/[\s,]/g, "");
  if (!bare) return undefined;
  const digits = digitsOf(currency);
  const fits = new RegExp(digits ? `^\\d{1,12}(\\.\\d{1,${digits}})?$` : "^\\d{1,12}$").test(bare);
  const amount = fits ? Math.round(Number(bare) * 10 ** digits) : NaN;
  return amount > 0 ? amount : NaN;
};

const plain = (amount, currency) => (amount / 10 ** digitsOf(currency)).toFixed(digitsOf(currency));

/* One benefit to choose; of a balance, how much of it at most: all there is, unless the customer wants less. */
const row = (offer) => {
  const box = h("input", { type: "checkbox", name: "benefit", value: offer.benefit, checked: true });
  const most = BALANCES.has(offer.kind)
    ? h("input", {
        class: "input phone-most",
        inputmode: "decimal",
        value: plain(offer.available ?? 0, offer.currency),
        "aria-label": `At most of ${offer.source}`,
      })
    : null;
  const label = h(
    "label",
    {},
    box,
    h(
      "span",
      {},
      offer.source,
      h("span", { class: "sub" }, [kindOf(offer.kind), worthOf(offer)].filter(Boolean).join(": ")),
      h("span", { class: "sub" }, untilOf(offer)),
    ),
    most ?? h("span"),
  );
  const chosen = () => {
    if (!box.checked) return null;
    const amount = most ? minor(most.value, offer.currency) : undefined;
    return amount === undefined ? { benefit: offer.benefit } : { benefit: offer.benefit, amount };
  };
  return { label, chosen };
};

/* Shops to plan for: those of receipts by name, others by a benefit that counts there alone. */
const shopsOf = (offers, paid) => {
  const shops = new Map(paid.map((each) => [each.merchant.id, each.merchant.name]));
  for (const { conditions, source } of offers) {
    const [only, ...more] = conditions.merchants ?? [];
    if (only && !more.length && !shops.has(only)) shops.set(only, `Where “${source}” counts`);
  }
  return [...shops];
};

const bestOf = (shops, currency) => {
  const amount = field({
    id: "amount",
    label: `Amount in ${currency}, if you know it`,
    hint: "Then the best of what is chosen is found for it.",
    inputmode: "decimal",
    maxlength: 16,
  });
  const shop = h(
    "select",
    { class: "input", id: "shop" },
    shops.map(([id, name]) => h("option", { value: id }, name)),
  );
  const box = h(
    "section",
    { class: "stack" },
    amount.box,
    h("div", { class: "field" }, h("label", { for: "shop" }, "Shop"), shop),
  );
  return { box: shops.length ? box : null, amount, shop };
};

export const benefitsScreen = async (app) => {
  const [offers, mine, paid, plan] = await Promise.all([plans.benefits(), cards(), payments(), plans.kept()]);
  const usable = mine.filter((card) => card.certificate && card.state === "ACTIVE");
  const currency = offers[0]?.currency ?? usable[0]?.currency ?? "KRW";
  const rows = offers.map(row);
  const best = bestOf(shopsOf(offers, paid), currency);
  const limit = field({
    id: "limit",
    label: "Ask me above",
    hint: "Up to there the code pays without asking. Empty: the card's own limit.",
    inputmode: "decimal",
    maxlength: 16,
  });
  const notice = h("div");
  const submit = h("button", { class: "btn btn-primary btn-block", type: "submit" }, icon("qr", 20), "Make the code");
  const wishOf = (form) => {
    const card = new FormData(form).get("card");
    const wish = { selections: rows.map((each) => each.chosen()).filter(Boolean) };
    const amount = minor(best.amount.input.value, currency);
    const most = minor(limit.input.value, currency);
    if (!best.amount.tell(Number.isNaN(amount) ? "This is no amount." : "")) return null;
    if (!limit.tell(Number.isNaN(most) ? "This is no amount." : "")) return null;
    if (wish.selections.some((each) => Number.isNaN(each.amount))) {
      notice.replaceChildren(banner("bad", ["That did not work", "What to use at most is no amount."]));
      return null;
    }
    if (card) Object.assign(wish, { card, ...(most ? { max_amount: most } : {}) });
    if (amount && best.shop.value) wish.best_for = { merchant: best.shop.value, amount, currency };
    return wish;
  };
  const make = async (form) => {
    notice.replaceChildren();
    try {
      const [asked] = await plans.waiting();
      if (asked) {
        app.go(`#consent/${asked.checkout}`);
        return;
      }
      const wish = wishOf(form);
      if (!wish) return;
      await plans.forTill(wish);
      app.go("#code");
    } catch (wrong) {
      notice.replaceChildren(banner("bad", saidOf(wrong)));
    }
  };
  const form = h(
    "form",
    {
      class: "stack stack-5",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        busy(submit, () => make(form));
      },
    },
    offers.length
      ? h(
          "fieldset",
          { class: "pick" },
          h("legend", {}, "Use what of it counts"),
          rows.map((each) => each.label),
        )
      : h("p", { class: "muted" }, "No benefits yet. A code still lets you pay by showing the phone."),
    best.box,
    choices("Pay", "card", [
      ["", "At the till", "cash or card, as the cashier takes it"],
      ...usable.map((card) => [
        card.card,
        `By showing the phone, card •••• ${card.last4}`,
        `${money(card.available, card.currency)} to spend`,
      ]),
    ]),
    usable.length ? limit.box : null,
    notice,
    submit,
  );
  const body = [plan ? linkButton("#code", "", icon("qr", 20), "Show the code I made") : null, form];
  return { title: "Benefits", back: "#home", tabbed: false, body };
};
