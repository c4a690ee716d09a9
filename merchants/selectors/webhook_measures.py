"""Webhooks' share of ``/metrics``: what waits, and what is not taken."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Q
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from merchants.models import WebhookDelivery, WebhookEndpoint


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read the webhooks' figures at ``at``, in two queries."""
    enabled = WebhookEndpoint.State.ENABLED
    counts = WebhookEndpoint.objects.aggregate(
        enabled=Count("pk", filter=Q(state=enabled)),
        failing=Count("pk", filter=Q(state=enabled, failing_since__isnull=False)),
        paused=Count("pk", filter=Q(state=WebhookEndpoint.State.PAUSED)),
    )
    family = GaugeMetricFamily("paydesk_webhooks", "Webhooks by state", labels=["state"])
    for state, count in counts.items():
        family.add_metric([state], count)
    yield family
    waiting = WebhookDelivery.objects.filter(
        state=WebhookDelivery.State.PENDING, endpoint__state=enabled
    ).aggregate(count=Count("pk"), late=Count("pk", filter=Q(next_at__lte=at)), due=Min("next_at"))
    yield GaugeMetricFamily(
        "paydesk_webhook_messages_waiting", "Messages to be sent or tried again", waiting["count"]
    )
    yield GaugeMetricFamily(
        "paydesk_webhook_messages_due", "Those of them whose time has come", waiting["late"]
    )
    late = (at - waiting["due"]).total_seconds() if waiting["due"] else 0
    yield GaugeMetricFamily(
        "paydesk_webhook_late_seconds",
        "How long the longest due message has waited beyond its time; 0 when none has",
        max(late, 0),
    )
