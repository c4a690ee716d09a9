/* The demo phone: screens by the part of the address behind "#", one payment at a time. It is a customer's phone by the
   wallet API alone (protocol §3-§4.1); what it keeps is in this browser. */
import { ahead } from "./ahead.js";
import { benefitsScreen } from "./benefits.js";
import { home, cardPage } from "./cards.js";
import { codeScreen, doneScreen } from "./code.js";
import { consent } from "./consent.js";
import { banner, button, h, icon } from "./dom.js";
import { pay, relayPage } from "./pay.js";
import { IN_THE_MIDDLE, Purchase, forget as forgetPurchase, kept } from "./purchase.js";
import { receipt, receipts } from "./receipts.js";
import { aboutPhone, setUp, welcome } from "./setup.js";
import * as store from "./store.js";
import * as till from "./till.js";
import { enrolled } from "./wallet.js";
import { saidOf } from "./words.js";

const SCREENS = {
  home,
  pay,
  relay: relayPage,
  receipts,
  receipt,
  card: cardPage,
  phone: aboutPhone,
  benefits: benefitsScreen,
  code: codeScreen,
  consent,
  done: doneScreen,
  ahead,
};
const BEFORE = { welcome, setup: setUp };
const TABS = [
  ["home", "home", "Home"],
  ["pay", "scan", "Pay"],
  ["benefits", "tag", "Benefits"],
  ["relay", "relay", "Relay"],
  ["receipts", "sales", "Receipts"],
];

const bar = document.getElementById("bar");
const main = document.getElementById("main");
const tabs = document.getElementById("tabs");

let leaving = [];
let turn = 0; // of drawing: a screen that comes late is not shown over a newer one
let purchase = null;
let first = true;

const draw = ({ title, body, tab = "", back = "", settings = false, focus = null, tabbed = true }) => {
  document.title = `${title} · Paydesk demo phone`;
  const heading = h("h1", { tabindex: "-1" }, title);
  const side = (href, name, words) =>
    h("a", { class: "iconbtn", href }, icon(name, 20), h("span", { class: "sr" }, words));
  bar.replaceChildren(
    ...[back && side(back, "left", "Back"), heading, settings && side("#phone", "gear", "This phone")].filter(
      Boolean,
    ),
  );
  main.replaceChildren(...body.filter(Boolean));
  tabs.hidden = !tabbed;
  tabs.replaceChildren(
    h(
      "ul",
      {},
      TABS.map(([name, sign, label]) =>
        h(
          "li",
          {},
          h("a", { href: `#${name}`, "aria-current": name === tab ? "page" : null }, icon(sign, 20), label),
        ),
      ),
    ),
  );
  if (!first) (focus ?? heading).focus({ preventScroll: true });
  if (!first) scrollTo(0, 0);
  first = false;
};

const app = {
  go(hash) {
    if (location.hash === hash) this.again();
    else location.hash = hash;
  },
  again: () => route(),
  /* Draws another state of the screen that is shown; make gives it. */
  async show(make) {
    const mine = leave();
    const shown = await make();
    if (mine === turn) draw(shown);
  },
  onLeave(act) {
    leaving.push(act);
  },
  async enrolled() {
    await forgetPurchase();
    this.go("#home");
  },
  async forget() {
    await store.clear();
    location.hash = "";
    location.reload(); // what still runs in this page knew the old phone
  },
  /* Takes up a T-ID; bill: the relay's bytes, where it came from one. */
  pay({ tid, bill }) {
    if (purchase?.state.step === "checking") {
      this.go("#purchase");
      return;
    } // first its end, then another
    purchase?.leave();
    purchase = Purchase.begun({ tid, bill, onChange: drawPurchase });
    this.go("#purchase");
  },
};

const leave = () => {
  const acts = leaving;
  leaving = [];
  acts.forEach((act) => act());
  turn += 1;
  return turn;
};

const drawPurchase = async (state) => {
  if (location.hash !== "#purchase") return;
  const mine = leave();
  let body;
  try {
    body = state.step === "open" ? await till.decide(app, state, purchase) : till.screens[state.step](app, state);
  } catch (wrong) {
    body = [banner("bad", saidOf(wrong)), button("btn-primary", () => app.again(), "Try again")];
  }
  if (mine !== turn) return;
  draw({
    title: till.titleOf(state),
    body,
    tab: "pay",
    back: state.step === "open" ? "#home" : "",
    tabbed: !IN_THE_MIDDLE.has(state.step),
  });
  till.tell(state, main);
  main.querySelector("#pin:enabled")?.focus({ preventScroll: true });
};

/* Goes on with the payment that was open, after a reload too. */
const showPurchase = async () => {
  const saved = purchase?.state ?? (await kept());
  if (!saved) {
    app.go("#home");
    return;
  }
  purchase ??= new Purchase(saved, drawPurchase);
  if (IN_THE_MIDDLE.has(purchase.state.step)) await purchase.go();
  else await drawPurchase(purchase.state);
};

const route = async () => {
  const mine = leave();
  const [name, argument] = location.hash.slice(1).split("/");
  const isPhone = Boolean(window.indexedDB && (await enrolled()));
  if (mine !== turn) return;
  if (isPhone && name === "purchase") {
    await showPurchase();
    return;
  }
  const screen = isPhone ? SCREENS[name] : BEFORE[name];
  if (!screen) {
    location.replace(isPhone ? "#home" : "#welcome");
    return;
  }
  await leavePurchase();
  let shown;
  try {
    shown = await screen(app, argument);
  } catch (wrong) {
    const acts = [button("btn-primary", () => app.again(), icon("refresh", 20), "Try again")];
    if (wrong.code === "signature_invalid") acts.push(button("", () => app.forget(), "Forget this phone"));
    shown = {
      title: "Wallet",
      settings: true,
      tab: name,
      body: [banner("bad", saidOf(wrong)), h("div", { class: "stack stack-2" }, acts)],
    };
  }
  if (mine === turn) draw({ tabbed: isPhone, ...shown });
};

/* An act on its way is followed to its end, wherever the customer looks meanwhile; what has ended is put away. */
const leavePurchase = async () => {
  if (!purchase || IN_THE_MIDDLE.has(purchase.state.step)) return;
  purchase.leave();
  purchase = null;
  await forgetPurchase();
};

/* A payment in the middle comes first: nobody should wonder whether it was paid. */
const start = async () => {
  addEventListener("hashchange", route);
  const saved = window.indexedDB ? await kept() : null;
  if (saved && IN_THE_MIDDLE.has(saved.step) && location.hash !== "#purchase") location.replace("#purchase");
  else await route();
};

start();
