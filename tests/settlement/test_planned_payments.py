"""T-ID payments that take a plan (protocol §4.1): quote, decline, cancel, refund."""

from datetime import timedelta

import pytest

from benefits.models import Holding, Plan, Redemption
from benefits.rules.vocabulary import Kind
from benefits.services import plans
from config.refusals import NotFound
from issuers.models import Authorisation
from issuers.services.authorise import DeclineReason
from issuers.services.remote import Word
from settlement.models import Payment, Transfer
from settlement.selectors import closing
from settlement.services import ledger, payments
from settlement.services.payments import refusals
from tests.factories import benefits as held
from tests.factories import remote
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from wallets.models import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer_here():
    """A payer whose issuer decides here, with a coupon."""
    shopper = made.payer(balance=50_000)
    customer = Phone.objects.get(device=shopper.phone).customer
    return shopper, held.held(customer)


def plan(shopper, *chosen, at):
    return held.plan_of(shopper.phone, *chosen, at=at).plan.reference


def test_a_plan_leaves_the_rest_to_the_card(terminal, payer_here, noon):
    shopper, coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    word = shopper.pays(request, at=noon, plan=plan(shopper, coupon, at=noon))
    assert (word.state, word.remainder_minor) == ("APPROVED", 9_000)
    assert [*Authorisation.objects.values_list("amount_minor", flat=True)] == [9_000]
    assert sum(ledger.balances(kind="MERCHANT").values()) == 10_000
    assert Plan.objects.get().state == "CONSUMED"
    assert ledger.check() == []


def test_worth_less_than_agreed_nothing_is_authorised(terminal, payer_here, noon):
    shopper, coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    chosen = plan(shopper, coupon, at=noon)
    with pytest.raises(refusals.QuoteChanged):
        shopper.pays(request, at=noon, plan=chosen, max_remainder_minor=8_999)
    assert not Redemption.objects.exists()
    assert not Authorisation.objects.exists()
    assert Holding.objects.get().uses_held == 0
    word = shopper.pays(request, at=noon, plan=chosen, max_remainder_minor=9_000)
    assert word.state == "APPROVED"


def test_without_a_plan_the_most_is_kept_to_as_well(terminal, payer_here, noon):
    shopper, _coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    with pytest.raises(refusals.QuoteChanged):
        shopper.pays(request, at=noon, max_remainder_minor=9_999)


def test_another_phones_plan_is_not_found(terminal, payer_here, noon):
    shopper, coupon = payer_here
    chosen, other = plan(shopper, coupon, at=noon), made.payer()
    with pytest.raises(NotFound):
        other.pays(terminal.asks(10_000, at=noon), at=noon, plan=chosen)


def test_a_decline_gives_the_benefits_back(terminal, payer_here, noon):
    shopper, coupon = payer_here
    chosen = plan(shopper, coupon, at=noon)
    word = shopper.pays(terminal.asks(900_000, at=noon), at=noon, plan=chosen)
    assert (word.state, word.decline_reason) == ("DECLINED", "insufficient_funds")
    assert (Plan.objects.get().state, Holding.objects.get().uses_held) == ("ISSUED", 0)
    assert shopper.pays(terminal.asks(10_000, at=noon), at=noon, plan=chosen).state == "APPROVED"
    with pytest.raises(plans.TsnUsed):
        shopper.pays(terminal.asks(10_000, at=noon), at=noon, plan=chosen)


def test_where_benefits_cover_all_nothing_is_authorised(terminal, payer_here, noon):
    shopper, _coupon = payer_here
    customer = Phone.objects.get(device=shopper.phone).customer
    chosen = plan(shopper, held.held(customer, Kind.GIFT_CARD), at=noon)
    word = shopper.pays(terminal.asks(10_000, at=noon), at=noon, plan=chosen)
    assert (word.state, word.remainder_minor, len(word.approval_code)) == ("APPROVED", 0, 6)
    assert not Authorisation.objects.exists()
    assert ledger.check() == []


def test_6_06_a_cancelled_payment_undoes_its_benefits(terminal, payer_here, noon):
    shopper, coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    shopper.pays(request, at=noon, plan=plan(shopper, coupon, at=noon))
    ended = payments.cancel(device=terminal.device, tid=request.tid, at=noon)
    assert ended.state == "REVERSED"
    assert Holding.objects.get().state == "ACTIVE"
    for kind in ("MERCHANT", "SPONSOR"):
        assert sum(ledger.balances(kind=kind).values()) == 0
    assert ledger.check() == []


def test_2_10_a_partial_refund_is_split_as_documented(terminal, payer_here, noon):
    shopper, coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    shopper.pays(request, at=noon, plan=plan(shopper, coupon, at=noon))
    before = shopper.account.balance_minor
    done = payments.refund(
        reference=request.reference, amount_minor=5_000, reason="", actor=SYSTEM, at=noon
    )
    assert [(line.amount_minor, line.use) for line in done.lines] == [(500, False)]
    assert shopper.account.balance_minor - before == 4_500
    assert Holding.objects.get().state == "USED"


def test_the_day_of_such_payments_agrees_with_the_ledger(terminal, payer_here, noon):
    shopper, coupon = payer_here
    request = terminal.asks(10_000, at=noon)
    shopper.pays(request, at=noon, plan=plan(shopper, coupon, at=noon))
    merchant = Payment.objects.get().merchant
    day = Payment.objects.get().business_date
    assert closing.differences(merchant=merchant, day=day) == []
    # Negative control: a transfer under the sale that its amount does not know.
    ledger.post_many(
        kind="x",
        transfers=[
            ledger.Draft(
                Transfer.Code.DISCOUNT,
                ledger.Key("SPONSOR", "x", "KRW"),
                ledger.Key("MERCHANT", merchant.reference, "KRW"),
                1,
                request.payment_id,
            )
        ],
        at=noon,
    )
    assert [each.cause for each in closing.differences(merchant=merchant, day=day)] == ["ledger"]


@pytest.fixture
def asked(terminal, authority, noon):
    """A request whose approval waits for the issuer's own system, with a plan."""
    shopper = remote.payer(authority, balance=50_000)
    customer = Phone.objects.get(device=shopper.phone).customer
    request = terminal.asks(10_000, at=noon)
    chosen = plan(shopper, held.held(customer), at=noon)
    consent = shopper.consent(shopper.claims(request, at=noon), plan=chosen)
    told = payments.approve(device=shopper.phone, tid=request.tid, consent=consent, at=noon)
    assert (told.state, Plan.objects.get().state) == ("APPROVING", "LOCKED")
    return request


def test_6_05_a_cancel_while_it_is_asked_releases_the_number(terminal, asked, noon):
    payments.cancel(device=terminal.device, tid=asked.tid, at=noon)
    assert (Plan.objects.get().state, Holding.objects.get().uses_held) == ("ISSUED", 0)


@pytest.mark.usefixtures("asked")
def test_6_05_so_does_a_deadline_that_passes(noon):
    assert payments.end_overdue(at=noon + timedelta(seconds=6), limit=9) == 1
    assert (Plan.objects.get().state, Redemption.objects.get().state) == ("ISSUED", "RELEASED")


@pytest.mark.parametrize(("reason", "plan_is"), [(None, "CONSUMED"), ("velocity", "ISSUED")])
def test_the_issuers_word_ends_the_benefits_too(asked, noon, reason, plan_is):
    word = Word(DeclineReason(reason) if reason else None, is_told=True)
    assert payments.settle(document=asked.reference, word=word, at=noon)
    assert Plan.objects.get().state == plan_is
    assert ledger.check() == []
