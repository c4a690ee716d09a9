"""Money goes back once, however many hands give it at the same time."""

import pytest
from django.db import IntegrityError

from config.refusals import Refused
from settlement.models import Payment, Refund, Transfer
from settlement.services import ledger, payments
from settlement.services.payments import rows
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from tests.hands import hands as all_hands

pytestmark = pytest.mark.django_db(transaction=True)
HANDS, ROUNDS = 20, 5
PAID, PART = 10_000, 1_000


@pytest.fixture
def hands():
    with all_hands(HANDS) as pool:
        yield pool


@pytest.fixture
def payer():
    return made.payer(balance=1_000_000)


@pytest.fixture
def terminal():
    return made.terminal()


def told_by(act):
    """Return the state an act left, or the code of its refusal."""
    try:
        word = act()
    except Refused as refusal:
        return refusal.code
    except IntegrityError:
        return "database"
    return "REFUNDED" if isinstance(word, payments.Refunded) else word.state


def refunding(request, at, minor=PART):
    return lambda: payments.refund(
        reference=request.reference, amount_minor=minor, reason="Back", actor=SYSTEM, at=at
    )


def reversing(request, at):
    return lambda: payments.reverse(reference=request.reference, reason="Back", actor=SYSTEM, at=at)


def paid(terminal, payer, at):
    request = terminal.asks(PAID, at=at)
    payer.pays(request, at=at)
    return request


def given_back():
    rows_ = Transfer.objects.filter(code__in=["REFUND", "REVERSAL"])
    return sum(row.amount_minor for row in rows_)


def test_twenty_refunds_at_once_never_come_to_more_than_was_paid(hands, terminal, payer, noon):
    before = payer.account.balance_minor
    request = paid(terminal, payer, noon)

    words = list(hands.map(told_by, [refunding(request, noon)] * HANDS))

    assert sorted(words) == ["REFUNDED"] * 10 + ["exceeds_refundable"] * 10
    assert (given_back(), Payment.objects.get().refunded_minor) == (PAID, PAID)
    assert payer.account.balance_minor == before
    assert ledger.check() == []


def test_twenty_reversals_at_once_are_one(hands, terminal, payer, noon):
    request = paid(terminal, payer, noon)

    words = list(hands.map(told_by, [reversing(request, noon)] * HANDS))

    assert sorted(words) == ["REVERSED", *["payment_not_refundable"] * (HANDS - 1)]
    assert given_back() == PAID


def test_a_reversal_against_refunds_is_one_or_the_other(hands, terminal, payer, noon):
    ends = set()
    for _ in range(ROUNDS):
        request = paid(terminal, payer, noon)
        acts = [refunding(request, noon), reversing(request, noon)] * 3
        words = set(hands.map(told_by, acts))
        ends.add("REVERSED" if "REVERSED" in words else "REFUNDED")
        assert not {"REVERSED", "REFUNDED"} <= words

    assert ends <= {"REVERSED", "REFUNDED"}
    assert ledger.check() == []


def test_a_cancel_at_the_till_against_a_refund_is_one_or_the_other(hands, terminal, payer, noon):
    for _ in range(ROUNDS):
        request = paid(terminal, payer, noon)

        def cancel(tid=request.tid):
            return payments.cancel(device=terminal.device, tid=tid, at=noon)

        words = set(hands.map(told_by, [cancel, refunding(request, noon, minor=PAID)]))

        assert words in ({"REVERSED", "payment_not_refundable"}, {"REFUNDED", "already_refunded"})
    assert given_back() == ROUNDS * PAID


def test_control_without_the_lock_the_database_alone_holds_it(
    hands, terminal, payer, noon, monkeypatch
):
    unlocked = rows._BY_REFERENCE
    monkeypatch.setattr(
        rows, "locked_payment", lambda *, reference: rows.Statement(unlocked, [reference])
    )
    request = paid(terminal, payer, noon)

    words = list(hands.map(told_by, [refunding(request, noon)] * HANDS))

    assert "database" in words, "refunds above what was left were on their way"
    assert given_back() == Refund.objects.count() * PART <= PAID
