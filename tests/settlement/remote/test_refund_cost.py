"""What a refund costs the database: whoever approved it, the issuer is told by no further wait."""

import pytest

from config import pipeline
from issuers.models import RefundAdvice
from issuers.services import remote
from settlement.services import payments
from settlement.services.payments import refunds
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM
from tests.settlement.turns import turns_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def refund(terminal, payers, noon):
    """A function that refunds a part of one payment, and returns how often that waited."""
    request = terminal.asks(10_000, at=noon)
    payers().pays(request, at=noon)

    def act():
        told = {"amount_minor": 1, "reason": "", "actor": SYSTEM, "at": noon}
        _refunded, turns = turns_of(lambda: payments.refund(reference=request.reference, **told))
        return turns

    act()  # prepares what comes often
    return act


def test_it_waits_no_more_than_one_that_tells_nobody(refund, monkeypatch):
    with_advice = refund()
    monkeypatch.setattr(refunds, "_advising", lambda *_told: [])

    assert with_advice == refund()


def test_negative_control_told_by_itself_it_would(refund, monkeypatch):
    before = refund()
    told = remote.refunding

    def by_itself(**said):
        pipeline.run(told(**said | {"document": "PAY-0"}))
        return told(**said)

    monkeypatch.setattr(remote, "refunding", by_itself)

    assert refund() == before + 1


def test_a_tap_and_what_was_approved_beforehand_have_no_statement_for_it(noon):
    for channel in ("OFFLINE", "PREAPPROVAL"):
        payment = made.terminal().asks(at=noon)._replace(channel=channel)
        refunded = refunds.Refunded("RFD-1", 1, 0, payment)
        assert refunds._advising(refunded, 1, noon) == []
    assert not RefundAdvice.objects.exists()
