"""Approved beforehand in the phone: proved, asked, shown, cancelled; its modules against ours."""

from decimal import Decimal

import pytest
import segno
from playwright.sync_api import expect

from config.wire import b64
from tests.browser.phone.handset import Handset
from tests.browser.phone.test_looks import faults
from wallets.wire import Assertion

pytestmark = pytest.mark.browser

QR = """async (texts) => {
  const { modules } = await import('/static/js/phone/qr.js');
  return texts.map((text) => [...Array(8).keys()].map((mask) => modules(text, mask)));
}"""
ASSERTED = """async ([challenge, device, serial, verified]) => {
  const { assertion } = await import('/static/js/phone/assertion.js');
  const { newSigningKey, publicBytes } = await import('/static/js/phone/keys.js');
  const { fromB64url, toB64url } = await import('/static/js/phone/bytes.js');
  const pair = await newSigningKey();
  const made = [];
  for (let n = 0; n < 24; n += 1)
    made.push(toB64url(await assertion({ pair, device, appSerial: serial,
      challenge: fromB64url(challenge), verified })));
  return [toB64url(await publicBytes(pair)), made];
}"""


def approve(phone: Handset, amount: str, *, kind: str = "Cash", code: str = "2468") -> None:
    """Prove who holds the phone, and have an amount approved."""
    phone.go("ahead/new")
    phone.press("Touch the fingerprint sensor")
    phone.page.get_by_text(kind, exact=False).first.wait_for()
    phone.page.locator(f"input[name=kind][value={kind.upper()}]").check()
    phone.page.get_by_label("Amount", exact=True).fill(amount)
    if code:
        phone.page.get_by_label("Pickup code").fill(code)
    phone.press("Approve")


def number_on(phone: Handset) -> str:
    """Return the number that the phone shows."""
    return phone.page.locator(".qr .tid").inner_text().replace("\n", "").replace(" ", "")


def test_qr_codes_are_those_of_another_encoder(new_phone):
    page = new_phone().go()
    texts = ["A1.412345678905", "S1.9123456789012345", "S1.9123456789012345.0123456789"]
    for text, masked in zip(texts, page.evaluate(QR, texts), strict=True):
        for mask, rows in enumerate(masked):
            other = segno.make(text, error="m", micro=False, boost_error=False, mask=mask)
            assert rows == [list(row) for row in other.matrix], (text, mask)


@pytest.mark.parametrize("verified", [True, False])
def test_the_portal_reads_the_phones_assertions_every_time(new_phone, verified):
    page = new_phone().go()
    challenge = b"\x01" * 32
    told = [b64.encode(challenge), "DEV-1", "S" * 24, verified]
    key, made = page.evaluate(ASSERTED, told)
    for each in made:  # one in two would have a high s
        read = Assertion.open(b64.decode(each), public_key=b64.decode(key))
        assert (read.challenge, read.device, read.verified) == (challenge, "DEV-1", verified)


def test_nothing_is_asked_before_the_holder_is_proved(phone):
    phone.go("ahead/new")
    phone.shows("First show that it is you")
    expect(phone.page.get_by_label("Amount", exact=True)).to_have_count(0)


def test_a_finger_it_does_not_know_is_refused(phone):
    phone.refusals.add(403)
    phone.go("ahead/new")
    phone.press("Try with a finger it does not know")
    phone.shows("That was not you")


def test_a_number_is_shown_kept_over_a_reload_and_cancelled(phone):
    approve(phone, "50000")
    phone.shows("₩50,000", "Ready to use", "Good until")
    number = number_on(phone)
    assert len(number) == 12

    phone.page.reload()
    phone.shows("Ready to use")
    assert number_on(phone) == number

    phone.press("Cancel it")
    phone.shows("Cancelled", "nothing was taken")
    expect(phone.page.locator(".qr")).to_have_count(0)


def test_what_is_held_is_not_to_be_spent(phone):
    phone.go("home")
    before = spendable(phone)
    approve(phone, "70000")
    phone.shows("Ready to use")
    phone.go("home")
    phone.shows("You can spend")
    assert before - spendable(phone) == 70_000


def spendable(phone: Handset) -> Decimal:
    phone.shows("You can spend")
    text = phone.page.locator(".balance .figure").first.inner_text()
    return Decimal(text.lstrip("₩").replace(",", ""))


def test_an_amount_above_what_is_there_is_declined_with_its_reason(phone):
    approve(phone, "9000000")
    phone.shows("Not enough money")


@pytest.mark.parametrize("amount", ["0", "x", "1.5"])
def test_an_amount_that_is_none_is_told_before_anybody_is_asked(phone, amount):
    approve(phone, amount)
    phone.shows("Type an amount in KRW")


def test_a_lost_answer_is_asked_for_again_and_is_one_approval(phone):
    phone.go("ahead/new")
    phone.press("Touch the fingerprint sensor")
    phone.page.route("**/wallet/preapprovals", lambda route: (route.fetch(), route.abort())[0])
    phone.page.get_by_label("Amount", exact=True).fill("20000")
    phone.page.get_by_label("Pickup code").fill("2468")
    phone.press("Approve")
    phone.shows("No answer yet")
    phone.page.unroute_all(behavior="wait")
    phone.window.faults.clear()
    phone.press("Ask again")
    phone.shows("Ready to use")
    phone.go("ahead")
    phone.shows("Ready to use")
    expect(phone.page.locator(".list li")).to_have_count(1)


def test_each_screen_looks_right(phone, axe_source):
    for screen, said in {"ahead": "Nothing approved yet", "ahead/new": "First show"}.items():
        phone.go(screen)
        phone.shows(said)
        assert not faults(phone, axe_source), screen
    phone.press("Touch the fingerprint sensor")
    phone.page.get_by_label("Amount", exact=True).wait_for()
    assert not faults(phone, axe_source)
    phone.page.get_by_label("Amount", exact=True).fill("30000")
    phone.page.get_by_label("Pickup code").fill("2468")
    phone.press("Approve")
    phone.shows("Ready to use")
    assert not faults(phone, axe_source)
