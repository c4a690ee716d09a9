/* Paydesk live list. The socket is a hint, the database is the truth: a frame or a heartbeat only says up to which seq
   there is something to fetch; the rows always come from the events address, drawn by the server.

   On the .table-box: data-live-socket (address), data-live-events (GET ?after=<seq> answers {html, seq, count, ids, head},
   html being <tr id=… data-order=…> newest first, seq the last one covered, head the newest there is; a row with
   data-elsewhere only redraws the one that is here), data-live-after (the seq the page was drawn at),
   data-live-more (present: older rows follow on a next page), data-live-hold (present: never insert, as on later pages),
   data-live-signin. data-order is what the list is sorted by, largest first. The box sends live:rows when rows came in,
   which an hx-trigger elsewhere on the page may use. */
(() => {
  const box = document.querySelector("[data-live-socket]");
  const chip = document.getElementById("live");
  if (!box || !chip) return;

  const SILENT_MS = 25_000;   // the server's heartbeat comes every 10 s: two missed ones are silence
  const TICK_MS = 1_000;
  const LATE_MS = 200;        // by so much a tick may come early after a late one
  const POLL_MS = 3_000;      // while the socket is not proven alive
  const GATHER_MS = 250;      // a burst of frames becomes one request
  const SETTLE_MS = 1_000;    // a socket is open a moment before the server listens for its events
  const PATIENCE_MS = 8_000;  // for a handshake or an answer
  const RETRY_MS = [250, 500, 1_000, 2_000, 4_000, 5_000];
  const ALOUD_MS = 10_000;
  const FLASH_MS = 3_200;
  const MAX_ROWS = 500;

  const body = box.querySelector("tbody");
  const pill = document.querySelector("[data-live-pill]");
  const banner = document.querySelector("[data-live-banner]");
  const pauseButton = document.getElementById("live-pause");
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23", timeZone: chip.dataset.zone || undefined });
  const icons = chip.querySelector("use").getAttribute("href").split("#")[0];
  const draw = (svg, name) => svg?.querySelector("use").setAttribute("href", `${icons}#${name}`);
  const fill = (words, parts) => words.replace(/\{(\w+)\}/g, (all, key) => parts[key] ?? all);

  /* ------------------------------------------------ rows: insert, replace, hold back */
  const held = new Map();     // id -> row not shown yet, oldest first
  let paused = false;
  let unsaid = 0, saidAt = 0;

  const busy = () => {
    const first = body.firstElementChild;
    const under = document.querySelector(".bar")?.getBoundingClientRect().bottom ?? 0;
    const marked = getSelection();
    return paused || "liveHold" in box.dataset || (first && first.getBoundingClientRect().bottom < under)
      || body.contains(document.activeElement) || body.querySelector("tr.selected") !== null
      || (!marked.isCollapsed && body.contains(marked.anchorNode));
  };
  const handles = (row) => [...row.querySelectorAll("a, button, input")];
  const flash = (row) => {
    row.classList.add("flash");
    setTimeout(() => row.classList.remove("flash"), FLASH_MS);
    window.htmx?.process(row);
  };
  const replace = (old, row) => {
    const at = handles(old).indexOf(document.activeElement);
    const was = old.querySelector(".sel input"), is = row.querySelector(".sel input");
    if (was && is) is.checked = was.checked;
    row.classList.toggle("selected", old.classList.contains("selected"));
    old.replaceWith(row);
    flash(row);
    if (at >= 0) (handles(row)[at] ?? handles(row)[0])?.focus({ preventScroll: true });
  };
  const drawPill = () => {
    if (!pill) return;
    pill.hidden = held.size === 0;
    pill.querySelector("span").textContent = fill(pill.dataset.sayNew, { n: held.size });
  };
  const trim = () => {
    for (let row = body.lastElementChild; row && body.childElementCount > MAX_ROWS;) {
      const before = row.previousElementSibling;
      if (!row.classList.contains("selected") && !row.contains(document.activeElement)) row.remove();
      row = before;
    }
  };
  /* by data-order, a row without one on top; what is older than this page is another page's */
  const insert = (row) => {
    const order = Number(row.dataset.order ?? Infinity);
    const next = [...body.children].find((other) => Number(other.dataset.order ?? -Infinity) <= order);
    body.insertBefore(row, next ?? null);
    flash(row);
  };
  const elsewhere = (row) => "liveMore" in box.dataset && body.childElementCount > 0
    && Number(row.dataset.order ?? Infinity) < Number(body.lastElementChild.dataset.order ?? -Infinity);
  const show = () => {
    if (held.size) {
      box.hidden = false;
      document.querySelector("[data-live-empty]")?.remove();
    }
    held.forEach((row, id) => {
      const old = document.getElementById(id);
      if (old) replace(old, row); else insert(row);
    });
    held.clear();
    trim();
    drawPill();
  };
  const take = (page) => {
    const sheet = document.createElement("template");
    sheet.innerHTML = page.html;
    [...sheet.content.children].reverse().forEach((row) => {
      const old = document.getElementById(row.id);
      if (!old && !held.has(row.id) && ("elsewhere" in row.dataset || elsewhere(row))) return;
      if (old && !paused) { replace(old, row); return; }
      if (!old && !held.has(row.id)) unsaid += 1;
      held.delete(row.id);
      held.set(row.id, row);
      if (held.size > MAX_ROWS) held.delete(held.keys().next().value);
    });
    if (busy()) drawPill(); else show();
    box.dispatchEvent(new CustomEvent("live:rows", { bubbles: true, detail: { seq: page.seq, count: page.count } }));
  };
  const speak = (now) => {
    if (!unsaid || now - saidAt < ALOUD_MS || document.hidden) return;
    document.getElementById("announce").textContent = fill(pill?.dataset.sayAloud ?? "{n}", { n: unsaid });
    unsaid = 0;
    saidAt = now;
  };

  /* ------------------------------------------------ feed: what the database says */
  let after = Number(box.dataset.liveAfter) || 0;
  let wanted = after;
  let asking = false, askedAt = 0, freshAt = Date.now();
  let catching = false, caught = 0;

  const leave = () => {
    try {
      const now = Date.now();
      // signed in for the pages but not for the socket: do not go round in circles
      if (now - Number(sessionStorage.getItem("live-left")) < 30_000) return;
      sessionStorage.setItem("live-left", now);
    } catch { /* storage may be off */ }
    if (box.dataset.liveSignin) location.assign(`${box.dataset.liveSignin}?next=${encodeURIComponent(location.pathname + location.search)}`);
    else location.reload();
  };
  const ask = async () => {
    if (asking || document.hidden) return;
    asking = true;
    askedAt = Date.now();
    const since = socket;
    try {
      const address = new URL(box.dataset.liveEvents, location.href);
      address.searchParams.set("after", after);
      const answer = await fetch(address, { headers: { Accept: "application/json", "X-Polled": "1" }, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) { leave(); return; }
      if (!answer.ok) return;
      const page = await answer.json();
      freshAt = Date.now();
      if (page.seq > after) {
        after = page.seq;
        wanted = Math.max(wanted, page.head ?? 0);
        if (catching) caught += page.count;
        take(page);
        if (wanted > after) gather();
      }
      if (catching && isOpen() && since === socket && after >= wanted) back();
    } catch { /* the next tick asks again */ } finally { asking = false; paint(); }
  };
  let gathering = 0;
  const gather = () => { gathering ||= setTimeout(() => { gathering = 0; ask(); }, GATHER_MS); };

  /* ------------------------------------------------ line: the socket */
  let socket = null, startedAt = 0, heardAt = 0, proven = false;
  let tries = 0, retry = 0, lostAt = 0;

  const isOpen = () => socket?.readyState === WebSocket.OPEN && Date.now() - heardAt < SILENT_MS;
  const lose = () => {
    const old = socket;
    socket = null;
    proven = false;
    old?.close();
    if (!catching) { catching = true; caught = 0; lostAt = Date.now(); }
    clearTimeout(retry);
    retry = setTimeout(connect, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    setTimeout(paint, 800);
    paint();
  };
  const connect = () => {
    clearTimeout(retry);
    const old = socket;
    const address = new URL(box.dataset.liveSocket, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const mine = socket = new WebSocket(address);
    old?.close();
    startedAt = Date.now();
    mine.onopen = () => {
      if (mine !== socket) return;
      heardAt = Date.now();
      ask();
      setTimeout(ask, SETTLE_MS);
      paint();
    };
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      heardAt = Date.now();
      proven = true;
      tries = 0;
      wanted = Math.max(wanted, Number(JSON.parse(data).seq) || 0);
      if (wanted > after) gather(); else freshAt = heardAt;
    };
    mine.onclose = ({ code }) => {
      if (mine !== socket) return;
      if (code === 4401) leave();
      lose();
    };
  };

  /* ------------------------------------------------ what the reader is told */
  let told = "";
  const tell = (tone, icon, words, button, role) => {
    if (!banner || told === words) return;
    told = words;
    banner.className = `banner is-${tone}`;
    draw(banner, icon);
    banner.setAttribute("role", role);
    banner.querySelector("p").textContent = words;
    const press = banner.querySelector("button");
    press.hidden = !button;
    press.textContent = button;
    banner.hidden = false;
  };
  const hush = () => { told = ""; if (banner) banner.hidden = true; };
  const back = () => {
    const worthSaying = told !== "" || caught > 0;
    catching = false;
    lostAt = 0;
    if (!worthSaying) return;
    const words = caught ? fill(chip.dataset.sayBack, { n: caught }) : chip.dataset.sayComplete;
    tell("ok", "ok", words, caught ? chip.dataset.sayShow : "", "status");
    setTimeout(() => { if (told === words) hush(); }, 15_000);
  };
  const draws = { live: ["ok", "live"], paused: ["neutral", "pause"], reconnecting: ["info", "refresh"], stale: ["warn", "warn"] };
  const drawChip = (name, parts) => {
    const [tone, icon] = draws[name];
    chip.className = `live is-${tone}`;
    draw(chip, icon);
    const words = fill(chip.dataset[`say${name[0].toUpperCase()}${name.slice(1)}`], parts);
    const shown = chip.querySelector("[data-live-words]");
    if (shown.textContent !== words) shown.textContent = words;
  };
  const paint = () => {
    const now = Date.now();
    const since = { time: clock.format(freshAt), n: Math.round((now - (lostAt || now)) / 1000) };
    const stale = now - freshAt > SILENT_MS;
    const down = !isOpen() && lostAt > 0;
    if (paused) drawChip("paused", since);
    else if (stale) drawChip("stale", since);
    else if (isOpen()) drawChip("live", since);
    else if (down) drawChip("reconnecting", since);
    if (down && stale) tell("warn", "warn", fill(chip.dataset.sayKnown, since), chip.dataset.sayRetry, "alert");
    else if (down && now - lostAt >= 750) tell("info", "refresh", fill(chip.dataset.sayDown, { time: clock.format(lostAt) }), chip.dataset.sayRetry, "alert");
  };

  setInterval(() => {
    const now = Date.now();
    const open = socket?.readyState === WebSocket.OPEN;
    if (socket && now - (open ? heardAt : startedAt) > (open ? SILENT_MS : PATIENCE_MS)) lose();
    const urgent = isOpen() && (catching || wanted > after);
    if ((urgent || !proven) && now - askedAt >= (urgent ? TICK_MS : POLL_MS) - LATE_MS) ask();
    if (held.size && !busy()) show();
    speak(now);
    paint();
  }, TICK_MS);

  pauseButton.hidden = false;
  pauseButton.addEventListener("click", () => {
    paused = !paused;
    document.documentElement.toggleAttribute("data-paused", paused);
    draw(pauseButton, paused ? "play" : "pause");
    pauseButton.querySelector(".sr").textContent = chip.dataset[paused ? "sayResume" : "sayPause"];
    if (!busy()) show();
    paint();
  });
  const showAll = () => {
    show();
    box.tabIndex = -1;
    box.focus({ preventScroll: true });
    (document.querySelector(".tools") ?? box).scrollIntoView({ block: "start" });
  };
  pill?.querySelector("button").addEventListener("click", showAll);
  banner?.querySelector("button").addEventListener("click", () => {
    if (catching) { tries = 0; connect(); ask(); } else { hush(); showAll(); }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (socket?.readyState === WebSocket.OPEN && Date.now() - heardAt > SILENT_MS) lose();
    ask();
  });
  window.addEventListener("online", () => { tries = 0; if (!isOpen()) connect(); ask(); });
  window.addEventListener("pagehide", () => { const old = socket; socket = null; old?.close(); });
  window.addEventListener("pageshow", (e) => { if (e.persisted) { connect(); ask(); } });
  connect();
})();
