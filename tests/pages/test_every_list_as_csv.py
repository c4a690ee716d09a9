"""Every list can be taken away as CSV: the same rows as its page, and no page is left out."""

import ast
import csv
import re
from pathlib import Path

import pytest
from django.urls import reverse

from config.portal import sheets
from config.roles import Role
from issuers.models import BlacklistEntry
from tests.pages import house as houses
from tests.pages.house import at_work, begins, text_of, walk

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]

# Pages with tables and no file: what they offer instead, or why there is nothing to take away.
NO_LIST = {
    "home": "a few of each list, with a link to it",
    "search": "at most ten of each kind",
    "sessions": "one's own sessions",
    "payment": "one payment's story, which the API tells",
    "preapproval": "one pre-approval's story",
    "queues": "counts, each a link to its list",
    "distribution": "counts by version and age; devices and versions are lists",
    "issuer-device": "one device",
    "card": "one card",
    "card-job": "one file, with a CSV of what was not done",
    "card-find": "a few cards to choose from",
    "webhook-list": "ten webhooks at most",
    "webhook-message": "one message's attempts",
    "styleguide": "samples",
    "campaign": "one campaign",
    "sponsor-statement": "has a file of its own",
    "merchant-report": "has a file of its own",
    "payout": "has a file of its own",
    "list-version": "has a file of its own",
}
LISTS = {
    *("agreement-list", "audit", "authorisation-list", "batch", "batch-list", "blacklist"),
    *("business-day", "campaign-list", "card-file-list", "card-list", "certificate-requests"),
    *("debts", "disputes", "earning-list", "equipment-list", "exceptions", "holder", "holder-find"),
    *("issuer-devices", "issuer-list", "key-list", "list-versions", "merchant-days"),
    *("merchant-list", "merchant-offline", "payment-live", "payment-shops", "payout-list"),
    *("programme", "programme-list", "redemption-list", "relay-list", "sponsor-list", "staff"),
    *("store-list", "undelivered", "unblock-request", "webhook"),
    *("atm-list", "preapproval-list", "preapproval-terms-list", "redeemed-list"),
    *("stock-list", "suspense-list"),
}
WALKERS = (Role.ISSUER_OPERATIONS, Role.MERCHANT_OWNER, Role.PLATFORM_ADMIN)


@pytest.fixture
def house(db):
    return houses.build()


def whole(answer):
    text = text_of(answer)
    assert text[0] == "\ufeff"
    return list(csv.reader(text[1:].splitlines(keepends=True)))


def test_every_list_of_every_role_can_be_taken_away(house):
    faults, reached = [], set()
    for role in WALKERS:
        browser = at_work(house, role)
        for name, path, html in walk(browser, begins(house, role)):
            if ("<table" in html or 'class="pager"' in html) and name not in NO_LIST:
                reached.add(name)
                faults += [f"{name}: {fault}" for fault in faults_of(browser, path, html)]
    assert not faults, "\n".join(faults)
    assert not reached - LISTS, f"name them here: {reached - LISTS}"
    assert not LISTS - reached, f"not reached: {LISTS - reached}"


def faults_of(browser, path, html):
    """Yield what is wrong with a list's file: none, its widths, a formula, other rows."""
    if 'as=csv"' not in html:
        yield "no link to its CSV"
        return
    answer = browser.get(path, {"as": "csv"})
    if answer.headers["Content-Type"] != "text/csv; charset=utf-8":
        yield answer.headers["Content-Type"]
        return
    rows = whole(answer)
    if len({len(row) for row in rows}) > 1:
        yield "lines of different widths"
    if any(cell.startswith(("=", "+", "@")) for row in rows for cell in row):
        yield "a cell that runs"
    count = re.search(r'class="pager".*?<p>([\d,]+) in all', html, re.DOTALL)
    # The trail's own file holds that it was taken.
    shown = len(rows) - (2 if path == reverse("audit") else 1)
    if count and int(count[1].replace(",", "")) != shown:
        yield f"{len(rows) - 1} rows, the page counts {count[1]}"


HELPERS = {"queue"}  # it cuts rows for views that ask for the file themselves


def test_every_view_that_cuts_a_list_into_pages_hands_its_file_out():
    """Also the lists that the walk does not reach, by their source."""
    missing = [
        f"{path.name}: {view.name}"
        for path in ROOT.glob("*/portal/*.py")
        for view in ast.parse(path.read_text()).body
        if isinstance(view, ast.FunctionDef) and not view.name.startswith("_")
        if view.name not in HELPERS
        if called(view) & {"newest_first", "in_order"} and "wanted" not in called(view)
    ]
    assert not missing, "\n".join(missing)


def called(view):
    """Return the names of all functions that a view calls."""
    calls = [node.func for node in ast.walk(view) if isinstance(node, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)} | {
        call.attr for call in calls if isinstance(call, ast.Attribute)
    }


def test_the_files_rows_are_those_of_the_filter(house):
    browser = at_work(house, Role.MERCHANT_OWNER)
    rows = whole(browser.get("/merchant/payments", {"q": "2000", "as": "csv"}))
    assert [row[rows[0].index("Amount")] for row in rows] == ["Amount", "2000"]


def test_a_file_takes_one_query_a_chunk(house, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(sheets, "_CHUNK", 2)
    browser = at_work(house, Role.MERCHANT_OWNER)
    with django_assert_max_num_queries(15):
        rows = whole(browser.get("/merchant/payments", {"as": "csv"}))
    assert len(rows) - 1 == 4


def test_a_file_that_is_cut_says_so(house, monkeypatch):
    monkeypatch.setattr(sheets, "_CHUNK", 1)
    monkeypatch.setattr(sheets, "ROWS_MAX", 2)
    browser = at_work(house, Role.MERCHANT_OWNER)
    rows = whole(browser.get("/merchant/payments", {"as": "csv"}))
    assert len(rows) == 4
    assert rows[-1] == ["More than 2 rows: narrow the list for the rest."]


def test_the_blacklist_of_a_file_is_its_issuers_alone(house):
    browser = at_work(house, Role.ISSUER_AUDITOR)
    path = reverse("blacklist", args=[house.issuer.reference])
    rows = whole(browser.get(path, {"as": "csv", "view": "listed"}))
    listed = BlacklistEntry.objects.filter(issuer=house.issuer, lifted_at=None)
    assert len(rows) - 1 == listed.count()
