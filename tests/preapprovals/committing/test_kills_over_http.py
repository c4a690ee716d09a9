"""A machine's request is killed in the middle, and sent again: money and number once (B5).

The portal runs as in production. A table that the request comes to is locked, so that it stands
still there; then the web server's process, or the database's for it, ends at once. The machine
heard nothing, and sends the same bytes under the same key.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.models import Repetition
from config.wire.client import PortalRefused, PortalSession, PortalUnreachable
from issuers.models import Hold
from settlement.models import Payment, Redemption
from settlement.services import ledger
from tests.api.serving import TRUST, mortal
from tests.factories import preapprovals as made

pytestmark = pytest.mark.django_db(transaction=True)
AMOUNT, KEY = 10_000, "the-key-of-one-{}"
WITHIN_S = 20
_PAUSE_S = 0.02
_CALM_S = 8  # a server whose worker died again sooner gives up, as one that cannot start

# Where a request stands still: at its number, at what it takes, at the news of it, at its answer.
BEGINNING = (
    *("settlement_preapproval", "settlement_redemption"),
    *("config_event", "config_idempotencyrecord"),
)
COMPLETING = (
    *("settlement_preapproval", "settlement_payment", "settlement_transfer"),
    *("config_event", "config_idempotencyrecord"),
)


@contextmanager
def portal_of(application, blocker):
    with blocker.unblock(), mortal(application, data_folder=settings.DATA_DIR) as served:
        yield served


@pytest.fixture(scope="module")
def portal(django_db_setup, django_db_blocker):
    with portal_of("config.wsgi:application", django_db_blocker) as served:
        yield served


@pytest.fixture(scope="module")
def faulty_portal(django_db_setup, django_db_blocker):
    with portal_of("tests.preapprovals.apart:application", django_db_blocker) as served:
        yield served


def machine_at(origin, atm):
    """Return the machine's line to the portal, which does not repeat by itself."""
    return PortalSession(
        http=httpx.Client(timeout=WITHIN_S, verify=TRUST),
        origin=origin,
        key=atm.key,
        keyid=atm.device.reference,
        clock=time.time,
        random_bytes=os.urandom,
        sleep=time.sleep,
        attempts=1,
    )


_killed_at: dict[int, float] = {}


class Visit:
    """A customer's number at a machine, and what the machine asks the portal."""

    def __init__(self, origin, payer, atm):
        self.payer, self.before = payer, payer.account.balance_minor
        self.word = made.approved(payer, AMOUNT, at=timezone.now())
        self.machine, self.redemption = machine_at(origin, atm), ""

    def begin(self):
        body = {"number": self.word.number, "kind": "CASH", "pickup_code": made.CODE}
        told = self._post("/terminal/redemptions", body)
        self.redemption = told["redemption"]
        return told

    def complete(self):
        path = f"/terminal/redemptions/{self.redemption}/complete"
        return self._post(path, {"outcome": "FULL", "dispensed": AMOUNT})

    def _post(self, path, body):
        return self.machine.post(path, body=body, idempotency_key=KEY.format(path)).json()

    def again(self, act):
        """Ask as a machine does that heard nothing, until the portal has an answer."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                return act()
            except PortalUnreachable:
                assert time.monotonic() < deadline
            except PortalRefused as refused:
                if refused.code != "idempotency_in_progress":
                    raise
            time.sleep(_PAUSE_S)

    def untouched(self):
        """Return whether nothing of the number was taken."""
        held = Hold.objects.get(document=self.word.preapproval.reference)
        taken = Redemption.objects.exists() or Payment.objects.exists()
        return (made.state_of(self.word), held.state, taken) == ("APPROVED", "HELD", False)

    def paid_once(self):
        """Look at all that one withdrawal leaves, and that it is one."""
        assert made.state_of(self.word) == "COMPLETED"
        assert [*Redemption.objects.values_list("state", "dispensed_minor")] == [
            ("COMPLETED", AMOUNT)
        ]
        assert [*Payment.objects.values_list("state", "amount_minor")] == [("APPROVED", AMOUNT)]
        assert Hold.objects.get().state == "CAPTURED"
        assert self.payer.account.balance_minor == self.before - AMOUNT
        assert ledger.check() == []
        with pytest.raises(PortalRefused, match="number_used"):
            self.machine.post(
                "/terminal/redemptions",
                body={"number": self.word.number, "kind": "CASH", "pickup_code": made.CODE},
            )


@contextmanager
def standing_still(act, table):
    """Let ``act`` run until it waits for ``table``; give the database's process that waits."""
    told = connection.settings_dict
    host = told["HOST"] or told["OPTIONS"].get("host", "")
    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(f"postgresql://portal@/{told['NAME']}?host={host}") as own,
    ):
        own.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        asked = pool.submit(act)
        yield _waiting(own.info.backend_pid, asked)
        own.rollback()
        with pytest.raises(PortalUnreachable):
            asked.result(WITHIN_S)


def _waiting(holder, asked):
    """Return the process that waits for ``holder``; a transaction would see one moment alone."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and not asked.done():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [holder]
            )
            found = cursor.fetchone()
        if found:
            return found[0]
        time.sleep(_PAUSE_S)
    raise AssertionError("it never came to where it was to be killed")


def kill_backend(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def kill_workers(server):
    """End the web server's workers outright, as ``kill -9`` does, once they are up for a while."""
    time.sleep(max(0.0, _killed_at.get(server.pid, 0.0) + _CALM_S - time.monotonic()))
    _killed_at[server.pid] = time.monotonic()
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert children, "the server has no worker"
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def visit(portal, payer, atm):
    return Visit(portal[0], payer, atm)


class TestTheDatabasesProcessIsKilled:
    @pytest.mark.parametrize("table", BEGINNING)
    def test_as_the_machine_presents_the_number(self, visit, table):
        with standing_still(visit.begin, table) as backend:
            kill_backend(backend)
        assert visit.untouched()
        visit.again(visit.begin)
        visit.complete()
        visit.paid_once()

    @pytest.mark.parametrize("table", COMPLETING)
    def test_as_the_machine_says_what_it_paid(self, visit, table):
        visit.begin()
        with standing_still(visit.complete, table) as backend:
            kill_backend(backend)
        assert not Payment.objects.exists()
        visit.again(visit.complete)
        visit.paid_once()


class TestTheWebServersProcessIsKilled:
    def test_as_the_machine_presents_the_number(self, portal, visit):
        with standing_still(visit.begin, "config_idempotencyrecord"):
            kill_workers(portal[1])
        visit.again(visit.begin)
        visit.complete()
        visit.paid_once()

    def test_as_the_machine_says_what_it_paid(self, portal, visit):
        visit.begin()
        with standing_still(visit.complete, "settlement_transfer"):
            kill_workers(portal[1])
        visit.again(visit.complete)
        visit.paid_once()


def test_what_was_committed_before_the_machine_heard_is_told_again(visit):
    first = visit.begin()
    assert visit.again(visit.begin) == first
    told = visit.complete()
    assert visit.again(visit.complete) == told
    visit.paid_once()
    assert {*Repetition.objects.values_list("call", flat=True)} == {"REDEMPTION", "COMPLETE"}


def test_control_a_redemption_committed_before_its_answer_is_lost_to_its_machine(
    faulty_portal, payer, atm
):
    visit = Visit(faulty_portal[0], payer, atm)
    with standing_still(visit.begin, "config_idempotencyrecord") as backend:
        kill_backend(backend)
    assert not visit.untouched()
    with pytest.raises(PortalRefused, match="number_used"):
        visit.again(visit.begin)
