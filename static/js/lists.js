/* Paydesk lists: row keys, selection, go-to keys. A row's first link is the row; nothing here is needed to use a list.
   Keys are matched by their place on the keyboard, never while an input method is composing, and all of them are off
   with data-keys="off" on <html> (WCAG 2.1.4). */
(() => {
  const root = document.documentElement;
  const say = (text) => { const n = document.getElementById("announce"); if (n) n.textContent = text; };
  const rows = () => [...document.querySelectorAll(".table-box tbody tr:not(.group)")].filter((row) => row.querySelector("a"));
  const rowOf = (node) => node?.closest?.(".table-box tbody tr");

  /* j and k: from the focused row, or the first one */
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(rowOf(document.activeElement));
    const row = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
    row?.querySelector("a").focus();
  };

  /* selection: the box in a row, the box in the head for this page, the bar that appears while anything is chosen */
  const boxes = () => [...document.querySelectorAll(".table-box tbody .sel input[type=checkbox]")];
  const drawSelection = () => {
    const all = boxes();
    const chosen = all.filter((box) => box.checked).length;
    all.forEach((box) => rowOf(box).classList.toggle("selected", box.checked));
    const page = document.querySelector("[data-select-page]");
    if (page) { page.checked = all.length > 0 && chosen === all.length; page.indeterminate = chosen > 0 && chosen < all.length; }
    const bar = document.querySelector("[data-bulk]");
    if (!bar) return;
    bar.hidden = chosen === 0;
    const words = bar.dataset.bulk.replace("{n}", chosen);
    const shown = bar.querySelector("[data-bulk-count]");
    if (shown) shown.textContent = words;
    say(chosen ? words : "");
  };
  const choose = (checked) => { boxes().forEach((box) => { box.checked = checked; }); drawSelection(); };

  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-select-page]")) choose(e.target.checked);
    else if (e.target.matches(".table-box tbody .sel input[type=checkbox]")) drawSelection();
  });
  document.addEventListener("click", (e) => { if (e.target.closest("[data-select-none]")) choose(false); });

  /* g, then the letter a menu entry carries, within a second and a half */
  let goingUntil = 0;
  const goTo = (letter) => {
    const link = document.querySelector(`.nav a[data-go="${letter}"]`);
    if (link) location.assign(link.href);
  };
  const toggle = () => rowOf(document.activeElement)?.querySelector(".sel input[type=checkbox]")?.click();
  const keys = {
    KeyJ: () => step(1),
    KeyK: () => step(-1),
    KeyX: toggle,
    KeyE: () => document.querySelector("[data-export]")?.click(),
    KeyG: () => { goingUntil = Date.now() + 1500; },
  };

  document.addEventListener("keydown", (e) => {
    if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    if (e.target.closest("input:not([type=checkbox]), textarea, select, dialog[open]")) return;
    if (e.key === "Escape") { if (boxes().some((box) => box.checked)) choose(false); return; }
    if (root.dataset.keys === "off" || !e.code.startsWith("Key")) return;
    if (Date.now() < goingUntil) { goingUntil = 0; goTo(e.code.slice(3).toLowerCase()); return; }
    if (keys[e.code]) { e.preventDefault(); keys[e.code](); }
  });
})();
