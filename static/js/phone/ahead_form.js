/* What is to be approved: kind, card, amount, how long it is good, the code for the machine. */
import { KINDS } from "./ahead_words.js";
import { banner, busy, choices, field, h, icon } from "./dom.js";
import { cards } from "./wallet.js";
import { digitsOf, money } from "./words.js";

const VALIDITIES = [
  ["", "As usual"],
  ["300", "5 minutes"],
  ["1800", "30 minutes"],
  ["7200", "2 hours"],
  ["86400", "24 hours"],
];
const PICKUP_FORM = /^[0-9]{4}$/;

/* Returns what was typed in minor units, or null for what is no amount of that currency. */
const minor = (typed, currency) => {
  const digits = digitsOf(currency);
  const bare = typed.replace(/[\s,]/g, "");
  const form = digits ? new RegExp(`^\\d{1,12}(\\.\\d{1,${digits}})?$`) : /^\d{1,12}$/;
  if (!form.test(bare)) return null;
  const [whole, part = ""] = bare.split(".");
  const amount = Number(whole + part.padEnd(digits, "0"));
  return amount > 0 ? amount : null;
};

/* send(wish, tell): tell shows a refusal, [heading, words]. */
export const ask = async ({ send, told }) => {
  const usable = (await cards()).filter((card) => card.certificate && card.state === "ACTIVE");
  if (!usable.length) {
    const body = [banner("warn", ["No card here can do this.", "Put a card on this phone first, or unfreeze it."])];
    return { title: "Approve", back: "#ahead", body };
  }
  const notice = h("div", {}, told ? banner("bad", told) : null);
  const amount = field({ id: "amount", label: "Amount", inputmode: "decimal", maxlength: 16 });
  const pickup = field({
    id: "pickup",
    label: "Pickup code",
    hint: "4 digits of your choice, typed at the machine. For cash it is usually needed.",
    inputmode: "numeric",
    maxlength: 4,
  });
  const valid = h(
    "select",
    { class: "input", id: "valid", name: "valid" },
    VALIDITIES.map(([value, words]) => h("option", { value }, words)),
  );
  const less = h("input", { type: "checkbox", name: "partial", id: "partial" });
  const submit = h("button", { class: "btn btn-primary btn-block", type: "submit" }, icon("lock", 20), "Approve");
  const tell = (words) => notice.replaceChildren(banner("bad", words));
  const finish = () => {
    const chosen = new FormData(form);
    const card = usable.find((one) => one.card === chosen.get("card"));
    const worth = minor(amount.input.value, card.currency);
    const code = pickup.input.value.trim();
    const fits =
      amount.tell(worth ? "" : `Type an amount in ${card.currency}.`) &&
      pickup.tell(!code || PICKUP_FORM.test(code) ? "" : "The pickup code has 4 digits.");
    if (!fits) return undefined;
    const wish = { kind: chosen.get("kind"), card: card.card, amount: worth, currency: card.currency };
    if (chosen.get("valid")) wish.valid_s = Number(chosen.get("valid"));
    if (less.checked) wish.partial = true;
    if (code) wish.pickup_code = code;
    return busy(submit, () => send(wish, tell));
  };
  const form = h(
    "form",
    {
      class: "stack stack-5",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        notice.replaceChildren();
        finish();
      },
    },
    choices(
      "What",
      "kind",
      Object.entries(KINDS).map(([kind, [word, where]]) => [kind, word, where]),
    ),
    choices(
      "From",
      "card",
      usable.map((card) => [card.card, `Card •••• ${card.last4}`, `${money(card.available, card.currency)} to spend`]),
    ),
    amount.box,
    h("div", { class: "field" }, h("label", { for: "valid" }, "Good for"), valid),
    pickup.box,
    h("label", { class: "choice" }, less, h("span", {}, "The machine may pay out less")),
    submit,
  );
  return { title: "Approve", back: "#ahead", tabbed: false, body: [notice, form], focus: amount.input };
};
