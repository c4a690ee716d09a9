"""What time ends, one by one: a planted bad row is told of, and holds up none of the others."""

from datetime import timedelta

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection

from config.models import Alert
from config.sweeps import Sweep
from merchants.models import Merchant
from settlement import tasks
from settlement.models import Checkout, Earned, Payment
from settlement.services import checkouts, earnings, payments, stuck
from tests.factories import benefits as held
from tests.factories import checkouts as tills
from tests.factories import remote as at_issuers
from tests.factories import requests as made

pytestmark = pytest.mark.django_db

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
BAD = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
CREATE TRIGGER bad BEFORE UPDATE ON settlement_payment FOR EACH ROW
  WHEN (NEW.reference = current_setting('tests.bad', true)) EXECUTE FUNCTION refuse();
CREATE TRIGGER bad BEFORE UPDATE ON settlement_checkout FOR EACH ROW
  WHEN (NEW.reference = current_setting('tests.bad', true)) EXECUTE FUNCTION refuse();
CREATE TRIGGER bad BEFORE INSERT ON settlement_earned FOR EACH ROW
  WHEN (NEW.document = current_setting('tests.bad', true)) EXECUTE FUNCTION refuse();
"""


@pytest.fixture(autouse=True)
def bad_rows(db):
    with connection.cursor() as cursor:
        cursor.execute(BAD)


def plant(name=""):
    """Let the database refuse whatever would end this one; "" heals it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tests.bad', %s, true)", [name])


def alerted():
    return [*Alert.objects.filter(cleared_at=None).values_list("kind", "subject", "tenant")]


@pytest.fixture
def terminal():
    return made.terminal()


@pytest.fixture
def asked(terminal, noon):
    """Three requests, of which the first to end cannot be ended."""
    requests = [terminal.asks(10_000, at=noon + place * SECOND) for place in range(3)]
    plant(requests[0].reference)
    return requests


class TestRequests:
    def test_a_bad_one_stops_no_other(self, terminal, asked, noon):
        assert payments.end_due(at=noon + HOUR, limit=9) == 2

        states = Payment.objects.order_by("id").values_list("state", flat=True)
        assert [*states] == ["REQUESTED", "EXPIRED", "EXPIRED"]
        assert alerted() == [("request_not_ended", asked[0].tid, terminal.merchant)]

    def test_as_many_bad_ones_as_a_sweep_takes_stop_no_other(self, asked, noon):
        assert [payments.end_due(at=noon + HOUR, limit=1) for _ in range(4)] == [0, 1, 1, 0]

    def test_a_bad_one_is_tried_again_until_it_ends(self, asked, noon):
        payments.end_due(at=noon + HOUR, limit=9)

        assert stuck.try_again(at=noon + HOUR, limit=9) == 0
        plant()
        assert stuck.try_again(at=noon + HOUR, limit=9) == 1
        assert not Payment.objects.exclude(state="EXPIRED").exists()
        assert alerted() == []

    def test_one_that_was_ended_otherwise_is_told_of_no_more(self, terminal, asked, noon):
        payments.end_due(at=noon + HOUR, limit=9)
        plant()
        payments.seen_by_terminal(device=terminal.device, tid=asked[0].tid, at=noon + HOUR)

        assert stuck.try_again(at=noon + HOUR, limit=9) == 1
        assert alerted() == []

    def test_control_ended_without_the_sweep_it_stops_all(self, asked, noon, monkeypatch):
        monkeypatch.setattr(Sweep, "_ended", lambda sweep, name, at: sweep.end(name, at))

        with pytest.raises(ProgrammingError, match="planted"):
            payments.end_due(at=noon + HOUR, limit=9)


def test_an_issuer_that_said_nothing_stops_no_other(terminal, authority, noon):
    asked = [terminal.asks(10_000, at=noon) for _ in range(2)]
    for request in asked:
        at_issuers.payer(authority).asks_to_pay(request, at=noon)
    plant(asked[0].reference)

    assert payments.end_overdue(at=noon + 5 * SECOND, limit=9) == 1

    assert Payment.objects.get(state="DECLINED").reference == asked[1].reference
    assert alerted() == [("payment_not_declined", asked[0].reference, terminal.merchant)]


def test_a_checkout_that_cannot_be_ended_stops_no_other(noon):
    till = tills.till()
    opened = [till.presents(held.plan_of(made.payer().phone, at=noon).tsn, at=noon) for _ in "ab"]
    plant(opened[0].reference)

    assert checkouts.end_due(at=noon + HOUR, limit=9) == 1

    assert Checkout.objects.get(state="EXPIRED") == opened[1]
    assert alerted() == [("checkout_not_ended", opened[0].reference, till.merchant)]


def test_what_cannot_be_given_stops_no_other(terminal, noon):
    merchant = Merchant.objects.get(reference=terminal.merchant)
    held.earning(merchant, points_bps=100, at=noon)
    paid = [terminal.asks(10_000, at=noon) for _ in range(2)]
    for request in paid:
        made.payer().pays(request, at=noon)
    plant(paid[0].reference)

    assert earnings.give_due(at=noon, limit=9) == 1

    assert Earned.objects.get().document == paid[1].reference
    assert alerted() == [("earning_not_given", paid[0].reference, terminal.merchant)]


def sweep_of(*ends):
    """Return a sweep of as many things, each of which ends as told."""

    def end(name, at):
        if ends[int(name)]:
            raise ends[int(name)]
        return True

    return Sweep(kind="x", told="{name}", end=end, tenant=lambda _name: "")


def test_a_lock_that_another_holds_is_no_news(noon):
    sweep = sweep_of(OperationalError("deadlock detected"), None)

    assert sweep.run(names=["0", "1"], at=noon) == 1
    assert alerted() == []


def test_a_task_whose_time_is_up_is_nobodys_fault(noon):
    with pytest.raises(SoftTimeLimitExceeded):
        sweep_of(SoftTimeLimitExceeded(), None).run(names=["0", "1"], at=noon)
    assert alerted() == []


def test_the_schedule_tries_again(asked, noon):
    payments.end_due(at=noon + HOUR, limit=9)
    plant()

    tasks.try_stuck_again()

    assert alerted() == []
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.try_stuck_again.name in scheduled
