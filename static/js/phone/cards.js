/* Home and cards: what can be spent, a card put on this phone, the owner's freeze. */
import { art, banner, button, h, icon, link, linkButton, pill, say } from "./dom.js";
import * as plans from "./plans.js";
import { IN_THE_MIDDLE, kept } from "./purchase.js";
import { rowsOf } from "./receipts.js";
import { cards, now, payments, setFrozen, takeCard } from "./wallet.js";
import { CARD_STATES, money, refused, saidOf } from "./words.js";

const RECENT = 3;

const face = (card) => {
  const where = card.certificate ? "On this phone" : "Not on this phone yet";
  return h(
    "a",
    { class: "card-face", href: `#card/${card.card}` },
    art(),
    h("span", { class: "row" }, h("b", { class: "grow" }, card.programme_name), pill(CARD_STATES[card.state])),
    h(
      "span",
      {},
      h("span", { class: "no" }, h("span", { class: "sr" }, "ending in "), `•••• ${card.last4}`),
      h("span", { class: "muted" }, where),
    ),
  );
};

const spendable = (card) =>
  h(
    "section",
    { class: "balance", "aria-labelledby": `av-${card.last4}` },
    h("p", { class: "muted", id: `av-${card.last4}` }, "You can spend"),
    h("p", { class: "figure" }, money(card.available, card.currency)),
    card.offline_reserve
      ? h(
          "p",
          { class: "muted small" },
          `${money(card.offline_reserve, card.currency)} more is set aside for paying without network`,
        )
      : null,
  );

/* The card's own key is made here, and its certificate fetched. */
const takeButton = (app, card, notice) =>
  button(
    "btn-primary",
    async () => {
      try {
        const there = await takeCard(card.card);
        if (there) {
          say(`Card ${card.last4} is on this phone`);
          await app.again();
          return;
        }
        notice.replaceChildren(banner("info", ["Staff of the issuer have to agree.", "Try again once they have."]));
      } catch (wrong) {
        notice.replaceChildren(banner("bad", saidOf(wrong)));
      }
    },
    icon("plus", 20),
    "Put this card on the phone",
  );

export const home = async (app) => {
  const [mine, paid, open, plan] = await Promise.all([cards(), payments(), kept(), plans.kept()]);
  const notice = h("div");
  const ready = mine.some((card) => card.certificate && card.state === "ACTIVE");
  const toTake = mine.find((card) => !card.certificate && card.state === "ACTIVE");
  const pay = linkButton("#pay", ready ? "btn-primary" : "", icon("scan", 20), "Scan or type, and pay");
  const acts = [
    !ready && toTake ? takeButton(app, toTake, notice) : null,
    pay,
    linkButton("#benefits", "", icon("tag", 20), "Use benefits at a till"),
    linkButton("#relay", "", icon("relay", 20), "Fetch the bill from a relay"),
    linkButton("#ahead", "", icon("cash", 20), "Approve cash or a ticket beforehand"),
  ];
  const body = [
    open && IN_THE_MIDDLE.has(open.step)
      ? banner("info", ["A bill is open.", "It waits for you."], link("#purchase", "Look at it"))
      : null,
    plan && Date.parse(plan.expires_at) > now()
      ? banner("info", ["Your code for the till is good.", ""], link("#code", "Show it"))
      : null,
    ...mine.map((card) => h("div", { class: "stack" }, face(card), spendable(card))),
    mine.length ? null : banner("info", ["No card yet.", "The card's issuer has to issue one to this customer."]),
    notice,
    h("div", { class: "stack stack-2" }, acts),
    h(
      "section",
      { "aria-labelledby": "ac" },
      h(
        "div",
        { class: "section-head" },
        h("h2", { id: "ac" }, "Receipts"),
        paid.length ? link("#receipts", "All") : null,
      ),
      paid.length ? rowsOf(paid.slice(0, RECENT)) : h("p", { class: "muted" }, "None yet. What you pay shows here."),
    ),
  ];
  return { title: "Wallet", tab: "home", settings: true, body };
};

export const cardPage = async (app, reference) => {
  const card = (await cards()).find((one) => one.card === reference);
  if (!card) return { title: "Card", back: "#home", body: [banner("warn", refused("gone"))] };
  const notice = h("div");
  const freeze = (frozen, name, words) =>
    button(
      "",
      async () => {
        try {
          await setFrozen(card.card, frozen);
          say(frozen ? "Card is frozen" : "Card is free again");
          await app.again();
        } catch (wrong) {
          notice.replaceChildren(banner("bad", saidOf(wrong)));
        }
      },
      icon(name, 20),
      words,
    );
  const worth = (word, amount) => [h("dt", {}, word), h("dd", {}, money(amount, card.currency))];
  const body = [
    face(card),
    spendable(card),
    notice,
    h(
      "dl",
      { class: "kv kv-money" },
      worth("Balance", card.balance),
      worth("Held", card.held),
      worth("Set aside for offline", card.offline_reserve),
    ),
    h(
      "div",
      { class: "stack stack-2" },
      card.certificate || card.state !== "ACTIVE" ? null : takeButton(app, card, notice),
      card.state === "ACTIVE" ? freeze(true, "pause", "Freeze this card") : null,
      card.state === "FROZEN" ? freeze(false, "play", "Unfreeze this card") : null,
      card.state === "ACTIVE"
        ? h("p", { class: "muted small" }, "A frozen card pays nowhere until you unfreeze it.")
        : null,
    ),
  ];
  if (card.state === "BLOCKED")
    body.splice(
      2,
      0,
      banner("bad", ["The issuer blocked this card.", "Ask the issuer why; only they can unblock it."]),
    );
  return { title: `Card •••• ${card.last4}`, back: "#home", tab: "home", body };
};
