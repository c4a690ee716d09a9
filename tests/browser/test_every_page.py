"""Every page of every role, wide and narrow, light and dark: nothing sticks out, axe is content."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, URLResolver, get_resolver, resolve
from playwright.sync_api import Browser, Page, StorageState

from tests.browser import axe
from tests.browser.campaigns import type_campaign
from tests.browser.conftest import Scene
from tests.browser.window import Window
from tests.journeys.portal import Portal

pytestmark = pytest.mark.browser

WIDTHS = (1440, 390)
ROLES = ("issuer risk", "issuer operations", "merchant owner", "sponsor", "platform admin")
SIGNED_OUT = {"sign-in": "/sign-in", "password-forgotten": "/password/forgotten"}
HOME = "home"  # shows each role something else
LINKS = "[...document.querySelectorAll('main a[href], nav a[href], .bar a[href]')].map(a => a.href)"
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DOWNLOADS = {
    *("batch-content", "card-job-errors", "list-version-file"),
    *("merchant-report-file", "payout-lines", "redemption-file", "statement-file"),
    *("stock-file-errors", "file-content"),
}
FRAGMENTS = {
    *("blacklist-reach", "card-job-state", "payment-rows", "payment-tiles", "till-state"),
    *("campaign-basket", "campaign-reads", "earning-reads", "till-code-state"),
    *("preapproval-rows", "day-close-state", "file-state"),
}
ACTS = {
    *("atm-move", "campaign-act", "earning-end", "stock-withdraw"),
    *("card-job-cancel", "unblock-agree", "unblock-refuse"),
    *("device-offer", "equipment-revoke", "invitation-withdraw", "key-revoke", "merchant-resume"),
    *("merchant-suspend", "second-factor-link", "session-end", "session-end-others", "sign-out"),
    *("suspense-agree", "suspense-refuse", "day-close-cancel", "file-cancel"),
    *("relay-pair", "relay-part", "till-cancel", "till-give", "till-reopen"),
    *("till-code-abandon", "till-code-cancel", "till-code-confirm"),
    *("staff-end", "staff-reset-factor", "tenant-switch"),
    *("webhook-replay", "webhook-replay-failed", "webhook-test"),
}
# The demo's door, and pages that stand half way through it.
AT_THE_DOOR = {"demo-sign-in", "sign-in-code", "recovery-code", "second-factor-again"}
MAILED = {"password-reset", "second-factor-set-up"}
# A row to act on takes a lost record or a cloned phone; tests/settlement_portal makes them.
AFTER_A_FAULT = {"exception-resolve", "dispute-close", "gap-resolve"}
# A payout takes a business day that has ended; tests/settlement_portal makes them.
AFTER_A_DAY = {"payout"}
# They take a job; tests/browser/test_jobs.py looks at them.
OF_A_JOB = {"day-close", "day-close-job", "file"}
# It takes a phone that staff must agree to, or that is locked; tests/issuers_portal makes them.
AFTER_A_PHONE = {"certificate-request-agree", "certificate-request-refuse", "device-unlock"}
# It takes a customer who has something approved; tests/browser/test_atm.py looks at them.
AT_A_MACHINE = {
    *("atm-redemption", "preapproval", "preapproval-cancel", "suspense-resolve", "stock-file"),
}
# A phone is a world of its own; tests/browser/phone looks at each of its screens.
DEMO_PHONE = {"demo-phone", "demo-phone-customer"}
NO_LINK_LEADS_TO = (
    DOWNLOADS
    | FRAGMENTS
    | ACTS
    | AT_THE_DOOR
    | MAILED
    | AFTER_A_FAULT
    | AFTER_A_DAY
    | OF_A_JOB
    | AFTER_A_PHONE
    | AT_A_MACHINE
    | DEMO_PHONE
)


@dataclass
class Walk:
    """What was found wrong, by role, and the names of all pages that were looked at."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


@pytest.fixture(scope="session")
def walk(
    *,
    portal: Portal,
    chromium: Browser,
    doors: Callable[[str], StorageState],
    scene: Scene,
    handed_in: None,
    axe_source: str,
) -> Walk:
    """Go wherever links lead each role, and look once at each page on the way."""
    # The first card or device that a list links to may be blocked, or a reader: no way leads here.
    issuer, phone = f"/issuer/{scene.issuer}", scene.handset.device
    card = f"{issuer}/cards/{scene.cards[0]['card']}"
    wipes = (f"{card}/phones/{phone}/wipe", f"{issuer}/devices/{phone}/wipe")
    also = {"issuer risk": (f"{card}/block", *wipes)}
    with Window.opened(
        chromium, origin=portal.origin, storage_state=doors("merchant owner")
    ) as shop:
        also["merchant owner"] = (
            *(paid(shop), charged(shop, scene.shop)),
            *(drafted(shop, scene.shop), taken(shop, scene)),
        )
    done = Walk()
    for role in ROLES:
        with Window.opened(chromium, origin=portal.origin, storage_state=doors(role)) as window:
            found = [
                fault
                for page, name in pages(window, starts=("/", *also.get(role, ())))
                if name == HOME or name not in done.names
                for fault in look(page, axe_source, noted=done.names, name=name)
            ]
            done.faults[role] = found + window.faults
    return done


def paid(window: Window) -> str:
    """Return the page of a payment that can be given back."""
    page = window.go("/merchant/payments?state=APPROVED")
    return str(page.locator("#rows tr a").first.get_attribute("href"))


def charged(window: Window, merchant: str) -> str:
    """Charge at the till, and return the page of the sale that waits."""
    page = window.go(f"/merchant/{merchant}/till")
    page.locator("[name=amount]").fill("12500")
    page.get_by_role("button", name="Charge").click()
    page.locator(".qr-till").wait_for()
    return urlsplit(page.url).path


def drafted(window: Window, merchant: str) -> str:
    """Draft a campaign, for the list may begin with one that is out; return where to edit it."""
    page = window.go(f"/sponsor/{merchant}/campaigns/new")
    type_campaign(page)
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Publish").wait_for()
    return urlsplit(page.url).path + "/edit"


def taken(window: Window, scene: Scene) -> str:
    """Take a customer's code at the till, and return the page of the purchase that is quoted."""
    plan = scene.handset.session.post("/wallet/plans", body={"selections": []}).json()
    page = window.go(f"/merchant/{scene.shop}/till")
    page.locator("[name=amount]").fill("12500")
    page.locator("[name=code]").fill(plan["code"])
    page.get_by_role("button", name="Use the code").click()
    page.locator("#till-cash").wait_for()
    return urlsplit(page.url).path


@pytest.mark.parametrize("role", ROLES)
def test_pages_of(role: str, walk: Walk) -> None:
    assert not walk.faults[role], "\n".join(walk.faults[role])


def test_no_page_was_missed(walk: Walk) -> None:
    missed = portal_names(get_resolver()) - walk.names - NO_LINK_LEADS_TO - set(SIGNED_OUT)
    assert not missed, ", ".join(sorted(missed))


@pytest.mark.parametrize("path", SIGNED_OUT.values())
def test_pages_of_nobody(path, window, axe_source):
    faults = look(window("").go(path), axe_source, noted=set(), name=path)
    assert not faults, "\n".join(faults)


def pages(window: Window, *, starts: Iterable[str]) -> Iterator[tuple[Page, str]]:
    """Follow links from where it starts, and give each named page of the portal once."""
    ahead, seen = list(starts), {""} | NO_LINK_LEADS_TO
    while ahead:
        path = ahead.pop(0)
        name = name_of(path)
        if name in seen:
            continue
        seen.add(name)
        page = window.go(path)
        ahead += [ours for link in page.evaluate(LINKS) if (ours := local(link, window.origin))]
        yield page, name


def look(page: Page, source: str, *, noted: set[str], name: str) -> list[str]:
    """Return what is wrong with the page at each width and in each colour scheme."""
    noted.add(name)
    faults = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            where = f"{urlsplit(page.url).path} at {width} {scheme}"
            out = page.evaluate(STICKS_OUT)
            faults += [f"{where}: sticks out by {out} px"] if out > 0 else []
            options = axe.EVERYTHING if scheme == "light" else axe.CONTRAST
            found = axe.violations(page=page, source=source, options=options)
            faults += [f"{where}: {violation}" for violation in found]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    return faults


def local(link: str, origin: str) -> str:
    """Return the path of a link into the portal, without its query; "" for any other."""
    return urlsplit(link).path if link.startswith(origin + "/") else ""


def name_of(path: str) -> str:
    """Return the name of a page of the portal, "" for any other address."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    return (found.url_name or "") if is_page(found.func) else ""


def portal_names(resolver: URLResolver) -> set[str]:
    """Return the names of all addresses that the portals of the apps serve."""
    names: set[str] = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            names |= portal_names(pattern)
        elif is_page(pattern.callback):
            names.add(str(pattern.name))
    return names


def is_page(view: Callable[..., object]) -> bool:
    return ".portal." in view.__module__
