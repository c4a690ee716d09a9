"""A merchant's live list in a real browser, and when each sale stood on it.

The browser runs in a process of its own; it and the benchmark read one machine's clock.
"""

import multiprocessing
import time
from contextlib import contextmanager, suppress
from typing import NamedTuple

from django.conf import settings
from django.db import connections

from config.roles import Role
from config.stack.parts import find_chromium
from settlement.models import Payment
from tests.benchmarks import served
from tests.benchmarks.claims import Claims
from tests.benchmarks.contract import Measured
from tests.benchmarks.pushed import at_pace
from tests.factories.config import member, signed_in

SALES, SALES_SHORT = 50, 5
PER_S = 1.9  # not in step with a list that asks every three seconds
WARM_UP = 5
WITHIN_S = 15.0
_FORK = multiprocessing.get_context("fork")
# Rows come with their approval code: the first time one stands in the document is noted.
_NOTE = """
window.stoodAt = {};
new MutationObserver((changes) => {
  const at = Date.now();
  for (const change of changes) for (const row of change.addedNodes) {
    const code = row.querySelector?.("td.mono")?.textContent.trim();
    if (code) window.stoodAt[code] ??= at;
  }
}).observe(document, { subtree: true, childList: true });
"""
_ALL_STAND = "codes => codes.every((code) => code in window.stoodAt)"


class Seen(NamedTuple):
    """What the page noted: times in epoch milliseconds by approval code, its rows, its faults."""

    stood_at: dict[str, int]
    rows: list[str]
    faults: list[str]


def absent():
    """Return why there is nothing to watch with; "" where there is a Chromium."""
    return "" if find_chromium() else "NO CHROMIUM HERE"


def measure(*programs, live, rounds, short):
    """Sell 50 a round with ``programs`` running; return the p95 of each round in seconds.

    From just before an approval is asked for, so what it takes to commit counts too.
    """
    count = SALES_SHORT if short else SALES
    claims = Claims(tills=1, payers=8)
    merchant = claims.tills[0].place.merchant.reference
    cookie = signed_in(member(Role.MERCHANT_CASHIER, merchant)).session.session_key
    delays = []
    with (
        served.portal("web", "sequencer", *programs) as portal,
        _browser(portal.origin, merchant, cookie, live=live) as page,
    ):
        _shown(page, _sell(claims, WARM_UP))  # each worker draws its first rows
        for _ in range(rounds):
            asked = _sell(claims, count)
            seen = _shown(page, asked)
            delays.append([_delay_s(seen, code, at) for code, at in asked.items()])
        page.send(None)
    rounds_ms = [[round(1000 * delay) for delay in each] for each in delays]
    return Measured(
        ratios=[_p95(each) for each in delays],
        rows_checked=len(seen.rows),
        faults=[*seen.faults, *faults_of(seen, merchant=merchant), *claims.faults()],
        figures={
            "median_ms": round(1000 * _middle(delays)),
            "longest_ms": max(map(max, rounds_ms)),
        },
        conditions={"sales": count, "per_s": PER_S, "tills": 1, "phones": 8},
    )


def _shown(page, asked):
    """Return what the page notes once all of ``asked`` stand on it."""
    page.send(list(asked))
    return page.recv()


def _sell(claims, count):
    """Return when each approval was asked for, epoch seconds, by its approval code."""
    ready, asked = claims.ready(count), {}
    for each in at_pace(ready, per_s=PER_S):
        at = time.time()
        claims.approve([each])
        asked[each[1]] = at
    codes = dict(
        Payment.objects.filter(request__tid__in=list(asked)).values_list(
            "request__tid", "approval_code"
        )
    )
    return {codes[tid]: at for tid, at in asked.items()}


def _delay_s(seen, code, at):
    came = seen.stood_at.get(code)
    return WITHIN_S if came is None else came / 1000 - at


def faults_of(seen, *, merchant):
    """Return what is wrong: an approval that never stood there, or rows that are not the newest."""
    held = Payment.objects.filter(merchant__reference=merchant, state="APPROVED")
    newest = list(held.order_by("-pk").values_list("reference", flat=True))
    missing = held.exclude(approval_code__in=list(seen.stood_at)).count()
    told = [f"{missing} approvals never stood there"] if missing else []
    wrong = not seen.rows or seen.rows != newest[: len(seen.rows)]
    return [*told, *(["the rows are not the newest payments"] if wrong else [])]


def _p95(delays):
    ordered = sorted(delays)
    return ordered[-1 - len(ordered) // 20]


def _middle(rounds):
    ordered = sorted(delay for each in rounds for delay in each)
    return ordered[len(ordered) // 2]


@contextmanager
def _browser(origin, merchant, session, *, live):
    """Open the list in a Chromium of its own process; gives the pipe to it once the list works."""
    connections.close_all()  # each process opens its own
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(
        target=_watch, args=(theirs, origin, merchant, session, live), daemon=True
    )
    process.start()
    theirs.close()
    try:
        assert ours.recv() == "open"
        yield ours
    finally:
        ours.close()
        process.join(20)
        if process.is_alive():
            process.terminate()


def _watch(pipe, origin, merchant, session, live):
    """Tell what the page noted whenever codes come that it should have by now; None ends it."""
    from playwright.sync_api import TimeoutError as TooLate
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        context, faults = browser.new_context(), []
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": origin}]
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"the page's script: {error}"))
        page.add_init_script(_NOTE)
        page.goto(f"{origin}/merchant/payments?merchant={merchant}")
        words = "Live" if live else "Reconnecting"
        page.locator("[data-live-words]", has_text=words).wait_for(timeout=30_000)
        pipe.send("open")
        while codes := pipe.recv():
            with suppress(TooLate):
                page.wait_for_function(_ALL_STAND, arg=codes, timeout=1000 * WITHIN_S)
            shown = "rows => rows.map((row) => row.id)"
            pipe.send(
                Seen(
                    page.evaluate("window.stoodAt"),
                    page.eval_on_selector_all("#rows > tr", shown),
                    faults,
                )
            )
        browser.close()
