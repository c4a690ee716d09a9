"""The merchants' share of ``/metrics``: what the result notification server counted, deliveries."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from merchants.models import NotificationProcess, ResultNotification

LOOK_BACK: Final = timedelta(hours=24)
_COUNTED = {
    "received": "Datagrams received",
    "answered": "Datagrams answered",
    "overflowed": "Datagrams the system dropped before they could be received",
    "results": "RESULT datagrams sent, repetitions included",
    "left_out": "Datagrams of queries left out of the log",
}


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read the merchants' figures, in three queries."""
    families = {
        name: CounterMetricFamily(f"paydesk_rns_{name}", what, labels=["process"])
        for name, what in _COUNTED.items()
    }
    dropped = CounterMetricFamily(
        "paydesk_rns_dropped", "Datagrams dropped without an answer", labels=["process", "cause"]
    )
    known = GaugeMetricFamily("paydesk_rns_tids", "T-IDs held in memory", labels=["process"])
    for process in NotificationProcess.objects.order_by("name"):
        for name, family in families.items():
            family.add_metric([process.name], process.counts.get(name, 0))
        for cause, count in process.counts.get("dropped", {}).items():
            dropped.add_metric([process.name, cause], count)
        known.add_metric([process.name], process.counts.get("tids", 0))
    yield from (*families.values(), dropped, known)
    yield from _deliveries(at)


def _deliveries(at: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "paydesk_rns_waiting", "Results on their way to a terminal", labels=["state"]
    )
    counts = {"PENDING": 0, "SENT": 0}
    rows = ResultNotification.objects.filter(next_at__isnull=False).values_list("state")
    counts |= dict(rows.annotate(count=Count("pk")).order_by())
    for state, count in counts.items():
        waiting.add_metric([state], count)
    yield waiting
    given_up = ResultNotification.objects.filter(
        state=ResultNotification.State.UNDELIVERED, told="APPROVED", told_at__gt=at - LOOK_BACK
    )
    yield GaugeMetricFamily(
        "paydesk_rns_undelivered",
        "Approvals of the last 24 hours that no terminal acknowledged",
        value=given_up.count(),
    )
