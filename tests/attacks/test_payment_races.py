"""One T-ID, many who want to pay it: exactly one approval, whoever calls how often (§4, G4)."""

import itertools
import random
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from config.refusals import Refused
from settlement.models import Transfer
from settlement.services.payments import rows
from tests.factories import requests as made
from tests.hands import hands

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 20
CONNECTIONS = 20
CALLS, COUNTERS = 200, 10
PHONES = 20
A_CALL = timedelta(milliseconds=40)


@pytest.fixture
def crowd():
    with hands(CONNECTIONS) as pool:
        yield pool


@pytest.fixture
def terminal():
    return made.terminal()


def told_by(act, *args, **more):
    """Return the state an act ended in, or the code of its refusal."""
    try:
        return act(*args, **more).state
    except Refused as refusal:
        return refusal.code
    except IntegrityError:
        return "database"


def sales_of(request):
    return Transfer.objects.filter(payment_id=request.payment_id).count()


def called_together(crowd, terminal, payer):
    """Let the claiming phone call 200 times at once; return the words, and the sales posted."""
    request = payer.claims(terminal.asks(at=timezone.now()), at=timezone.now())
    consents = [payer.consent(request) for _ in range(COUNTERS)]
    at = timezone.now()

    def call(number):
        consent = consents[number % COUNTERS]
        return told_by(payer.approves, request, at=at, consent=consent)

    return list(crowd.map(call, range(CALLS))), sales_of(request)


def test_200_calls_of_the_claiming_phone_are_one_approval(crowd, terminal):
    payer = made.payer(balance=10_000_000)

    for _ in range(ROUNDS):
        words, sales = called_together(crowd, terminal, payer)

        assert sorted(words) == ["APPROVED", *["payment_final"] * (CALLS - 1)]
        assert sales == 1


def raced(crowd, terminal, payers, whims):
    """Let phones claim, dally and approve until it is final; return who paid, and the sales.

    Every call takes the same while of the portal's time, however busy this machine is.
    """
    start = timezone.now()
    request = terminal.asks(at=start)
    calls = itertools.count()

    def at():
        return start + next(calls) * A_CALL

    def race(payer):
        for _ in range(1000):
            word = told_by(payer.claims, request, at=at())
            if word == "CLAIMED":
                time.sleep(whims.uniform(0, 0.02))
                word = told_by(payer.approves, request, at=at())
            if word in ("APPROVED", "payment_final"):
                return word
            time.sleep(0.005)
        raise AssertionError("nobody pays")

    return list(crowd.map(race, payers)), sales_of(request)


def test_20_phones_racing_with_short_claims_are_one_approval(crowd, terminal, settings):
    settings.TTL_S = {**settings.TTL_S, "CLAIM": 1}
    payers = [made.payer(balance=1_000_000) for _ in range(PHONES)]
    whims = random.Random(20)

    for _ in range(ROUNDS):
        words, sales = raced(crowd, terminal, payers, whims)

        assert sorted(words) == ["APPROVED", *["payment_final"] * (PHONES - 1)]
        assert sales == 1


def test_control_without_its_locks_the_database_alone_holds_it(crowd, terminal, monkeypatch):
    payer = made.payer(balance=10_000_000)
    monkeypatch.setattr(rows, "locked", rows.unlocked)
    monkeypatch.setattr(rows, "check_moved", lambda _answers: None)

    words, sales = called_together(crowd, terminal, payer)

    assert "database" in words, "calls that found it open were about to pay again"
    assert (words.count("APPROVED"), sales) == (1, 1)
