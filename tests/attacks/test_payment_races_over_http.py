"""The races for one T-ID once more, from outside: signed, over HTTP, to several processes."""

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from config.wire.client import PortalRefused, PortalSession, PortalUnreachable
from settlement.models import Payment, Transfer
from settlement.services import ledger
from tests.api.serving import TRUST, serving
from tests.factories import requests as made

pytestmark = pytest.mark.django_db(transaction=True)
CONNECTIONS, WORKERS = 10, 2
CALLS, COUNTERS, FEW = 200, 10, 40
ROUNDS = 10  # of the control, which ends with the first race that two calls were in
PHONES = 20


@pytest.fixture(scope="module")
def origin(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        served = serving("config.wsgi:application", data_folder=settings.DATA_DIR, workers=WORKERS)
        with served as origin:
            yield origin


@pytest.fixture
def terminal():
    return made.terminal()


def session_of(payer, origin, http):
    return PortalSession(
        http=http,
        origin=origin,
        key=payer.key,
        keyid=payer.phone.reference,
        clock=time.time,
        random_bytes=os.urandom,
        sleep=time.sleep,
        attempts=1,
    )


def before():
    """Return when the phones were set up: certificates are older than what they pay."""
    return timezone.now() - timedelta(hours=1)


class Crowd:
    """Threads, each with its own line to the portal, which stays open."""

    def __init__(self, origin):
        self.origin, self._own = origin, threading.local()

    def line(self):
        if not hasattr(self._own, "http"):
            self._own.http = httpx.Client(timeout=20, verify=TRUST)
        return self._own.http

    def told(self, payer, path, **more):
        """Return the state that a signed call ended in, or status and code of a refusal."""
        session = session_of(payer, self.origin, self.line())
        try:
            return session.post(path, **more).json()["state"]
        except PortalRefused as refused:
            return refused.status, refused.code
        except PortalUnreachable:
            return "a fault"


def sales_of(request):
    return Transfer.objects.filter(payment_id=request.payment_id).count()


def approved_together(origin, terminal, *, calls=CALLS):
    """Let the claiming phone approve so often, each time under a new key; return the words."""
    payer, now = made.payer(balance=10_000_000, at=before()), timezone.now()
    request = payer.claims(terminal.asks(at=now), at=now)
    bodies = [payer.body(payer.consent(request)) for _ in range(COUNTERS)]
    crowd, path = Crowd(origin), f"/wallet/payments/{request.tid}/approve"

    def call(number):
        key = f"one-of-two-hundred-{number:04}"
        return crowd.told(payer, path, body=bodies[number % COUNTERS], idempotency_key=key)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        words = Counter(pool.map(call, range(calls)))
    return request, payer, words


def test_200_signed_calls_with_200_keys_are_one_approval(origin, terminal):
    request, payer, words = approved_together(origin, terminal)

    assert words == {"APPROVED": 1, (409, "payment_final"): CALLS - 1}
    assert sales_of(request) == 1
    assert payer.account.balance_minor == 10_100_000 - request.amount_minor
    assert ledger.check() == []


def test_20_phones_on_one_tid_are_one_approval(origin, terminal):
    payers = [made.payer(at=before()) for _ in range(PHONES)]
    request, crowd = terminal.asks(at=timezone.now()), Crowd(origin)
    path = f"/wallet/payments/{request.tid}"

    def race(payer):
        word = crowd.told(payer, f"{path}/claim")
        if word != "CLAIMED":
            return word
        return crowd.told(payer, f"{path}/approve", body=payer.body(payer.consent(request)))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        words = Counter(pool.map(race, payers))

    assert words.pop("APPROVED") == 1
    assert set(words) <= {(409, "tid_claimed"), (409, "payment_final")}
    assert sales_of(request) == 1
    assert Payment.objects.get().state == "APPROVED"


def test_control_without_the_lock_not_every_answer_is_clean(terminal):
    clean, told = {"APPROVED": 1, (409, "payment_final"): FEW - 1}, []
    unlocked = "tests.attacks.unlocked:application"
    with serving(unlocked, data_folder=settings.DATA_DIR, workers=WORKERS) as origin:
        while len(told) < ROUNDS and all(words == clean for words in told):
            request, _payer, words = approved_together(origin, terminal, calls=FEW)
            told.append(words)
            assert sales_of(request) == 1, "the database held it"

    assert told[-1] != clean, f"{ROUNDS} races, and no two calls met"
