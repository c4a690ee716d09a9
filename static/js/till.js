/* Paydesk till: keeps one sale's stage up to date. The socket is a hint, the server is the truth: a frame about our T-ID
   makes us ask; without a living socket we ask every few seconds; without any answer the stage says that nobody knows.

   On the box: data-till-state (GET answers the stage: one .till with data-version, data-title, data-aloud, and data-open
   while the sale is open), data-till-socket, data-till-tid or data-till-payment, data-till-signin. A <template data-till-checking> is the stage
   while nothing answers; elements with data-ask ask at once. */
(() => {
  const box = document.querySelector("[data-till]");
  if (!box) return;
  const line = document.getElementById("till-line");
  const banner = document.querySelector("[data-till-banner]");
  const checking = document.querySelector("[data-till-checking]");

  const ASK_MS = 2_500;       // while the socket is not proven alive
  const CALM_MS = 10_000;     // while it is
  const SILENT_MS = 25_000;   // the server's heartbeat comes every 10 s
  const PATIENCE_MS = 4_000;  // for one answer
  const UNKNOWN_MS = 6_000;   // without an answer for so long, nobody knows
  const RETRY_MS = [250, 500, 1_000, 2_000, 4_000, 5_000];

  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23", timeZone: line?.dataset.zone || undefined });
  const fill = (words, parts) => words.replace(/\{(\w+)\}/g, (all, key) => parts[key] ?? all);
  const stage = () => box.firstElementChild;
  const isOpen = () => "open" in stage().dataset;
  const mayMove = () => isOpen() || "paid" in stage().dataset;

  /* ------------------------------------------------ the stage */
  let hidden = null;          // the last known stage while the checking one stands in its place
  const say = (words) => { document.getElementById("announce").textContent = words; };
  const put = (fresh) => {
    const active = document.activeElement;
    const inside = active === document.body || box.contains(active);
    const id = active?.id;
    box.replaceChildren(fresh);
    window.htmx?.process(fresh);
    if (inside) (document.getElementById(id) ?? document.getElementById("till-next"))?.focus({ preventScroll: true });
  };
  const show = (html) => {
    const sheet = document.createElement("template");
    sheet.innerHTML = html;
    const fresh = sheet.content.querySelector(".till");
    if (!fresh) return;
    const known = hidden ?? stage();
    const changed = fresh.dataset.version !== known.dataset.version;
    if (changed) put(fresh);
    else if (hidden) put(hidden);
    hidden = null;
    if (!changed) return;
    document.title = fresh.dataset.title;
    say(fresh.dataset.aloud);
  };
  const doubt = () => {
    if (hidden || !isOpen()) return;
    hidden = stage();
    const fresh = hidden.cloneNode(false);
    fresh.append(checking.content.cloneNode(true), hidden.lastElementChild.cloneNode(true));
    put(fresh);
    say(fresh.querySelector(".lead").textContent);
  };

  /* ------------------------------------------------ asking */
  let asking = false, askedAt = 0, answeredAt = Date.now(), unanswered = 0;
  const leave = () => location.assign(`${box.dataset.tillSignin}?next=${encodeURIComponent(location.pathname)}`);
  const ask = async () => {
    if (asking) return;
    asking = true;
    askedAt = Date.now();
    try {
      const answer = await fetch(box.dataset.tillState, { headers: { "X-Polled": "1" }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) { leave(); return; }
      if (!answer.ok) throw new Error(answer.status);
      const html = await answer.text();
      answeredAt = Date.now();
      unanswered = 0;
      show(html);
    } catch { unanswered += 1; } finally { asking = false; paint(); }
  };

  /* ------------------------------------------------ the socket */
  let socket = null, startedAt = 0, heardAt = 0, tries = 0, retry = 0, lostAt = 0;
  const isAlive = () => socket?.readyState === WebSocket.OPEN && heardAt > 0 && Date.now() - heardAt < SILENT_MS;
  const lose = () => {
    const old = socket;
    socket = null;
    old?.close();
    lostAt ||= Date.now();
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    ask();
    paint();
  };
  const connect = () => {
    clearTimeout(retry);
    const address = new URL(box.dataset.tillSocket, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const mine = socket = new WebSocket(address);
    startedAt = Date.now();
    heardAt = 0;
    mine.onopen = () => { if (mine === socket) { heardAt = Date.now(); tries = 0; lostAt = 0; ask(); paint(); } };
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      heardAt = Date.now();
      const told = JSON.parse(data).payment;
      if (told && (told.tid ?? "") === (box.dataset.tillTid ?? "") && told.id === (box.dataset.tillPayment ?? told.id)) ask();
    };
    mine.onclose = ({ code }) => {
      if (mine !== socket) return;
      if (code === 4401) leave(); else lose();
    };
  };

  /* ------------------------------------------------ what the cashier is told */
  const span = (s) => s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
  const skew = Number(box.querySelector("[data-count-down]")?.dataset.now ?? Date.now() / 1000) * 1000 - Date.now();
  let over = false;
  const countDown = () => {
    const out = box.querySelector("[data-count-down]");
    if (!out) return;
    const left = Math.max(0, Math.round(Number(out.dataset.ends) - (Date.now() + skew) / 1000));
    out.querySelector("progress").value = left;
    out.querySelector("p").textContent = fill(out.dataset.say, { span: span(left) });
    if (left === 0 && !over) { over = true; setTimeout(ask, 300); }
  };
  const looks = { live: ["ok", "live"], asking: ["info", "refresh"], lost: ["warn", "warn"] };
  const paint = () => {
    const now = Date.now();
    const silent = now - answeredAt > UNKNOWN_MS && unanswered > 0;
    if (silent && mayMove()) doubt();
    const parts = { n: Math.round(ASK_MS / 1000), time: clock.format(silent ? answeredAt : lostAt || now) };
    const name = silent ? "lost" : isAlive() ? "live" : "asking";
    const [tone, icon] = looks[name];
    line.className = `live is-${tone}`;
    const use = line.querySelector("use");
    use.setAttribute("href", `${use.getAttribute("href").split("#")[0]}#${icon}`);
    const words = fill(line.dataset[`say${name[0].toUpperCase()}${name.slice(1)}`], parts);
    const shown = line.querySelector("[data-live-words]");
    if (shown.textContent !== words) shown.textContent = words;
    banner.hidden = isAlive() || lostAt === 0 || now - lostAt < 750 || !isOpen() || hidden !== null;
    banner.querySelector("p").textContent = fill(banner.querySelector("p").dataset.say, { time: clock.format(lostAt || now) });
    const asked = hidden && box.querySelector("[data-say]");
    if (asked) asked.textContent = fill(asked.dataset.say, { n: unanswered, time: clock.format(answeredAt) });
  };

  setInterval(() => {
    const now = Date.now();
    const open = socket?.readyState === WebSocket.OPEN;
    if (socket && now - (open ? heardAt : startedAt) > (open ? SILENT_MS : PATIENCE_MS * 2)) lose();
    if (mayMove() && now - askedAt >= (isAlive() && unanswered === 0 ? CALM_MS : ASK_MS)) ask();
    countDown();
    paint();
  }, 500);

  box.addEventListener("click", (e) => {
    if (!e.target.closest("[data-ask]")) return;
    e.preventDefault();
    ask();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  window.addEventListener("online", () => { tries = 0; ask(); if (!isAlive()) connect(); });
  window.addEventListener("pagehide", () => { const old = socket; socket = null; old?.close(); });
  window.addEventListener("pageshow", (e) => { if (e.persisted) { connect(); ask(); } });
  const next = document.getElementById("till-next");
  if (next && document.activeElement === document.body) next.focus({ preventScroll: true });
  countDown();
  connect();
})();
