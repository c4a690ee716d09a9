"""100 redemptions of one number from 50 terminals, signed, over HTTP, to several processes (B5)."""

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.conf import settings
from django.utils import timezone

from config.wire.client import PortalRefused, PortalSession
from settlement.models import Payment, Redemption
from settlement.services import ledger
from tests.api.serving import TRUST, serving
from tests.factories import preapprovals as made
from tests.factories.merchants import StoreFactory

pytestmark = pytest.mark.django_db(transaction=True)
CONNECTIONS, WORKERS, TERMINALS, TIMES = 10, 2, 50, 2


@pytest.fixture(scope="module")
def origin(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        served = serving("config.wsgi:application", data_folder=settings.DATA_DIR, workers=WORKERS)
        with served as origin:
            yield origin


class Crowd:
    """Threads, each with its own line to the portal, which stays open."""

    def __init__(self, origin):
        self.origin, self._own = origin, threading.local()

    def line(self):
        if not hasattr(self._own, "http"):
            self._own.http = httpx.Client(timeout=20, verify=TRUST)
        return self._own.http

    def takes(self, machine, body):
        """Present a number and report it paid; return how it ended."""
        session = PortalSession(
            http=self.line(),
            origin=self.origin,
            key=machine.key,
            keyid=machine.device.reference,
            clock=time.time,
            random_bytes=os.urandom,
            sleep=time.sleep,
            attempts=1,
        )
        try:
            taken = session.post("/terminal/redemptions", body=body).json()
            path = f"/terminal/redemptions/{taken['redemption']}/complete"
            return session.post(path, body={"outcome": "FULL"}).json()["state"]
        except PortalRefused as refused:
            return refused.status, refused.code


def test_b5_100_redemptions_from_50_terminals_pay_out_once(origin):
    store, crowd = StoreFactory(), Crowd(origin)
    machines = [made.atm(store=store) for _ in range(TERMINALS)] * TIMES
    word = made.approved(made.payer(), at=timezone.now())
    body = {"number": word.number, "kind": "CASH", "pickup_code": made.CODE}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        told = Counter(pool.map(lambda machine: crowd.takes(machine, body), machines))
    assert told == {"COMPLETED": 1, (409, "number_used"): TERMINALS * TIMES - 1}
    assert (Redemption.objects.count(), Payment.objects.count()) == (1, 1)
    assert ledger.check() == []
