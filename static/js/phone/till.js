/* One payment on the screen: looked for, decided with a PIN, on its way, at its end. */
import { linesOf } from "./benefit_words.js";
import { banner, button, h, icon, linkButton, say } from "./dom.js";
import { inFours } from "./numbers.js";
import { pinForm } from "./pinpad.js";
import { cards, now } from "./wallet.js";
import { declined, ended, left, money, refused, saidOf } from "./words.js";

const TICK_MS = 1_000;

export const stage = (tone, { sign, lead, amount, words, acts = [] }) =>
  h(
    "section",
    { class: `till-stage ${tone}` },
    sign ? h("span", { class: "phone-sign" }, sign) : null,
    h("p", { class: "lead" }, lead),
    amount ? h("p", { class: "till-amount" }, amount) : null,
    words ? h("p", {}, words) : null,
    acts,
  );

export const waiting = (lead, words, amount) =>
  stage("till-check", { sign: h("span", { class: "phone-ring" }), lead, words, amount });

const amountOf = ({ claimed }) => (claimed ? money(claimed.amount, claimed.currency) : "");
const shopOf = ({ merchant, store }) => [merchant.name, store].filter(Boolean).join(", ");

export const screens = {
  looking: (app, state) => [waiting("Looking for the bill", inFours(state.tid).join(" "))],
  waiting: (app, state) => [
    waiting("Waiting for the shop", "The shop is just sending this. It takes up to 10 seconds."),
    h(
      "p",
      { class: "muted center tid" },
      inFours(state.tid).map((part) => h("span", {}, part)),
    ),
  ],
  checking: (app, state) => [
    state.call?.act === "approve" || state.counter
      ? waiting(
          state.tries ? "Checking" : "Paying",
          state.tries ? "No answer yet. This phone keeps asking: do not pay again." : "Do not close this page.",
          amountOf(state),
        )
      : waiting("Telling the shop", "One moment."),
  ],
  paid: (app, state) => [
    stage("till-paid", {
      sign: icon("ok"),
      lead: "PAID",
      amount: amountOf(state),
      words: [shopOf(state.claimed), h("br"), "Approval ", h("span", { class: "mono" }, state.code)],
      acts: [
        state.lines?.length
          ? linesOf({ ...state.claimed, lines: state.lines, rest: state.rest, restWord: "The card paid" })
          : null,
        h("a", { class: "btn btn-primary btn-lg", href: "#home" }, "Done"),
      ],
    }),
    linkButton("#receipts", "", icon("sales", 20), "See the receipt"),
  ],
  declined: (app, state) =>
    end(app, state.reason === "customer_declined" ? "neutral" : "bad", declined(state.reason), state),
  released: (app, state) => end(app, "neutral", ["Given back", "Another phone can pay this now."], state),
  ended: (app, state) => end(app, state.reason === "APPROVED" ? "info" : "neutral", ended(state.reason), state),
  refused: (app, state) => end(app, AGAIN.has(state.reason) ? "warn" : "bad", refused(state.reason), state),
};

const AGAIN = new Set(["tid_unknown", "tid_claimed", "unreachable"]);
const end = (app, tone, [lead, words], state) => {
  const again = AGAIN.has(state.reason) || state.step === "released";
  const acts = [
    again
      ? button("btn-primary", () => app.pay({ tid: state.tid, bill: state.bill }), icon("refresh", 20), "Try again")
      : null,
    state.reason === "signature_invalid" ? linkButton("#phone", "btn-primary", "About this phone") : null,
    linkButton("#home", again ? "" : "btn-primary", "Done"),
  ];
  return [
    stage(`phone-end is-${tone}`, { sign: icon(tone), lead, amount: amountOf(state), words }),
    h("div", { class: "stack stack-2" }, acts),
  ];
};

/* The bill and the decision: cards on this phone, the PIN, and the ways out. */
export const decide = async (app, state, purchase) => {
  const { claimed } = state;
  const usable = (await cards()).filter(
    (card) => card.certificate && card.state === "ACTIVE" && card.currency === claimed.currency,
  );
  const worth = amountOf(state);
  const head = h(
    "section",
    { class: "balance" },
    h("p", { class: "muted" }, shopOf(claimed)),
    h("p", { class: "figure" }, worth),
    h(
      "p",
      { class: "muted" },
      claimed.order ? `Order ${claimed.order}, ` : "",
      countDown(app, claimed.expires_at, () => purchase.go()),
    ),
  );
  const ways = h(
    "div",
    { class: "phone-ways" },
    h("button", { class: "btn btn-sm", type: "button", onclick: () => purchase.release() }, "Give to another phone"),
    h("button", { class: "btn btn-sm", type: "button", onclick: () => purchase.decline() }, "Decline"),
  );
  if (!usable.length) {
    return [
      head,
      banner("warn", [
        "No card here can pay this.",
        `Put a ${claimed.currency} card on this phone first, or unfreeze it.`,
      ]),
      linkButton("#home", "btn-primary", "Show my cards"),
      ways,
    ];
  }
  const chosen = usable.find((card) => card.card === state.card) ?? usable[0];
  const told = state.reason && banner("bad", refused(state.reason));
  const pin = pinForm({
    above: cardPick(usable, chosen),
    words: `Pay ${state.plan ? money(mostOf(state), claimed.currency) : worth}`,
    note: "The shop sees only that you paid, never your card number.",
    locked: state.reason === "device_locked",
    act: (typed, form) => purchase.approve(new FormData(form).get("card"), typed),
  });
  return [head, told, benefitsOf(purchase), pin, ways];
};

const mostOf = ({ claimed, plan }) => claimed.amount - plan.savings;

/* What benefits would pay of the bill: asked for by the customer, as every plan ends the one before. */
const benefitsOf = (purchase) => {
  const { claimed, plan, planned } = purchase.state;
  const fault = h("div");
  const act = (does) => async () => {
    try {
      await does();
    } catch (wrong) {
      fault.replaceChildren(banner("bad", saidOf(wrong)));
    }
  };
  const card = () => document.querySelector("[name=card]:checked").value;
  if (!plan) {
    return h(
      "section",
      { class: "stack stack-2" },
      planned ? h("p", { class: "muted" }, "None of your benefits takes anything off this bill.") : null,
      planned ? null : button("", act(() => purchase.useBenefits(card())), icon("tag", 20), "Use my benefits"),
      fault,
    );
  }
  return h(
    "section",
    { class: "stack stack-2", "aria-label": "Benefits" },
    h(
      "dl",
      { class: "kv kv-money" },
      h("dt", {}, "Benefits", h("span", { class: "hint" }, plan.selections.map((each) => each.source).join(", "))),
      h("dd", {}, money(-plan.savings, claimed.currency)),
      h("dt", { class: "total" }, "The card pays at most"),
      h("dd", { class: "total" }, money(mostOf(purchase.state), claimed.currency)),
    ),
    button("btn-quiet", act(() => purchase.leaveBenefits()), "Leave benefits out"),
    fault,
  );
};

/* Counts down to a time, and calls over once it is there. */
export const countDown = (app, expiresAt, over) => {
  const words = h("span");
  const tick = () => {
    const ms = Date.parse(expiresAt) - now();
    words.textContent = `good for ${left(ms)}`;
    if (ms <= 0) {
      clearInterval(timer);
      over();
    }
  };
  const timer = setInterval(tick, TICK_MS);
  app.onLeave(() => clearInterval(timer));
  tick();
  return words;
};

const cardPick = (usable, chosen) =>
  h(
    "fieldset",
    { class: "pick" },
    h("legend", { class: "sr" }, "Pay with"),
    usable.map((card) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "card", value: card.card, checked: card === chosen }),
        h(
          "span",
          {},
          `Card •••• ${card.last4}`,
          h("span", { class: "sub" }, `${money(card.available, card.currency)} to spend`),
        ),
      ),
    ),
  );

const TITLES = {
  looking: "Pay",
  waiting: "Pay",
  open: "Pay",
  checking: "Pay",
  paid: "Paid",
  declined: "Not paid",
  released: "Not paid",
  ended: "Not paid",
  refused: "Not paid",
};
export const titleOf = (state) =>
  state.step === "ended" && state.reason === "APPROVED" ? "Paid already" : TITLES[state.step];

/* What a screen reader says of what is drawn now. */
export const tell = (state, drawn) => {
  const shown = (name) => drawn.querySelector(name)?.textContent ?? "";
  if (state.step !== "open") say(`${shown(".lead")} ${shown(".till-amount")}`.trim());
  else if (!state.reason) say(`${shopOf(state.claimed)} asks for ${amountOf(state)}`);
};
