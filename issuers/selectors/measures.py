"""The issuers' share of ``/metrics``: commands, the lists and who holds them, questions out."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from issuers.models import Issuer, OtaCommand, RefundAdvice, RemoteAuthorisation
from issuers.selectors import coverage


def families(*, at: datetime) -> Iterator[Metric]:
    """This function will read the issuers' figures: three queries, and one for each issuer."""
    commands = GaugeMetricFamily(
        "paydesk_commands", "Over-the-air commands by state", labels=["state"]
    )
    counts = dict.fromkeys(OtaCommand.State.values, 0)
    counts |= dict(OtaCommand.objects.values_list("state").annotate(count=Count("pk")).order_by())
    for state, count in counts.items():
        commands.add_metric([state], count)
    yield commands
    yield from _lists(at)
    yield from _remote(at)


def _lists(at: datetime) -> Iterator[Metric]:
    names = {
        "version": "Newest version of the issuer's blacklist",
        "entries": "Numbers on the newest version",
        "age_seconds": "Time since the newest version was published",
        "readers": "Readers that should hold the list",
        "readers_current": "Readers that hold the newest version",
    }
    told = {
        name: GaugeMetricFamily(f"paydesk_blacklist_{name}", what, labels=["issuer"])
        for name, what in names.items()
    }
    for issuer in Issuer.objects.order_by("pk"):
        held = coverage.coverage_of(issuer=issuer)
        told["readers"].add_metric([issuer.reference], held.readers)
        told["readers_current"].add_metric([issuer.reference], held.current)
        if (newest := held.newest) is not None:
            told["version"].add_metric([issuer.reference], newest.version)
            told["entries"].add_metric([issuer.reference], newest.entries)
            age_s = (at - newest.published_at).total_seconds()
            told["age_seconds"].add_metric([issuer.reference], age_s)
    yield from told.values()


def _remote(at: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "paydesk_remote_authorisations",
        "Questions, reversals and refunds that wait for an issuer's own system",
        labels=["state"],
    )
    reversal_age = GaugeMetricFamily(
        "paydesk_remote_reversal_age_seconds",
        "Time since the oldest reversal that is not acknowledged was due",
    )
    refund_age = GaugeMetricFamily(
        "paydesk_remote_refund_age_seconds",
        "Time since the oldest refund that is not acknowledged was due",
    )
    state, due = RemoteAuthorisation.State, RefundAdvice.State.DUE
    rows = RemoteAuthorisation.objects.filter(state__in=[state.ASKED, state.REVERSAL_DUE])
    counted = rows.values("state").annotate(count=Count("pk"), since=Min("ended_at")).order_by()
    refunds = RefundAdvice.objects.filter(state=due).values("state")
    refunds = refunds.annotate(count=Count("pk"), since=Min("due_at")).order_by()
    found = {row["state"]: row for row in counted.union(refunds, all=True)}
    labels = {state.ASKED: "ASKED", state.REVERSAL_DUE: "REVERSAL_DUE", due: "REFUND_DUE"}
    for kind, label in labels.items():
        waiting.add_metric([label], found[kind]["count"] if kind in found else 0)
    for kind, age in ((state.REVERSAL_DUE, reversal_age), (due, refund_age)):
        age.add_metric([], (at - found[kind]["since"]).total_seconds() if kind in found else 0)
    yield waiting
    yield reversal_age
    yield refund_age
