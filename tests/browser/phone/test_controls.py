"""Deliberate breaks of the phone's scripts, with each of which a test of its safety would fail."""

from pathlib import Path

import pytest

from tests.browser.phone.handset import Handset
from tests.browser.phone.test_paying import lose_the_answer
from tests.browser.phone.test_relay import fetch

pytestmark = pytest.mark.browser

SCRIPTS = Path(__file__).parents[3] / "static" / "js" / "phone"


def broken(phone: Handset, script: str, *, right: str, wrong: str) -> None:
    """Serve the phone a script with one place changed."""
    source = (SCRIPTS / script).read_text()
    assert source.count(right) == 1
    body = source.replace(right, wrong)
    phone.window.context.route(
        f"**/{script}", lambda route: route.fulfill(body=body, content_type="text/javascript")
    )
    phone.go("home")
    phone.shows("You can spend")


def test_without_the_comparison_an_altered_bill_is_shown_to_pay(phone, till, relay):
    broken(phone, "bill.js", right="isSame = (bill, claimed) =>", wrong="isSame = () => true ||")
    broken_bill = till.leave(relay, 21_000, order="B-9", shown=91_000)
    fetch(phone, relay, "B-9")
    phone.shows("₩91,000", "Order B-9")
    assert till.look(broken_bill)["state"] == "CLAIMED"


def test_with_a_new_key_for_each_try_a_lost_answer_is_not_found_again(phone, till):
    phone.refusals.add(409)
    broken(phone, "purchase.js", right="call.body, call.key)", wrong="call.body)")
    lose_the_answer(phone, till.sale(7_000))
    phone.go()
    phone.shows("Paid already")
