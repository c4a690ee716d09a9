"""Settlement's share of ``/metrics``: batches, the day's payments, what people must explain."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Min, Sum
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from settlement.models import Batch, Dispute, ExceptionItem, MerchantDay


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read settlement's figures at ``at``, in five queries."""
    yield from _batches(at)
    yield from _payments(at)
    exceptions = GaugeMetricFamily(
        "paydesk_exceptions_open", "Differences nobody explained", labels=["kind"]
    )
    disputes = GaugeMetricFamily("paydesk_disputes_open", "Disputes not closed", labels=["kind"])
    for family, rows in (
        (exceptions, ExceptionItem.objects.filter(resolved_at=None).values_list("kind")),
        (disputes, Dispute.objects.filter(closed_at=None).values_list("kind")),
    ):
        for kind, count in rows.annotate(count=Count("pk")).order_by("kind"):
            family.add_metric([kind], count)
        yield family


def _batches(at: datetime) -> Iterator[Metric]:
    by_state = GaugeMetricFamily("paydesk_batches", "Uploaded batches by state", labels=["state"])
    counts = dict.fromkeys(Batch.State.values, 0)
    counts |= dict(Batch.objects.values_list("state").annotate(count=Count("pk")).order_by())
    for state, count in counts.items():
        by_state.add_metric([state], count)
    yield by_state
    waiting = Batch.objects.filter(state=Batch.State.RECEIVED)
    oldest = waiting.aggregate(oldest=Min("received_at"))["oldest"]
    yield GaugeMetricFamily(
        "paydesk_batch_oldest_waiting_seconds",
        "Age of the oldest batch that waits to be posted; 0 when none does",
        value=(at - oldest).total_seconds() if oldest else 0,
    )


def _payments(at: datetime) -> Iterator[Metric]:
    labels = ["channel", "currency"]
    payments = GaugeMetricFamily("paydesk_payments_today", "Sales of the day (UTC)", labels=labels)
    amounts = GaugeMetricFamily(
        "paydesk_payments_today_minor", "Their sum in minor units, less reversals", labels=labels
    )
    sums = (
        MerchantDay.objects.filter(business_date=at.date())
        .values_list(*labels)
        .annotate(count=Sum("sales"), minor=Sum(F("sales_minor") - F("reversals_minor")))
        .order_by(*labels)
    )
    for channel, currency, count, minor in sums:
        payments.add_metric([channel, currency], count)
        amounts.add_metric([channel, currency], minor)
    yield payments
    yield amounts
