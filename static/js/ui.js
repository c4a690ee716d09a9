/* Paydesk: theme, drawer, dialogs, copy, toasts, error summary. Everything works without it except dialogs opened
   from a button (give those buttons a plain link or form as well). No dependencies, no inline code, one listener
   per event. Words come from data attributes, so that they are translated with the page. */
(() => {
  const root = document.documentElement;
  const say = (text) => { const n = document.getElementById("announce"); if (n) n.textContent = text; };

  /* theme: auto, light or dark; kept in a cookie, so that the server paints the next page right from the start */
  const paint = (mode) => {
    if (mode === "auto") root.removeAttribute("data-theme"); else root.dataset.theme = mode;
    document.querySelectorAll("[data-set-theme]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.setTheme === mode)));
  };
  paint(root.dataset.theme || "auto");

  /* on a narrow screen the tab one is on may lie beyond the edge */
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const box = tab.parentElement;
    box.scrollLeft += Math.max(0, tab.getBoundingClientRect().right - box.getBoundingClientRect().right);
  }

  const closeMenus = (except) => document.querySelectorAll("details.menu[open]").forEach((d) => { if (d !== except) d.open = false; });

  document.addEventListener("click", (e) => {
    const on = (sel) => e.target.closest(sel);
    closeMenus(on("details.menu"));

    if (on(".menubtn")) { e.preventDefault(); drawer(true); return; }
    if (on(".nav-close")) { e.preventDefault(); drawer(false, true); return; }
    if (!on("#nav")) drawer(false, false);

    const theme = on("[data-set-theme]");
    if (theme) {
      paint(theme.dataset.setTheme);
      document.cookie = `theme=${theme.dataset.setTheme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
      return;
    }

    const asks = on("[data-dialog]");
    if (asks) {
      const d = document.getElementById(asks.dataset.dialog);
      if (d) { e.preventDefault(); d.showModal(); (d.querySelector("[autofocus]") || d.querySelector("h2"))?.focus(); }
      return;
    }
    if (on("[data-close]")) { on("dialog")?.close(); return; }

    const copy = on("[data-copy]");
    if (copy) { navigator.clipboard?.writeText(copy.dataset.copy).then(() => say(document.getElementById("announce")?.dataset.copied ?? "")); return; }

    if (on("[data-print]")) { print(); return; }

    const toast = on("[data-dismiss]");
    if (toast) { toast.closest(".toast")?.remove(); }
  });

  /* typed count: the button stays usable, the server decides; this only says early whether the number fits */
  document.addEventListener("input", (e) => {
    const want = e.target.dataset?.expect;
    if (!want) return;
    const fits = e.target.value.replace(/[\s,]/g, "") === want;
    const out = document.getElementById(e.target.dataset.says);
    if (out) out.textContent = fits ? out.dataset.fits : "";
  });

  /* a chosen file is named in its drop field; the field itself is hidden from sight only */
  document.addEventListener("change", (e) => {
    if (e.target.type !== "file") return;
    const out = e.target.parentElement?.querySelector("[data-file-name]");
    if (out && e.target.files.length) out.textContent = [...e.target.files].map((f) => f.name).join(", ");
  });

  /* what is wrong with a form is the first thing to read after it came back */
  document.querySelector(".summary[role=alert]")?.focus();

  /* drawer: #nav is a plain link target without JS; with it a class, so nothing scrolls and Back stays Back.
     It is not modal: Esc, a click outside or leaving it with Tab closes it. */
  const nav = document.getElementById("nav");
  const opener = document.querySelector(".menubtn");
  const drawer = (open, refocus) => {
    if (!nav || nav.classList.contains("open") === open) return;
    nav.classList.toggle("open", open);
    if (open) nav.querySelector("a")?.focus(); else if (refocus) opener?.focus();
  };
  nav?.addEventListener("focusout", (e) => { if (e.relatedTarget && !nav.contains(e.relatedTarget)) drawer(false, false); });

  document.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (e.key === "Escape") {
      const m = document.querySelector("details.menu[open]");
      if (m) { m.open = false; m.querySelector("summary").focus(); } else drawer(false, true);
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || root.dataset.keys === "off" || e.target.closest("input, textarea, select, dialog[open]")) return;
    if (e.code === "Slash") {
      e.preventDefault();
      if (e.shiftKey) document.getElementById("keys")?.showModal(); else document.getElementById("q")?.focus();
    }
  });
})();
