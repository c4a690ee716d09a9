"""The end of what nobody paid in time, by a sweeper and at every read (protocol §4)."""

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet, Value

from config import pipeline
from config.looks import Look
from config.pipeline import Statement
from config.sweeps import Sweep
from settlement.models import PaymentRequest
from settlement.rules.requests import Request
from settlement.services.payments import rows


def ending(request: Request, *, at: datetime) -> tuple[Request, list[Statement]]:
    """
    Return the locked ``request`` as time has left it, and the statements that make it so.

    One whose time is up has EXPIRED; a claim whose time is up has fallen back.
    """
    if request.is_over(at=at):
        after = request._replace(state="EXPIRED")
        return after, rows.moved(request, after, kind="expired", at=at)
    if request.claim_lapsed(at=at):
        after = request._replace(state="REQUESTED", claimed_by=None, claim_expires_at=None)
        back = rows.moved(request, after, kind="released", at=at)
        return after, [*back, rows.unclaimed(request)]
    return request, []


def end_due(*, at: datetime, limit: int) -> int:
    """End up to ``limit`` requests and claims whose time is up, each by itself; return how many."""
    # Those that are over come first.
    due = [tid for _place, _since, tid in sorted(_DUE.at(at))]
    return SWEEP.run(names=due[:limit], at=at)


def _due(at: datetime) -> QuerySet[Any, Any]:
    open_ones = PaymentRequest.objects.filter(~SWEEP.stuck("tid"), ended_at=None)
    over = open_ones.filter(expires_at__lte=at).order_by("expires_at")
    lapsed = open_ones.filter(claim_expires_at__lte=at, expires_at__gt=at)
    lapsed = lapsed.order_by("claim_expires_at")
    # By an index each, in one statement.
    first = over.values_list(Value(0), "expires_at", "tid")[:_LOOKED_AT]
    return first.union(
        lapsed.values_list(Value(1), "claim_expires_at", "tid")[:_LOOKED_AT], all=True
    )


_LOOKED_AT: Final = 500  # of each kind at once
_DUE: Final = Look(_due)


@transaction.atomic
def end(*, tid: str, at: datetime) -> bool:
    """End the request, or its claim, if its time is up; return whether it was."""
    (answer,) = pipeline.run(rows.locked(tid=tid))
    request = rows.request_of(answer)
    assert request is not None, "a request's row stays"
    _after, writes = ending(request, at=at)
    if writes:
        rows.check_moved(pipeline.run(*writes))
    return bool(writes)


def _merchant(tid: str) -> str:
    merchants = PaymentRequest.objects.values_list("payment__merchant__reference", flat=True)
    return merchants.get(tid=tid)


SWEEP: Final = Sweep(
    kind="request_not_ended",
    told="The request {name} is over, and the portal fails to end it.",
    end=lambda tid, at: end(tid=tid, at=at),
    tenant=_merchant,
)
