/* Approved beforehand: prove who you are, say what you want, and take one number to the machine. */
import { ask } from "./ahead_form.js";
import { KINDS, STATES, declinedWords, refusedWords } from "./ahead_words.js";
import { banner, button, h, icon, linkButton, pill, say } from "./dom.js";
import * as preapprovals from "./preapprovals.js";
import { picture } from "./qr.js";
import { now } from "./wallet.js";
import { clock, day, left, money } from "./words.js";

const TICK_MS = 1_000;
const LOOK_MS = 3_000;
const NUMBER_PREFIX = "A1.";

const row = (one) => {
  const [tone, word] = STATES[one.state] ?? ["neutral", one.state];
  return h(
    "li",
    { class: `is-${tone}` },
    icon(tone, 20),
    h("span", {}, h("a", { href: `#ahead/${one.preapproval}` }, KINDS[one.kind][0]), h("span", { class: "sub" }, word)),
    h(
      "span",
      { class: "amt" },
      money(one.dispensed ?? one.amount, one.currency),
      h("span", { class: "sub" }, one.state === "APPROVED" ? `until ${clock(one.valid_until)}` : day(one.made_at)),
    ),
  );
};

const listing = async () => {
  const all = await preapprovals.list();
  const body = [
    linkButton("#ahead/new", "btn-primary", icon("cash", 20), "Approve something"),
    all.length
      ? h("ul", { class: "list" }, all.map(row))
      : h(
          "div",
          { class: "empty" },
          h("p", {}, "Nothing approved yet. Approve cash or a ticket here, and fetch it at a machine with one number."),
        ),
  ];
  return { title: "Approved beforehand", back: "#home", tab: "home", body };
};

/* The demo's fingerprint sensor: a button. A real phone asks its own, and tells no more than yes or no. */
const prove = (app, wrong = null) => {
  const notice = h("div", {}, wrong ? banner("bad", refusedWords(wrong)) : null);
  const touch = (tone, verified, ...words) =>
    button(
      tone,
      async () => {
        try {
          await preapprovals.authenticate(verified);
          say("It is you");
          await app.again();
        } catch (refused) {
          notice.replaceChildren(banner("bad", refusedWords(refused)));
        }
      },
      ...words,
    );
  const body = [
    h(
      "section",
      { class: "phone-hello" },
      icon("user", 24),
      h("p", { class: "phone-lead" }, "First show that it is you."),
      h("p", { class: "muted" }, "Only then does this phone ask what you want. The proof is good for 5 minutes and once."),
    ),
    notice,
    h(
      "div",
      { class: "stack stack-2" },
      touch("btn-primary", true, icon("lock", 20), "Touch the fingerprint sensor"),
      touch("", false, "Try with a finger it does not know"),
    ),
  ];
  return { title: "Is it you?", back: "#ahead", body };
};

/* Where an answer got lost: the same question goes out again before another can be asked. */
const ending = async (app, act) => {
  try {
    const told = await act();
    if (told.state === "DECLINED") return { declined: told.decline_reason };
    location.replace(`#ahead/${told.preapproval}`);
    return { done: true };
  } catch (wrong) {
    return { wrong };
  }
};

const unanswered = (app) => ({
  title: "Asking",
  back: "#ahead",
  body: [
    banner("warn", refusedWords({ code: "unreachable" })),
    button("btn-primary", () => app.again(), icon("refresh", 20), "Ask again"),
  ],
});

let toSay = null; // what the next screen tells: why nothing was approved

const asking = async (app) => {
  const said = toSay;
  toSay = null;
  if (await preapprovals.isAsking()) {
    const { done, declined, wrong } = await ending(app, preapprovals.settle);
    if (done) return { title: "Approved", body: [] };
    if (await preapprovals.isAsking()) return unanswered(app);
    return start(app, declined ? declinedWords(declined) : refusedWords(wrong));
  }
  return start(app, said);
};

const start = async (app, told = null) => {
  if (!(await preapprovals.proof())) {
    const screen = prove(app);
    if (told) screen.body.splice(1, 0, banner("bad", told));
    return screen;
  }
  const send = async (wish, tell) => {
    const { done, declined, wrong } = await ending(app, () => preapprovals.approve(wish));
    if (done) return;
    if (await preapprovals.isAsking()) {
      await app.again();
      return;
    }
    const words = declined ? declinedWords(declined) : refusedWords(wrong);
    if (await preapprovals.proof()) {
      tell(words); // nothing was used up: mended here, and sent again
      return;
    }
    toSay = words;
    await app.again();
  };
  return ask({ send, told });
};

const countDown = (app, one) => {
  const words = h("p", { class: "muted" });
  const tick = () => {
    const ms = Date.parse(one.valid_until) - now();
    words.textContent = `Good until ${clock(one.valid_until)}, ${left(ms)} more`;
    if (ms <= 0) app.again();
  };
  const timer = setInterval(tick, TICK_MS);
  app.onLeave(() => clearInterval(timer));
  tick();
  return words;
};

const inFours = (number) => number.match(/.{1,4}/g).map((part) => h("span", {}, part));

const shown = (app, one) => [
  one.number
    ? h(
        "div",
        { class: "qr" },
        picture(`${NUMBER_PREFIX}${one.number}`, "QR code with the number below"),
        h("p", { class: "tid" }, inFours(one.number)),
      )
    : banner("warn", ["The number is not on this phone.", "It was told once, to the phone that asked. Cancel, and approve anew."]),
  countDown(app, one),
  one.kind === "CASH"
    ? h("p", { class: "small" }, "At the machine: scan the code or type the number, then your pickup code.")
    : h("p", { class: "small" }, "At the machine or till: scan the code or type the number."),
];

const WHAT = {
  COMPLETED: (one) => `${money(one.dispensed ?? one.amount, one.currency)} came out. What was left is yours again.`,
  IN_PROGRESS: () => "The machine has your number and is paying it out.",
  SUSPENSE: () => "The machine did not say what it paid out. Somebody is looking into it; the amount stays set aside.",
  EXPIRED: () => "Its time is over, and nothing was taken.",
  CANCELLED: () => "It was taken back, and nothing was taken.",
  REVERSED: () => "Nothing came out, and nothing was taken.",
  DECLINED: () => "It was not approved.",
};

const one = async (app, reference) => {
  const found = (await preapprovals.list()).find(({ preapproval }) => preapproval === reference);
  if (!found) {
    return { title: "Approval", back: "#ahead", body: [banner("warn", ["It is not there.", "Look at the list again."])] };
  }
  const notice = h("div");
  const drop = button(
    "",
    async () => {
      try {
        await preapprovals.cancel(reference);
        say("Cancelled");
        await app.again();
      } catch (wrong) {
        notice.replaceChildren(banner("bad", refusedWords(wrong)));
      }
    },
    icon("undo", 20),
    "Cancel it",
  );
  follow(app, reference, found.state);
  const ready = found.state === "APPROVED";
  const body = [
    h(
      "section",
      { class: "balance" },
      h("p", { class: "muted" }, KINDS[found.kind].join(" ")),
      h("p", { class: "figure" }, money(found.amount, found.currency)),
      pill(STATES[found.state]),
    ),
    ...(ready ? shown(app, found) : [h("p", {}, WHAT[found.state](found))]),
    notice,
    h("div", { class: "stack stack-2" }, ready ? drop : null, linkButton("#ahead", "", "All approvals")),
  ];
  return { title: KINDS[found.kind][0], back: "#ahead", tab: "home", body };
};

/* While a machine may take it: looked at again, and drawn anew when it has moved. */
const follow = (app, reference, state) => {
  if (!preapprovals.LIVE.has(state)) return;
  const look = async () => {
    const found = await preapprovals.list().catch(() => []);
    const moved = found.find(({ preapproval }) => preapproval === reference)?.state ?? state;
    if (gone) return;
    if (moved === state) timer = setTimeout(look, LOOK_MS);
    else {
      say((STATES[moved] ?? ["", moved])[1]);
      await app.again();
    }
  };
  let gone = false;
  let timer = setTimeout(look, LOOK_MS);
  app.onLeave(() => {
    gone = true;
    clearTimeout(timer);
  });
};

export const ahead = (app, argument) => {
  if (!argument) return listing();
  return argument === "new" ? asking(app) : one(app, argument);
};
