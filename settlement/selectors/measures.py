"""Settlement's share of ``/metrics``: batches, open requests, the day, what waits for people."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Min, Q, Sum
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from settlement.models import (
    Batch,
    DayChange,
    Dispute,
    ExceptionItem,
    MerchantDay,
    PaymentRequest,
    Preapproval,
    Redemption,
)
from settlement.selectors.sales import STILL_OPEN


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read settlement's figures at ``at``, in eight queries."""
    yield from _batches(at)
    yield from _requests(at)
    yield from _payments(at)
    yield from _preapprovals(at)
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


def _requests(at: datetime) -> Iterator[Metric]:
    by_state = GaugeMetricFamily(
        "paydesk_requests_open", "Requests to pay that have not ended, by state", labels=["state"]
    )
    rows = PaymentRequest.objects.filter(ended_at=None).values_list("payment__state")
    found = list(rows.annotate(count=Count("pk"), oldest=Min("payment__created_at")).order_by())
    counts = dict.fromkeys(sorted(STILL_OPEN), 0) | {state: count for state, count, _ in found}
    for state, count in counts.items():
        by_state.add_metric([state], count)
    yield by_state
    oldest = min((since for _, _, since in found), default=at)
    yield GaugeMetricFamily(
        "paydesk_request_oldest_open_seconds",
        "Age of the oldest request that has not ended; 0 when none is open",
        value=(at - oldest).total_seconds(),
    )


def _preapprovals(at: datetime) -> Iterator[Metric]:
    by_state = GaugeMetricFamily(
        "paydesk_preapprovals_open", "Pre-approvals that have not ended", labels=["state"]
    )
    in_suspense = Q(redemptions__state=Redemption.State.SUSPENSE)
    rows = Preapproval.objects.filter(state__in=Preapproval.LIVE).values_list("state")
    oldest = Min("redemptions__suspended_at", filter=in_suspense)
    found = list(rows.annotate(count=Count("pk", distinct=True), oldest=oldest).order_by())
    counts = dict.fromkeys(sorted(Preapproval.LIVE), 0) | {
        state: count for state, count, _ in found
    }
    for state, count in counts.items():
        by_state.add_metric([state], count)
    yield by_state
    waiting = min((since for _, _, since in found if since is not None), default=at)
    yield GaugeMetricFamily(
        "paydesk_suspense_oldest_seconds",
        "Age of the oldest redemption that waits for the desk; 0 when none does",
        value=(at - waiting).total_seconds(),
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
    yield GaugeMetricFamily(
        "paydesk_day_changes_waiting",
        "Changes of business days that are not rolled up yet",
        value=DayChange.objects.count(),
    )
