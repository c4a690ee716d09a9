/* A purchase at a till asks its customer: more than the code may pay, or another shop's. Approved is what was shown. */
import { linesOf } from "./benefit_words.js";
import { banner, h, icon, linkButton } from "./dom.js";
import { pinForm } from "./pinpad.js";
import * as pin from "./pin.js";
import * as plans from "./plans.js";
import { countDown, stage, waiting } from "./till.js";
import { Unreachable, enrolled, newIdempotencyKey, post, tokenOf } from "./wallet.js";
import { declined, ended, money, saidOf } from "./words.js";

const TRIES = 3; // of a counter that does not fit: put right without asking for the PIN again
const AGAIN_MS = 1_000;
const COUNTERS = { counter_used: (counter) => pin.behind(counter), counter_ahead: () => pin.ahead() };

const ENDED = new Set(["payment_final", "payment_approving"]);
const WHY = [
  "The till asks.",
  "It is more than your code may pay by itself, or at another shop. Nothing is paid without your PIN.",
];

const wait = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

/* The same call goes out until it is answered: a checkout is paid once, whoever asks how often. */
const sent = async (path, body) => {
  const key = newIdempotencyKey();
  for (;;) {
    try {
      return await post(path, body, key);
    } catch (wrong) {
      if (!(wrong instanceof Unreachable) && wrong.code !== "idempotency_in_progress") throw wrong;
      await wait(AGAIN_MS);
    }
  }
};

const approve = async (asked, plan, typed) => {
  const { secret } = await enrolled();
  const { checkout, merchant, remainder, currency } = asked;
  for (let tries = 1; ; tries += 1) {
    const what = { secret, pin: typed, subject: plan.tsn, card: tokenOf(plan.card) };
    const { counter, code } = await pin.nextCode(what);
    const body = { merchant: merchant.id, remainder, currency, counter, pin_code: code };
    try {
      const told = await sent(`/wallet/checkouts/${checkout}/approve`, body);
      await pin.succeeded(counter);
      return told;
    } catch (wrong) {
      const mend = COUNTERS[wrong.code];
      if (!mend || tries === TRIES) throw wrong;
      await mend(counter);
    }
  }
};

const failed = (words) => ({
  title: "Not paid",
  tab: "benefits",
  body: [
    stage("phone-end is-warn", { sign: icon("warn"), lead: words[0], words: words[1] }),
    linkButton("#home", "btn-primary", "Done"),
  ],
});

/* wrong: why the try before this one was refused. */
export const consent = async (app, reference, wrong = null) => {
  const plan = await plans.kept();
  const asked = (await plans.waiting()).find((each) => each.checkout === reference);
  if (!asked || !plan) return failed(ended("EXPIRED"));
  const { amount, currency, lines, remainder } = asked;
  const act = async (typed) => {
    const body = [waiting("Paying", "Do not close this page.", money(remainder, currency))];
    await app.show(() => ({ title: "Pay", tab: "benefits", tabbed: false, body }));
    try {
      const told = await approve(asked, plan, typed);
      if (told.state === "DECLINED") await app.show(() => failed(declined(told.decline_reason)));
      else app.go("#code"); // which hears of the payment, and shows it
    } catch (refusal) {
      if (ENDED.has(refusal.code)) app.go("#code");
      else await app.show(() => consent(app, reference, refusal));
    }
  };
  const body = [
    h(
      "section",
      { class: "balance" },
      h("p", { class: "muted" }, asked.merchant.name),
      h("p", { class: "figure" }, money(remainder, currency)),
      h("p", { class: "muted" }, countDown(app, asked.expires_at, () => app.again())),
    ),
    wrong ? banner("bad", saidOf(wrong)) : banner("info", WHY),
    linesOf({ amount, currency, lines, rest: remainder, restWord: "The card pays" }),
    pinForm({ words: `Pay ${money(remainder, currency)}`, locked: wrong?.code === "device_locked", act }),
    linkButton("#home", "", "Do not pay"),
  ];
  return { title: "Agree?", tab: "benefits", back: "#home", tabbed: false, body };
};
