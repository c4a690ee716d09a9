/* Paydesk swaps: what htmx leaves to us. A swap that takes the focused element away puts the focus back by id, else on
   the target's heading; a polled box rests while nobody looks or somebody works in it; a poll that was sent to sign-in
   takes the whole page there. */
(() => {
  let lost = null;
  const polled = (element) => element?.closest?.("[data-polled]");
  const resting = (box) => document.hidden || "paused" in document.documentElement.dataset || box.contains(document.activeElement);

  /* the server does not take a box that redraws itself for somebody at the desk */
  document.addEventListener("htmx:configRequest", (e) => { if (polled(e.detail.elt) === e.detail.elt) e.detail.headers["X-Polled"] = "1"; });
  document.addEventListener("htmx:beforeRequest", (e) => {
    const box = polled(e.detail.elt);
    if (box === e.detail.elt && resting(box)) { e.preventDefault(); return; }
    e.detail.target?.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (e) => e.detail.target?.removeAttribute("aria-busy"));

  document.addEventListener("htmx:beforeSwap", (e) => {
    const answered = new URL(e.detail.xhr.responseURL || location.href).pathname;
    const asked = new URL(e.detail.pathInfo.finalRequestPath, location.href).pathname;
    if (polled(e.detail.elt) && answered !== asked) { e.preventDefault(); location.reload(); return; }
    const active = document.activeElement;
    lost = e.detail.target?.contains(active) && active !== document.body ? active.id : null;
  });
  document.addEventListener("htmx:afterSettle", (e) => {
    if (lost === null) return;
    const again = lost && document.getElementById(lost);
    lost = null;
    if (document.activeElement !== document.body && document.activeElement?.isConnected) return;
    const place = again || e.detail.target?.querySelector("h1, h2, h3") || e.detail.target;
    if (!place) return;
    if (!again && !place.hasAttribute("tabindex")) place.tabIndex = -1;
    place.focus();
  });

  /* a plain form cannot be sent twice by a double click; the server's idempotency is what makes it safe */
  document.addEventListener("submit", (e) => {
    if (e.defaultPrevented || e.target.method !== "post") return;
    const button = e.submitter;
    if (!button?.classList.contains("btn")) return;
    if (button.getAttribute("aria-busy") === "true") { e.preventDefault(); return; }
    button.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", (e) => {
    if (e.persisted) document.querySelectorAll(".btn[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
  });
})();
