"""What ``/metrics`` tells of the server, and that ``/healthz`` names it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config.models import Heartbeat
from merchants.models import NotificationProcess, ResultNotification
from merchants.selectors import notifications
from tests.journeys.waiting import eventually
from tests.ops.test_metrics import told
from tests.rns import payments

pytestmark = pytest.mark.django_db(transaction=True)


def test_counts_of_each_process_are_metrics(client, terminal):
    terminal.asked(payments.post(terminal))
    terminal.send(b"noise")
    eventually(
        lambda: any(row.counts["dropped"]["length"] for row in NotificationProcess.objects.all())
    )
    name = NotificationProcess.objects.get().name

    figures = told(client)

    assert figures["paydesk_rns_received_total", name] >= 2
    assert figures["paydesk_rns_answered_total", name] == 1
    assert figures["paydesk_rns_dropped_total", "length", name] == 1
    assert figures["paydesk_rns_tids", name] == 1


def result(*, tid="T000C1S0000700009WHN32C", at, **told):
    """Write down the result of a T-ID as it fares."""
    ResultNotification.objects.create(
        tid=tid,
        number=12345,
        address="192.0.2.1",
        port=9,
        registered_ms=1,
        registered_at=at,
        message=1,
        nonce=b"12345678",
        told="APPROVED",
        told_at=at,
        **told,
    )


def test_results_on_their_way_are_a_gauge(client, noon):
    result(at=noon, state="SENT", next_at=noon)

    assert told(client)["paydesk_rns_waiting", "SENT"] == 1


def test_approvals_never_acknowledged_are_a_gauge_for_a_day(client):
    now = timezone.now()
    result(tid="T-NEW", at=now - timedelta(hours=23), state="UNDELIVERED")
    result(tid="T-OLD", at=now - timedelta(hours=25), state="UNDELIVERED")
    result(tid="T-HEARD", at=now, state="DELIVERED", acked_at=now)

    assert told(client)["paydesk_rns_undelivered",] == 1


def test_a_process_that_was_is_forgotten_after_an_hour(terminal):
    old = timezone.now() - timedelta(hours=2)
    NotificationProcess.objects.create(name="gone-1", started_at=old, at=old)

    eventually(lambda: not NotificationProcess.objects.filter(name="gone-1").exists(), within_s=5)


def test_it_beats(terminal):
    assert eventually(lambda: Heartbeat.objects.filter(part="rns").exists(), within_s=5)


def test_deliveries_are_read_in_one_query(terminal, django_assert_num_queries):
    tids = [payments.post(terminal) for _ in range(3)]
    terminal.registered(tids[0])

    with django_assert_num_queries(1):
        assert notifications.deliveries_of(tids=tids) == dict.fromkeys(tids, "NONE")
