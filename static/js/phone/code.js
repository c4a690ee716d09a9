/* One code for the till: what it brings, its QR and digits, how long it is good, and what came of it. With a card behind
   it, a PIN makes it pay as well. The page asks every two seconds what the till does. */
import { kindOf, paidBy } from "./benefit_words.js";
import { banner, h, icon, linkButton, say } from "./dom.js";
import { inFours } from "./numbers.js";
import { pinForm } from "./pinpad.js";
import * as plans from "./plans.js";
import { picture } from "./qr.js";
import { countDown, stage } from "./till.js";
import { now, payments } from "./wallet.js";
import { money, refused } from "./words.js";

const ASK_MS = 2_000;

let paying = null; // {plan, number, until}: the payment number, in this page's memory alone

/* Follows what the till does with the code until this screen is left: a question, or an end. */
const follow = (app, plan) => {
  let timer;
  let left = false;
  app.onLeave(() => {
    left = true;
    clearTimeout(timer);
  });
  const ask = async () => {
    try {
      const asked = await plans.waiting();
      const ended = asked.length ? undefined : await plans.endedIn(plan);
      if (left) return;
      if (asked.length) {
        app.go(`#consent/${asked[0].checkout}`);
        return;
      }
      if (ended) {
        await plans.forget();
        app.go(`#done/${ended.payment}`);
        return;
      }
    } catch {
      /* asked again */
    }
    if (!left) timer = setTimeout(ask, ASK_MS);
  };
  timer = setTimeout(ask, ASK_MS);
};

const usesOf = (plan) =>
  h(
    "section",
    { class: "stack stack-2", "aria-labelledby": "uses" },
    h("h2", { id: "uses" }, plan.selections.length ? "It uses" : "It uses no benefit"),
    plan.selections.length
      ? h(
          "ul",
          { class: "list" },
          plan.selections.map((each) =>
            h(
              "li",
              {},
              icon("tag", 20),
              h("span", {}, each.source || kindOf(each.kind), h("span", { class: "sub" }, kindOf(each.kind))),
              h("span", { class: "amt" }, each.amount ? `up to ${money(each.amount, each.currency)}` : ""),
            ),
          ),
        )
      : null,
    plan.best
      ? h(
          "p",
          { class: "muted" },
          `Best for ${money(plan.best.amount, plan.best.currency)}: it saves ${money(plan.savings, plan.best.currency)}.`,
        )
      : null,
  );

const shown = (text, digits) =>
  h(
    "div",
    { class: "qr qr-lg" },
    picture(text, "QR code with the number below"),
    h("p", { class: "tid mono" }, inFours(digits).map((part) => h("span", {}, part))),
  );

export const codeScreen = async (app) => {
  const plan = await plans.kept();
  const isGood = plan && Date.parse(plan.expires_at) > now();
  if (!isGood) {
    const words = plan
      ? ["The code's time is over.", "If a till took it, the receipt says so."]
      : ["No code yet.", "Choose what to use, and make one."];
    return {
      title: "Code",
      tab: "benefits",
      body: [
        banner("info", words),
        linkButton("#benefits", "btn-primary", "Make a new code"),
        linkButton("#receipts", "", icon("sales", 20), "Receipts"),
      ],
    };
  }
  const mayPay = plan.card && Date.parse(plan.psn_expires_at) > now();
  if (paying?.plan !== plan.plan || !mayPay) paying = null;
  const number = paying?.number ?? "";
  follow(app, plan);
  const makeItPay = pinForm({
    words: "Make it pay too",
    note: "Without the PIN the code brings benefits alone, and you pay at the till.",
    act: async (typed) => {
      paying = { plan: plan.plan, number: await plans.paymentNumber(plan, typed) };
      app.again();
    },
  });
  const body = [
    shown(number ? `S1.${plan.tsn}.${number}` : `S1.${plan.tsn}`, plan.tsn + number),
    h(
      "p",
      { class: "lead center" },
      number ? "Showing this pays. " : "Benefits alone. ",
      h("span", { class: "muted" }, countDown(app, number ? plan.psn_expires_at : plan.expires_at, () => app.again())),
    ),
    mayPay && !number ? makeItPay : null,
    usesOf(plan),
    linkButton("#benefits", "", "Choose anew"),
  ];
  const title = number ? "Show to pay" : "Show the code";
  return { title, back: "#benefits", tabbed: false, body };
};

/* How it ended at the till, in the words of the receipt. */
export const doneScreen = async (_app, reference) => {
  const payment = (await payments()).find((each) => each.payment === reference);
  if (!payment) return { title: "Receipt", tab: "benefits", body: [banner("warn", refused("gone"))] };
  const { amount, currency } = payment;
  if (payment.state === "DECLINED") {
    const words = "The card did not pay: the cashier sees why. Your benefits are free again.";
    const told = stage("phone-end is-bad", { sign: icon("bad"), lead: "Not paid", words });
    return { title: "Not paid", tab: "benefits", body: [told, linkButton("#benefits", "btn-primary", "Make a new code")] };
  }
  const lead = payment.card ? "PAID" : "Benefits used";
  say(`${lead} ${money(amount, currency)}`);
  const told = stage("till-paid", {
    sign: icon("ok"),
    lead,
    amount: money(amount, currency),
    words: [
      [payment.merchant.name, payment.store].filter(Boolean).join(", "),
      payment.card ? null : [h("br"), "What was left, you paid at the till."],
    ],
    acts: [
      paidBy(payment),
      h("a", { class: "btn btn-primary btn-lg", href: "#home" }, "Done"),
    ],
  });
  const receipt = linkButton(`#receipt/${reference}`, "", icon("sales", 20), "See the receipt");
  return { title: "Paid", tab: "benefits", body: [told, receipt] };
};
