"""The floor's share of ``/metrics``: events that wait for a number, alerts, heartbeats."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from config.models import Alert, Event, Heartbeat


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read the floor's figures at ``at``, in three queries."""
    yield GaugeMetricFamily(
        "paydesk_events_unnumbered",
        "Committed events that the sequencer has not numbered",
        value=Event.objects.filter(seq=None).count(),
    )
    alerts = GaugeMetricFamily("paydesk_alerts_open", "Alerts nobody cleared", labels=["kind"])
    open_alerts = Alert.objects.filter(cleared_at=None).values_list("kind")
    for kind, count in open_alerts.annotate(count=Count("pk")).order_by("kind"):
        alerts.add_metric([kind], count)
    yield alerts
    beats = GaugeMetricFamily(
        "paydesk_heartbeat_age_seconds", "Time since a part was last alive", labels=["part"]
    )
    for beat in Heartbeat.objects.order_by("part"):
        beats.add_metric([beat.part], (at - beat.at).total_seconds())
    yield beats
