"""Refunds and reversals from a payment's page, its receipt and its delivery log."""

from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from config.models import Audit
from config.roles import MATRIX, Right, Role
from merchants.models import DatagramRecord
from settlement.models import DayClose, Payment, Refund
from settlement.services import days
from tests.factories.requests import terminal
from tests.settlement_portal.world import payer_of

WHY = "Goods returned"


@pytest.fixture
def online(world):
    """Return a payment of 10,000 made by T-ID."""
    device = terminal(store=world.merchant.stores.get())
    request = device.asks(10_000, at=timezone.now(), order="B-7")
    payer_of(world).pays(request, at=timezone.now())
    return Payment.objects.get(reference=request.reference)


@pytest.fixture
def offline(world):
    (payment,) = world.sell(10_000)
    return payment


@pytest.fixture(params=["online", "offline"])
def paid(request):
    return request.getfixturevalue(request.param)


def at(payment, act=""):
    return f"/payments/{payment.reference}{act and f'/{act}'}"


def refund(browser, payment, amount="2,500", *, seen=0, how="part", **changes):
    told = {"how": how, "amount": amount, "reason": WHY, "seen": seen}
    return browser.post(at(payment, "refund"), told | changes, follow=True)


def text(answer):
    return unescape(answer.content.decode())


def test_a_part_is_given_back_and_told(owner, paid):
    page = text(refund(owner, paid))

    assert "Refunded: 2,500 KRW." in page
    assert "Refunded in part" in page
    assert "7,500 <small>KRW</small> left" in page
    assert "2,500 KRW, Goods returned" in page, "in the timeline"
    assert Refund.objects.get().amount_minor == 2_500
    assert Audit.objects.get(action="payment.refund").reason == WHY


def test_all_that_is_left_is_given_back(owner, paid):
    refund(owner, paid)
    page = text(refund(owner, paid, how="all", amount="", seen=2_500))

    assert Refund.objects.count() == 2
    assert "0 <small>KRW</small> left" in page
    assert 'data-dialog="refund"' not in page


@pytest.mark.parametrize("amount", ["10,001", "0", "-1", "1.5", "x", ""])
def test_no_other_amount_is_given_back(owner, paid, amount):
    answer = refund(owner, paid, amount)

    assert "There is a problem" in text(answer)
    assert not Refund.objects.exists()


def test_a_reason_is_asked_for(owner, paid):
    assert "There is a problem" in text(refund(owner, paid, reason=""))
    assert not Refund.objects.exists()


def test_a_form_sent_twice_or_from_two_windows_is_one_refund(owner, paid):
    refund(owner, paid)
    again = text(refund(owner, paid))

    assert "Something was refunded since this form was opened" in again
    assert Refund.objects.count() == 1


def test_control_without_what_was_seen_both_are_made(owner, paid):
    refund(owner, paid)
    refund(owner, paid, seen=2_500)

    assert Refund.objects.count() == 2


def test_the_whole_is_reversed_with_its_reason(owner, paid):
    page = text(owner.post(at(paid, "reverse"), {"reason": WHY}, follow=True))

    assert "the whole amount goes back" in page
    paid.refresh_from_db()
    assert paid.state == "REVERSED"
    assert Audit.objects.get(action="payment.reverse").reason == WHY


def test_what_was_refunded_is_not_reversed(owner, paid):
    page = text(refund(owner, paid))
    assert 'data-dialog="reverse"' not in page

    told = text(owner.post(at(paid, "reverse"), {"reason": WHY}, follow=True))

    assert "refund the rest instead" in told
    paid.refresh_from_db()
    assert paid.state == "APPROVED"


def test_what_is_cleared_says_why_it_is_not_reversed(owner, paid):
    DayClose.objects.create(
        merchant=paid.merchant,
        business_date=paid.business_date,
        closed_by="clerk",
        closed_at=paid.approved_at + timedelta(seconds=1),
    )

    page = text(owner.get(at(paid)))

    assert 'data-dialog="reverse"' not in page
    assert "Its business day is cleared: refund it instead." in page
    assert "Its business day is cleared" in text(owner.get(at(paid, "reverse")))
    assert 'data-dialog="refund"' in page


def test_the_figures_count_refunds_before_and_after_the_roll_up(owner, online):
    refund(owner, online)
    before = text(owner.get("/merchant/payments/figures"))
    days.roll_up()
    after = text(owner.get("/merchant/payments/figures"))

    assert "7,500 <small>KRW</small>" in before
    assert "Sales: 1, reversed: 0, refunds: 1" in before
    assert before == after
    month = text(owner.get("/merchant/days"))
    assert "2,500 <small>KRW</small>" in month


@pytest.mark.parametrize("role", Role)
def test_only_who_may_give_money_back_does(world, staff, role, paid):
    browser = staff(role, "SPO-1" if role == Role.SPONSOR else None)
    may = Right.REFUND_PAYMENTS in MATRIX[role]
    sees = Right.SEE_PAYMENTS in MATRIX[role]

    for act in ("refund", "reverse"):
        assert browser.get(at(paid, act)).status_code == (200 if may else 403)
        assert browser.post(at(paid, act), {}).status_code == (200 if may else 403)
    assert browser.get(at(paid, "receipt")).status_code == (200 if sees else 403)
    if sees:
        assert ('data-dialog="refund"' in text(browser.get(at(paid)))) is may


@pytest.mark.parametrize(
    "role", [role for role in Role if role.value.startswith(("MERCHANT", "ISSUER"))]
)
def test_foreign_hands_find_nothing(world, staff, role, paid):
    tenants = {
        "MERCHANT": world.other_shop.merchant.reference,
        "ISSUER": world.other_card.card.issuer.reference,
    }
    browser = staff(role, tenants[role.value.split("_")[0]])
    sees = Right.SEE_PAYMENTS in MATRIX[role]
    assert browser.get(at(paid, "receipt")).status_code == (404 if sees else 403)
    for act in ("refund", "reverse"):
        for call in (browser.get, browser.post):
            assert call(at(paid, act)).status_code in {403, 404}
    assert not Refund.objects.exists()


def test_the_receipt_says_what_it_is_not(owner, online):
    plain = text(owner.get(at(online, "receipt")))
    assert "10,000 <small>KRW</small>" in plain
    assert online.approval_code in plain
    assert 'class="receipt-tid"' in plain
    assert 'class="word"' not in plain

    refund(owner, online)

    assert "REFUNDED IN PART" in text(owner.get(at(online, "receipt")))


def test_the_page_tells_of_tid_order_and_the_phone(owner, online):
    page = text(owner.get(at(online)))

    assert f'data-copy="{online.request.tid}"' in page
    assert "<dt>Order</dt><dd>B-7</dd>" in page
    assert "opened it" in page
    for step in ("requested", "customer has it", "paid"):
        assert f"Told: {step}" in page


def test_the_delivery_is_told_down_to_each_datagram(owner, auditor, online):
    tid, now = online.request.tid, timezone.now()
    for place, (direction, kind, state) in enumerate(
        [("IN", "REGISTER", ""), ("OUT", "RESULT", "APPROVED"), ("IN", "RESULT_ACK", "")]
    ):
        DatagramRecord.objects.create(
            at=now + timedelta(milliseconds=place),
            tid=tid,
            direction=direction,
            kind=kind,
            address="192.0.2.14",
            port=4711,
            state=state,
            message=int(kind != "REGISTER"),
        )

    page = text(owner.get(at(online), {"tab": "delivery"}))

    places = [page.index(kind) for kind in ("REGISTER<", "RESULT<", "RESULT_ACK<")]
    assert places == sorted(places)
    assert page.count("192.0.2.14:4711") == 3
    assert "192.0.2.14" not in text(auditor.get(at(online), {"tab": "delivery"}))


# What lies beside a payment is asked for by the timeline alone: the issuer's word, datagrams,
# benefits, payouts, acts and webhooks.
WHOLE_STORY = {"": 8, "delivery": 0, "api": 0}


@pytest.mark.parametrize("tab", ["", "delivery", "api"])
def test_the_page_takes_few_queries(owner, online, django_assert_max_num_queries, tab):
    refund(owner, online)
    refund(owner, online, seen=2_500)
    with django_assert_max_num_queries(15 + WHOLE_STORY[tab]):
        owner.get(at(online), {"tab": tab})


def test_a_tid_is_found_by_the_search_and_the_list(owner, online):
    tid = online.request.tid
    spaced = " ".join(tid[start : start + 4] for start in range(0, 23, 4)).lower()
    for path in ("/search", reverse("payment-live")):
        assert online.reference in text(owner.get(path, {"q": spaced}))
