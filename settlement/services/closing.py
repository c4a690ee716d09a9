"""A business day closed by hand: what it took is cleared, and drawn up at once."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction

from config import audit
from config.audit import Actor
from config.refusals import Refused
from merchants.models import Merchant
from settlement.models import DayClose
from settlement.rules.sheet import business_date
from settlement.selectors import closing
from settlement.selectors.closing import Difference
from settlement.services import days, payouts


class DayAhead(Refused):
    code = "business_day_ahead"
    status = 409
    title = "The business day has not begun"


class Closed(NamedTuple):
    """A closed day, and what does not agree on it."""

    day: DayClose
    differences: Sequence[Difference]


def close_day(*, merchant: Merchant, day: date, actor: Actor, at: datetime) -> Closed:
    """
    Close the business day of ``merchant``; closed before, it stays as it was closed.

    What it took until now is cleared: refunded from now on, never reversed. What is approved later
    on the same calendar day belongs to the next business day. Its payout is drawn up.

    :raises DayAhead: ``day`` has not begun where the merchant is
    """
    closed = clear(merchant=merchant, day=day, actor=actor, at=at)
    days.settle(merchant=merchant, day=day)
    payouts.draw_up(merchant=merchant, day=day, at=at, actor=actor)
    return Closed(closed, closing.differences(merchant=merchant, day=day))


def refuse_ahead(*, merchant: Merchant, day: date, at: datetime) -> None:
    """Refuse a day that has not begun.

    :raises DayAhead: ``day`` has not begun where the merchant is
    """
    if day > business_date(at=int(at.timestamp()), time_zone=merchant.time_zone):
        raise DayAhead(f"{day} has not begun at {merchant}.")


@transaction.atomic
def clear(
    *,
    merchant: Merchant,
    day: date,
    actor: Actor,
    at: datetime,
    look: Callable[[], None] = lambda: None,
) -> DayClose:
    """
    Clear what ``merchant`` took on ``day``; cleared before, it stays as it was.

    ``look``: called under the merchant's lock before it is cleared; it may refuse.

    :raises DayAhead: ``day`` has not begun where the merchant is
    """
    refuse_ahead(merchant=merchant, day=day, at=at)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    before = DayClose.objects.filter(merchant=merchant, business_date=day).first()
    if before is not None:
        return before
    look()
    made = DayClose.objects.create(
        merchant=merchant,
        business_date=day,
        closed_by=f"{actor.kind} {actor.name}"[:64],
        closed_at=at,
    )
    audit.record(
        actor=actor,
        action="day.close",
        subject_kind="merchant",
        subject=merchant.reference,
        tenant=merchant.reference,
        at=at,
        after={"business_date": day.isoformat()},
    )
    return made
