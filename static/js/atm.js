/* Paydesk ATM: keys that type into the field that was used last, the number first. The form works without them. On the
   form: data-atm; on the keys data-key: a digit, "clear" or "erase". */
(() => {
  const form = document.querySelector("[data-atm]");
  if (!form) return;
  const pad = form.querySelector(".keypad");
  const fields = ["number", "amount", "pickup_code"].map((name) => form.elements[name]);
  let current = fields[0];

  for (const field of fields) field.addEventListener("focus", () => { current = field; });
  pad.hidden = false;
  pad.addEventListener("click", (e) => {
    const key = e.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    if (key === "clear") current.value = "";
    else if (key === "erase") current.value = current.value.slice(0, -1);
    else if (current.value.length < current.maxLength) current.value += key;
  });
})();
