"""Two at once: one code, one link, the last two owners; each ends with exactly one winner."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction

from config import audit
from config.audit import SYSTEM
from config.models import Membership
from config.people import links, memberships, second_factor
from config.refusals import Refused
from config.roles import Role
from tests.factories.config import code_at, member, with_authenticator

pytestmark = pytest.mark.django_db(transaction=True)


def both(*acts):
    """Do the acts at the same moment over connections of their own; return how each ended."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(timeout=10)
            act()
        except Refused as refusal:
            return refusal.code
        else:
            return "done"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def test_a_code_is_taken_once(noon):
    person = member(Role.PLATFORM_ADMIN)
    with_authenticator(person)

    def give():
        second_factor.check(user=person, code=code_at(noon), at=noon)

    assert both(give, give) == ["done", "wrong_code"]


def test_a_link_is_taken_once(noon):
    person = member(Role.PLATFORM_ADMIN)
    token = links.issue(user=person, purpose=links.Purpose.PASSWORD, at=noon)

    def take():
        links.redeem(token=token, purpose=links.Purpose.PASSWORD, at=noon)

    assert both(take, take) == ["done", "link_spent"]


def test_the_last_two_owners_cannot_end_each_other(noon):
    people = [member(Role.MERCHANT_OWNER, "MER-1") for _n in range(2)]
    rows = [person.memberships.get().pk for person in people]

    def end(pk):
        memberships.end(membership_id=pk, by=None, actor=SYSTEM, at=noon)

    assert both(lambda: end(rows[0]), lambda: end(rows[1])) == ["done", "last_owner"]
    assert Membership.objects.filter(ended_at=None).count() == 1


class TestTheTrail:
    """Rows written at once, each by a transaction that goes on a while after its row."""

    def written(self, noon):
        @transaction.atomic
        def write(subject):
            audit.record(actor=SYSTEM, action="x", subject_kind="y", subject=subject, at=noon)
            time.sleep(0.05)

        before, _broken = audit.verify()
        both(*[partial(write, str(number)) for number in range(4)])
        count, broken = audit.verify()
        return count - before, broken

    def test_stays_one_chain(self, noon):
        assert self.written(noon) == (4, None)

    def test_negative_control_without_the_lock_the_database_refuses_a_fork(self, noon, monkeypatch):
        monkeypatch.setattr(audit, "_LOCK", "SELECT %s::bigint")

        with pytest.raises(IntegrityError, match="audit_chain_never_forks"):
            self.written(noon)
