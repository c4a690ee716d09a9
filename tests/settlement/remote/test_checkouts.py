"""Checkouts whose card's issuer decides in a system of its own: APPROVING, and how that ends."""

from datetime import timedelta

import pytest

from benefits.models import Holding, Plan
from config.models import Event
from issuers.services.authorise import DeclineReason
from issuers.services.remote import Word
from settlement.services import ledger, payments
from tests.factories import benefits as held
from tests.factories import checkouts as made
from wallets.models import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def till(db):
    return made.till()


@pytest.fixture
def checkout(till, payer, noon):
    """A purchase paid by its number, whose issuer is about to be asked."""
    coupon = held.held(Phone.objects.get(device=payer.phone).customer)
    plan = held.plan_of(payer.phone, coupon, card=payer.held.card.reference, at=noon)
    return till.presents(made.with_psn(payer, plan), 10_000, at=noon)


def fresh(checkout):
    checkout.refresh_from_db()
    return checkout


def test_it_holds_number_and_coupon_until_its_issuer_has_spoken(checkout, payer):
    assert (checkout.state, checkout.payment.state) == ("APPROVING", "APPROVING")
    assert (Plan.objects.get().state, Holding.objects.get().uses_held) == ("LOCKED", 1)
    assert payer.account.held_minor == 9_000
    kinds = list(Event.objects.order_by("id").values_list("type", flat=True))
    assert kinds == ["payment.requested", "payment.claimed"]


def test_a_yes_pays_it(checkout, noon):
    payments.settle(document=checkout.reference, word=Word(None, is_told=True), at=noon)
    assert (fresh(checkout).state, checkout.tender) == ("PAID", "PSN")
    assert Plan.objects.get().state == "CONSUMED"
    assert sum(ledger.balances(kind="MERCHANT").values()) == 10_000
    assert ledger.check() == []


def test_a_no_gives_number_and_coupon_back(checkout, noon):
    word = Word(DeclineReason.VELOCITY, is_told=True)
    payments.settle(document=checkout.reference, word=word, at=noon)
    assert (fresh(checkout).state, checkout.decline_reason) == ("DECLINED", "velocity")
    assert (Plan.objects.get().state, Holding.objects.get().uses_held) == ("ISSUED", 0)


def test_so_does_a_deadline(checkout, payer, noon):
    assert payments.end_overdue(at=noon + timedelta(seconds=6), limit=9) == 1
    assert fresh(checkout).state == "DECLINED"
    assert (Plan.objects.get().state, payer.account.held_minor) == ("ISSUED", 0)


def test_and_the_till_that_cancels(checkout, till, noon):
    assert till.cancels(checkout, at=noon).state == "ABANDONED"
    assert (Plan.objects.get().state, Holding.objects.get().uses_held) == ("ISSUED", 0)
