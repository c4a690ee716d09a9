"""A shop or a terminal that may not act any more is not paid, whatever it asked before (§3)."""

from datetime import timedelta

import pytest

from config import devices
from config.refusals import Refused
from merchants.services import merchants
from settlement.models import Payment, Transfer
from settlement.services import payments
from settlement.services.payments import claims, expiry
from tests.factories import requests as made
from tests.factories.merchants import SYSTEM

pytestmark = pytest.mark.django_db
BARS = {"merchant": "merchant_suspended", "terminal": "terminal_revoked"}


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def payer():
    return made.payer()


@pytest.fixture(params=BARS)
def bar(request, terminal, noon):
    """Return what ends the shop's right to be paid, and the code that says so."""

    def bars():
        if request.param == "terminal":
            devices.revoke(reference=terminal.device.reference, actor=SYSTEM, at=noon)
        else:
            shop = terminal.place.merchant
            merchants.suspend(merchant=shop, actor=SYSTEM, at=noon, reason="Fraud")
        return BARS[request.param]

    return bars


def code_of(act, *args, **more):
    with pytest.raises(Refused) as refusal:
        act(*args, **more)
    return refusal.value.code


def test_what_it_asked_before_is_claimed_by_nobody(terminal, payer, bar, noon):
    request = terminal.asks(at=noon)
    code = bar()

    assert code_of(payer.claims, request, at=noon) == code
    assert Payment.objects.get().state == "REQUESTED"


def test_what_a_phone_holds_is_approved_by_nobody(terminal, payer, bar, noon):
    request = payer.claims(terminal.asks(at=noon), at=noon)
    before, code = payer.account.balance_minor, bar()

    assert code_of(payer.approves, request, at=noon) == code
    assert payer.account.balance_minor == before
    assert not Transfer.objects.filter(payment_id=request.payment_id).exists()


def test_a_wrong_pin_is_not_counted_for_it(terminal, payer, bar, noon):
    request = payer.claims(terminal.asks(at=noon), at=noon)
    code = bar()

    assert code_of(payer.approves, request, at=noon, pin="4321") == code
    payer.phone.phone.refresh_from_db()
    assert payer.phone.phone.pin_failures == 0


@pytest.mark.parametrize("act", ["release", "decline"])
def test_the_phone_that_holds_it_may_still_leave(terminal, payer, bar, noon, act):
    request = payer.claims(terminal.asks(at=noon), at=noon)
    bar()

    left = getattr(payments, act)(device=payer.phone, tid=request.tid, at=noon)

    assert left.state == {"release": "REQUESTED", "decline": "DECLINED"}[act]


def test_it_still_expires(terminal, bar, noon):
    request = terminal.asks(at=noon)
    bar()

    assert expiry.end(tid=request.tid, at=noon + timedelta(minutes=5))
    assert Payment.objects.get().state == "EXPIRED"


def test_it_is_still_cancelled(terminal, bar, noon):
    request = terminal.asks(at=noon)
    bar()

    assert payments.cancel(device=terminal.device, tid=request.tid, at=noon).state == "CANCELLED"


def test_what_was_approved_before_stays_so(terminal, payer, bar, noon):
    request = terminal.asks(at=noon)
    payer.pays(request, at=noon)
    bar()

    assert code_of(payer.approves, request, at=noon) == "payment_final"
    assert Payment.objects.get().state == "APPROVED"


def test_a_shop_that_goes_on_is_paid(terminal, payer, noon):
    request, shop = terminal.asks(at=noon), terminal.place.merchant
    merchants.suspend(merchant=shop, actor=SYSTEM, at=noon, reason="Fraud")
    merchants.resume(merchant=shop, actor=SYSTEM, at=noon)

    assert payer.pays(request, at=noon).state == "APPROVED"


def test_control_without_the_bar_it_would_be_paid(terminal, payer, bar, noon, monkeypatch):
    monkeypatch.setattr(claims, "barred", lambda _request: None)
    monkeypatch.setattr("settlement.services.payments.approvals.barred", lambda _request: None)
    request = terminal.asks(at=noon)
    bar()

    assert payer.pays(request, at=noon).state == "APPROVED"
