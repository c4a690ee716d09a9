"""What a refunded payment earned is taken back, as far as it is still there."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Manager, Sum

from benefits.models import Accrual, Clawback, Holding, Lot, StampCard


class Taken(NamedTuple):
    """Points taken back, and those that were spent already; minor units."""

    back: int
    short: int


@transaction.atomic
def claw_back(
    *, document: str, key: str, refunded_minor: int, purchase_minor: int, at: datetime
) -> Taken:
    """
    Take back what ``document`` earned, once per ``key``: points in the proportion of what is
    refunded so far, a stamp with the whole purchase, and with it a reward nobody has used.

    For payments without benefits as well: settlement calls it when it refunds.
    """
    back = short = 0
    accruals = list(
        Accrual.objects.filter(document=document)
        .exclude(clawbacks__key=key)
        .select_related("lot", "card")
        .order_by("pk")
    )
    _lock(Holding.objects, {pk for each in accruals for pk in _holdings_of(each)})
    _lock(StampCard.objects, {each.card_id for each in accruals if each.card_id is not None})
    for accrual in accruals:
        due = accrual.amount * refunded_minor // purchase_minor - _so_far(accrual)
        if accrual.lot is not None:
            taken = _points_back(accrual.lot, due)
        else:
            taken = _stamp_back(accrual, due)
        Clawback.objects.create(accrual=accrual, key=key, amount=taken, short=due - taken, at=at)
        if accrual.lot is not None:
            back, short = back + taken, short + due - taken
    return Taken(back, short)


def holdings_of(*, document: str) -> set[int]:
    """Return the ids of the holdings that :func:`claw_back` takes from."""
    earned = Accrual.objects.filter(document=document).select_related("lot", "card")
    return {pk for each in earned for pk in _holdings_of(each)}


def _holdings_of(accrual: Accrual) -> list[int]:
    """Return the holding of its points, or its card's reward, if that is full."""
    if accrual.lot is not None:
        return [accrual.lot.holding_id]
    reward = None if accrual.card is None else accrual.card.reward_id
    return [] if reward is None else [reward]


def _lock(rows: Manager[Any], ids: Collection[int]) -> None:
    """Lock several rows in the order of all: that of the rules may be another."""
    if len(ids) > 1:
        mine = rows.select_for_update(no_key=True).filter(pk__in=ids)
        list(mine.order_by("pk").values_list("pk", flat=True))


def _so_far(accrual: Accrual) -> int:
    sums = accrual.clawbacks.aggregate(amount=Sum("amount"), short=Sum("short"))
    return (sums["amount"] or 0) + (sums["short"] or 0)


def _points_back(lot: Lot, due: int) -> int:
    """Take points back from their own lot first, then from those that live longest."""
    holding = Holding.objects.select_for_update(no_key=True).get(pk=lot.holding_id)
    touched: list[Lot] = []
    taken = 0
    for each in _in_order(holding, lot):
        part = min(due - taken, each.left_minor)
        if part:
            each.left_minor -= part
            taken += part
            touched.append(each)
    Lot.objects.bulk_update(touched, ["left_minor"])
    holding.balance_minor = (holding.balance_minor or 0) - taken
    holding.save(update_fields=["balance_minor"])
    return taken


def _in_order(holding: Holding, first: Lot) -> Sequence[Lot]:
    others = list(holding.lots.filter(left_minor__gt=0).order_by("-expires_at", "pk"))
    return sorted(others, key=lambda lot: lot.pk != first.pk)


def _stamp_back(accrual: Accrual, due: int) -> int:
    if due < 1 or accrual.card_id is None:
        return 0
    card = StampCard.objects.select_for_update(no_key=True).get(pk=accrual.card_id)
    if card.reward_id is None:
        card.stamps -= 1
        card.save(update_fields=["stamps"])
        return 1
    # A full card is not opened again: its reward goes, if nobody has used it.
    reward = Holding.objects.select_for_update(no_key=True).get(pk=card.reward_id)
    if reward.state != Holding.State.ACTIVE or reward.uses_held or reward.used:
        return 0
    reward.transition(Holding.State.WITHDRAWN)
    return 1
