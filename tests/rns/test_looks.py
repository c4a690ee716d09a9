"""What the server asks of the database in vain, again and again: in one statement."""

import socket
from datetime import timedelta

import pytest

from merchants.models import ResultNotification
from merchants.rns.feed import Feed
from merchants.rns.shared import Limits, Shared
from merchants.rules.results import Register
from merchants.selectors import notifications as told
from merchants.services import notifications
from settlement.selectors.tids import TidStatus

pytestmark = pytest.mark.django_db

NUMBER = 12345
TID = "T000C1S0000700009WHN32C"


def registered(*, tid=TID, at, **more):
    return ResultNotification.objects.create(
        tid=tid,
        number=NUMBER,
        address="192.0.2.1",
        port=9,
        registered_ms=1,
        registered_at=at,
        **more,
    )


def approved(*, tid=TID, at, **more):
    more = {"state": "SENT", "next_at": at + timedelta(seconds=2), "told_at": at} | more
    return registered(tid=tid, at=at, message=1, nonce=b"12345678", told="APPROVED", **more)


def never():
    return 0.5


class TestWhatIsDue:
    def test_is_asked_in_one_statement_where_nothing_is(self, noon, django_assert_num_queries):
        approved(at=noon)

        with django_assert_num_queries(1):
            taken = notifications.take_due(at=noon, limit=10, jitter=never)

        assert taken == ([], 0, noon + timedelta(seconds=2))

    def test_is_taken_and_due_later(self, noon):
        row = approved(at=noon)
        due = row.next_at

        taken = notifications.take_due(at=due, limit=10, jitter=never)

        assert ([one.pk for one in taken.to_send], taken.rows, taken.first_due) == (
            [row.pk],
            1,
            due,
        )
        assert notifications.first_due() > due

    def test_is_nothing_where_nobody_waits(self, noon):
        registered(at=noon)

        assert notifications.first_due() is None
        assert notifications.take_due(at=noon, limit=10, jitter=never) == ([], 0, None)


class TestWhatIsUnsure:
    def test_is_read_in_one_statement(self, noon, django_assert_num_queries):
        rows = [registered(tid=f"T-{n}", at=noon) for n in range(3)]
        approved(tid="T-NEW", at=noon)
        approved(tid="T-NEWER", at=noon + timedelta(seconds=1))
        approved(tid="T-OLD", at=noon - timedelta(minutes=5))

        with django_assert_num_queries(1):
            unsure = told.unsure(after=rows[0].pk, since=noon, limit=10)
        newest = told.unsure(after=0, since=noon, limit=1)

        assert unsure.registered == [(row.pk, row.tid) for row in rows[1:]]
        assert sorted(unsure.approved) == ["T-NEW", "T-NEWER"]
        assert newest == ([(rows[0].pk, "T-0")], ["T-NEWER"])

    @pytest.mark.parametrize(("state", "message"), [("APPROVED", 1), ("REVERSED", 2)])
    def test_is_announced_where_it_went_on(self, noon, state, message):
        row = approved(at=noon)

        feed(noon, state).turn(monotonic=0)

        row.refresh_from_db()
        assert (row.told, row.message) == (state, message)

    def test_locks_nothing_where_nothing_went_on(self, noon, monkeypatch):
        approved(at=noon)
        monkeypatch.setattr(notifications, "_locked", None)

        feed(noon, "APPROVED").turn(monotonic=0)


def feed(noon, state):
    """Return a feed that has no event to hear, of a payment in ``state``."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.close()
    status = TidStatus(TID, NUMBER, state, 1000, "KRW", "A1B2C3")

    def lookup(*, tids):
        return {tid: status for tid in tids if tid == TID}

    return Feed(shared=Shared(sock=sock, lookup=lookup, limits=Limits(), clock=lambda: noon))


class TestARegister:
    def test_is_written_once(self, noon, django_assert_num_queries):
        register = Register(TID, NUMBER, "192.0.2.1", 9, 1)

        with django_assert_num_queries(5):  # with the savepoint: read, inserted, locked
            assert notifications.register(registers=[register], at=noon) == [True]
        later = register._replace(ms=2, port=10)
        assert notifications.register(registers=[register, later], at=noon) == [True, True]

        row = ResultNotification.objects.get()
        assert (row.registered_ms, row.port) == (2, 10)
