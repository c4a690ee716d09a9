/* Paydesk keypad: buttons that type into the amount, its thousands set apart, and the amount on the button that charges.
   The form works without it. On the form: data-keypad, data-digits (after the point), data-say-charge ("Charge {amount}
   KRW"), data-say-code (the same with a customer's code); on the keys data-key: a digit, "00", "." or "erase". */
(() => {
  const form = document.querySelector("[data-keypad]");
  if (!form) return;
  const field = form.elements.amount;
  const code = form.elements.code;
  const charge = form.querySelector("[data-charge]");
  const plain = charge.textContent;
  const digits = Number(form.dataset.digits);
  const fits = digits ? new RegExp(`^\\d{0,12}(\\.\\d{0,${digits}})?$`) : /^\d{0,12}$/;

  const bare = (text) => text.replace(/[\s,]/g, "");
  const grouped = (text) => {
    const [whole, part] = text.split(".");
    const shown = whole.replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? shown : `${shown || "0"}.${part}`;
  };
  const draw = () => {
    const typed = bare(field.value);
    const amount = fits.test(typed) && Number(typed) > 0 ? grouped(typed) : "";
    const words = code.value.trim() ? form.dataset.sayCode : form.dataset.sayCharge;
    charge.textContent = amount ? words.replace("{amount}", amount) : plain;
  };
  const put = (text) => {
    if (!fits.test(text)) return;
    field.value = grouped(text);
    draw();
  };

  form.querySelector(".keypad").hidden = false;
  form.querySelector(".keypad").addEventListener("click", (e) => {
    const key = e.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    const typed = bare(field.value);
    put(key === "erase" ? typed.slice(0, -1) : typed + key);
  });
  field.addEventListener("input", () => {
    const typed = bare(field.value);
    /* with the caret inside, what somebody mends is left alone */
    if (field.selectionStart === field.value.length && fits.test(typed)) field.value = grouped(typed);
    draw();
  });
  code.addEventListener("input", draw);
  draw();
})();
