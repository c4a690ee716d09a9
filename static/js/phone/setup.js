/* Before there is a phone: a customer, a code, a PIN; and the page about this phone. */
import { banner, busy, button, field, h, icon, link, linkButton } from "./dom.js";
import * as store from "./store.js";
import { enrol, enrolled } from "./wallet.js";
import { saidOf } from "./words.js";

const PIN_FORM = /^[0-9]{4,12}$/;
const CUSTOMER = "customer"; // {name, code} of who was made here: the code until it is used

export const welcome = async (app) => {
  if (!window.isSecureContext || !window.indexedDB) {
    return {
      title: "Demo phone",
      body: [banner("warn", ["Keys cannot be kept here.", "Open this page at http://127.0.0.1 or over https."])],
    };
  }
  const notice = h("div");
  const take = button(
    "btn-primary",
    async () => {
      try {
        await store.write(CUSTOMER, await newCustomer());
        app.go("#setup");
      } catch {
        notice.replaceChildren(banner("bad", saidOf({ code: "customer_failed" })));
      }
    },
    icon("user", 20),
    "Get me a customer with a card",
  );
  const body = [
    h(
      "section",
      { class: "phone-hello" },
      icon("mark", 24),
      h("p", { class: "phone-lead" }, "A phone in your browser, to pay with at the demo's shops."),
      h("p", { class: "muted" }, "Its keys are made here and cannot leave. No real money moves."),
    ),
    notice,
    h("div", { class: "stack stack-2" }, take, linkButton("#setup", "", icon("lock", 20), "I have a code")),
  ];
  return { title: "Demo phone", body };
};

/* The one call that is not of the wallet API: the demo makes somebody with money. */
const newCustomer = async () => {
  const { customer, csrf } = document.getElementById("phone").dataset;
  const response = await fetch(customer, { method: "POST", headers: { "x-csrftoken": csrf } });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
};

export const setUp = async (app) => {
  const known = await store.read(CUSTOMER);
  const digits = { type: "password", inputmode: "numeric", maxlength: 12, autocomplete: "new-password" };
  const code = known?.code
    ? null
    : field({
        id: "code",
        label: "One-time code",
        hint: "10 characters, from the card's issuer. Good for 15 minutes.",
        maxlength: 20,
      });
  const pin = field({
    id: "pin",
    label: "Choose a PIN",
    hint: "4 to 12 digits. It stays on this phone and is stored nowhere.",
    ...digits,
  });
  const again = field({ id: "again", label: "The PIN again", ...digits });
  const notice = h("div");
  const submit = h("button", { class: "btn btn-primary btn-block", type: "submit" }, "Set up this phone");
  const finish = async () => {
    try {
      await enrol({ code: known?.code || code.input.value, pin: pin.input.value, name: "Demo phone" });
      await store.write(CUSTOMER, { name: known?.name ?? "" });
      await app.enrolled();
    } catch (wrong) {
      if (known?.code && wrong.code === "enrolment_code_invalid") await store.remove(CUSTOMER);
      notice.replaceChildren(banner("bad", saidOf(wrong), link("#welcome", "Start again")));
    }
  };
  const send = (event) => {
    event.preventDefault();
    notice.replaceChildren();
    const fits =
      (!code || code.tell(code.input.value.trim() ? "" : "Type the code.")) &&
      pin.tell(PIN_FORM.test(pin.input.value) ? "" : "A PIN has 4 to 12 digits.") &&
      again.tell(again.input.value === pin.input.value ? "" : "The two PINs differ.");
    if (fits) busy(submit, finish);
  };
  const form = h(
    "form",
    { class: "stack stack-5", novalidate: true, onsubmit: send },
    code?.box,
    pin.box,
    again.box,
    submit,
  );
  const hello =
    known?.name &&
    h(
      "section",
      { class: "balance" },
      h("p", { class: "muted" }, "You are"),
      h("p", { class: "figure" }, known.name),
      h("p", { class: "muted" }, "with a check card of Hangang Card"),
    );
  return { title: "Set up", back: "#welcome", body: [hello, notice, form], focus: code?.input ?? pin.input };
};

export const aboutPhone = async (app) => {
  const { device } = await enrolled();
  const who = await store.read(CUSTOMER);
  const sure = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "forget-h" },
    h(
      "div",
      { class: "dialog-body" },
      h("h2", { id: "forget-h", tabindex: "-1" }, "Forget this phone?"),
      h(
        "p",
        {},
        "Its keys are deleted from this browser. Cards and receipts stay with the customer; a new phone needs a new code.",
      ),
    ),
    h(
      "footer",
      {},
      h("button", { class: "btn", type: "button", autofocus: true, onclick: () => sure.close() }, "Keep it"),
      h(
        "button",
        {
          class: "btn btn-danger",
          type: "button",
          onclick: async () => {
            sure.close();
            await app.forget();
          },
        },
        "Forget phone",
      ),
    ),
  );
  const theme = (mode, name, label) =>
    h(
      "button",
      {
        class: "btn btn-sm",
        type: "button",
        "data-set-theme": mode,
        "aria-pressed": String((document.documentElement.dataset.theme ?? "auto") === mode),
      },
      icon(name),
      label,
    );
  const body = [
    h(
      "dl",
      { class: "kv" },
      who?.name ? [h("dt", {}, "Customer"), h("dd", {}, who.name)] : null,
      h("dt", {}, "Phone"),
      h("dd", { class: "mono" }, device),
      h("dt", {}, "Keys"),
      h("dd", {}, "Made here, cannot be read out"),
    ),
    h(
      "section",
      { class: "stack stack-2", "aria-labelledby": "looks" },
      h("h2", { id: "looks" }, "Colours"),
      h(
        "div",
        { class: "row" },
        theme("auto", "auto", "Auto"),
        theme("light", "sun", "Light"),
        theme("dark", "moon", "Dark"),
      ),
    ),
    button(
      "",
      () => {
        sure.showModal();
      },
      icon("erase", 20),
      "Forget this phone",
    ),
    sure,
  ];
  return { title: "This phone", back: "#home", body };
};
