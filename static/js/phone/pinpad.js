/* The PIN: typed by keys or on the pad, used once, kept nowhere. */
import { h, icon } from "./dom.js";

const PIN_FORM = /^[0-9]{4,12}$/;
const PIN_MAX = 12;

/* above: what is chosen before the PIN, in the same form; words: of the button; act(pin, form) is called once. */
export const pinForm = ({ above = null, words, note, locked = false, act }) => {
  const fault = h("p", { class: "err", id: "pin-err", hidden: true }, icon("bad"), "A PIN has 4 to 12 digits.");
  const input = h("input", {
    class: "input phone-pin",
    id: "pin",
    type: "password",
    inputmode: "none",
    maxlength: PIN_MAX,
    autocomplete: "off",
    "aria-describedby": "pin-err",
    disabled: locked,
  });
  const type = (digit) => {
    if (input.value.length < PIN_MAX) input.value += digit;
    input.focus();
  };
  const erase = () => {
    input.value = input.value.slice(0, -1);
    input.focus();
  };
  const key = (label, press, extra = {}) =>
    h("button", { type: "button", onclick: press, disabled: locked, ...extra }, label);
  const pad = h(
    "div",
    { class: "keypad", role: "group", "aria-label": "Digits" },
    [..."123456789"].map((digit) => key(digit, () => type(digit))),
    h("span"),
    key("0", () => type("0")),
    key(icon("erase", 20), erase, { "aria-label": "Erase one digit" }),
  );
  const submit = h(
    "button",
    { class: "btn btn-primary btn-block", type: "submit", disabled: locked },
    icon("lock", 20),
    words,
  );
  const form = h(
    "form",
    {
      class: "stack",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        fault.hidden = PIN_FORM.test(input.value);
        input.setAttribute("aria-invalid", String(!fault.hidden));
        if (!fault.hidden) {
          input.focus();
          return;
        }
        const pin = input.value;
        input.value = "";
        input.disabled = submit.disabled = true; // once: what comes next is drawn anew
        act(pin, form);
      },
    },
    above,
    h("div", { class: "field" }, h("label", { for: "pin" }, "PIN"), fault, input),
    pad,
    submit,
    note ? h("p", { class: "muted small" }, note) : null,
  );
  return form;
};
