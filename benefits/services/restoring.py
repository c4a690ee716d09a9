"""A refund gives back: in proportion what was given for the goods, coupons on the whole alone.

Locks as taking does: redemption, holdings by id, those of what the payment earned among them,
slots; then its cards of stamps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from benefits.models import Holding, Lock, Lot, LotTake, Redemption, Restoration
from benefits.rules.giving_back import Paid, back_of
from benefits.rules.vocabulary import BALANCES, Kind
from benefits.services import budgets
from benefits.services.budgets import Want
from benefits.services.clawing_back import claw_back, holdings_of
from config.refusals import Refused


class ExceedsRefundable(Refused):
    code = "exceeds_refundable"
    title = "That is more than is left of the purchase"


class NotCommitted(Refused):
    code = "payment_not_refundable"
    status = 409
    title = "No benefits were used for this payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackLine:
    """What comes of one line: ``amount_minor`` of it goes back where it came from, the customer's
    balance or, of a discount, the sponsors; ``use``: the coupon can be used again."""

    holding: str
    kind: Kind
    amount_minor: int
    use: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """What a refund brings, minor units: ``tender_minor`` to the means that paid the remainder.

    ``points_short``: earned by the payment and spent already, so not taken back.
    """

    tender_minor: int
    lines: Sequence[BackLine]
    points_back: int = 0
    points_short: int = 0


def preview(*, document: str, amount_minor: int, at: datetime) -> GivenBack:
    """Return what refunding ``amount_minor`` of the purchase would bring; changes nothing.

    :raises NotCommitted: no benefits were used for it
    :raises ExceedsRefundable: more than is left of the purchase
    """
    redemption = _committed(document, locked=False)
    lines = list(redemption.lines.select_related("holding__definition").order_by("turn"))
    return _reckoned(redemption, lines, amount_minor, at)


@transaction.atomic
def refund(*, document: str, key: str, amount_minor: int, at: datetime) -> GivenBack:
    """
    Give back what ``amount_minor`` of the purchase brings, once per ``key`` (the refund's
    reference); the whole purchase undoes all of it. The caller posts what this returns.

    What it earned is taken back in proportion, as far as it is still there.

    :raises NotCommitted: no benefits were used for it
    :raises ExceedsRefundable: more than is left of the purchase
    """
    redemption = _committed(document, locked=True)
    known = redemption.restorations.filter(key=key).first()
    if known is not None:
        return _as_told(known)
    _lock_with_earned(redemption)
    rows = redemption.lines.select_related("holding__definition").order_by("holding")
    lines = sorted(
        rows.select_for_update(no_key=True, of=("self", "holding")), key=lambda line: line.turn
    )
    back = _reckoned(redemption, lines, amount_minor, at)
    _give_back(lines, back, key, at)
    redemption.refunded_minor += amount_minor
    redemption.save(update_fields=["refunded_minor"])
    if redemption.refunded_minor == redemption.purchase_minor:
        budgets.give_back(
            taken=[(line.slot_id, Want(line.amount_minor, 1)) for line in lines if line.slot_id]
        )
    earned = claw_back(
        document=document,
        key=key,
        refunded_minor=redemption.refunded_minor,
        purchase_minor=redemption.purchase_minor,
        at=at,
    )
    done = GivenBack(
        tender_minor=back.tender_minor,
        lines=back.lines,
        points_back=earned.back,
        points_short=earned.short,
    )
    Restoration.objects.create(
        redemption=redemption,
        key=key,
        amount_minor=amount_minor,
        tender_minor=done.tender_minor,
        told=_told(done),
        at=at,
    )
    return done


def _lock_with_earned(redemption: Redemption) -> None:
    """Lock all holdings in one order, where some are of what the purchase earned."""
    ids = holdings_of(document=redemption.document)
    if ids:
        ids.update(redemption.lines.values_list("holding", flat=True))
        mine = Holding.objects.select_for_update(no_key=True).filter(pk__in=ids)
        list(mine.order_by("pk").values_list("pk", flat=True))


def _committed(document: str, *, locked: bool) -> Redemption:
    rows = Redemption.objects.filter(document=document, state=Redemption.State.COMMITTED)
    redemption = (rows.select_for_update(no_key=True) if locked else rows).first()
    if redemption is None:
        raise NotCommitted
    return redemption


def _reckoned(
    redemption: Redemption, lines: Sequence[Lock], amount_minor: int, at: datetime
) -> GivenBack:
    before = redemption.refunded_minor
    if not 1 <= amount_minor <= redemption.purchase_minor - before:
        raise ExceedsRefundable
    paid = Paid(
        purchase_minor=redemption.purchase_minor,
        remainder_minor=redemption.remainder_minor,
        lines=[line.amount_minor for line in lines],
    )
    back = back_of(paid=paid, before_minor=before, amount_minor=amount_minor)
    is_whole = before + amount_minor == redemption.purchase_minor
    return GivenBack(
        tender_minor=back.tender_minor,
        lines=[
            BackLine(
                holding=line.holding.reference,
                kind=Kind(line.holding.kind),
                amount_minor=amount,
                use=is_whole and _comes_back(line, at),
            )
            for line, amount in zip(lines, back.lines, strict=True)
        ],
    )


def _comes_back(line: Lock, at: datetime) -> bool:
    """Return whether the use of a coupon comes back: within its time and the days of grace."""
    holding = line.holding
    if holding.uses is None or not line.amount_minor:
        return False
    return holding.ends_at is None or at < holding.ends_at + _grace(holding)


def _grace(holding: Holding) -> timedelta:
    return timedelta(days=holding.definition.grace_days)


def _give_back(lines: Sequence[Lock], back: GivenBack, key: str, at: datetime) -> None:
    for line, due in zip(lines, back.lines, strict=True):
        line.restored_minor += due.amount_minor
        line.use_restored = due.use
        holding = line.holding
        if due.kind in BALANCES and due.amount_minor:
            holding.balance_minor = (holding.balance_minor or 0) + due.amount_minor
            _revive(holding, at)
        elif due.use:
            holding.used -= 1
            _revive(holding, at)
    Lock.objects.bulk_update(lines, ["restored_minor", "use_restored"])
    Holding.objects.bulk_update(
        [line.holding for line in lines], ["balance_minor", "used", "state", "ends_at"]
    )
    for line, due in zip(lines, back.lines, strict=True):
        if due.kind == Kind.POINTS:
            _return_points(line, due.amount_minor, key, at)


def _revive(holding: Holding, at: datetime) -> None:
    """Make what came back usable: where its time is over, for the days of grace."""
    if holding.state in {Holding.State.USED, Holding.State.EXPIRED}:
        holding.state = Holding.State.ACTIVE
    if holding.ends_at is not None and holding.ends_at <= at:
        holding.ends_at = at + _grace(holding)


def _return_points(line: Lock, amount: int, key: str, at: datetime) -> None:
    """Return points to the lots they came from, latest expiry first; for those that expired
    meanwhile a new lot stands that lives for the days of grace."""
    takes = LotTake.objects.filter(lock=line).select_related("lot").order_by("-pk")
    lapsed = 0
    for take in takes:
        back = min(amount, take.amount_minor - take.back_minor)
        if not back:
            continue
        amount -= back
        take.back_minor += back
        take.save(update_fields=["back_minor"])
        if take.lot.expires_at is not None and take.lot.expires_at <= at:
            lapsed += back
        else:
            take.lot.left_minor += back
            take.lot.save(update_fields=["left_minor"])
    if lapsed:
        Lot.objects.create(
            holding=line.holding,
            key=f"back {key}",
            granted_minor=lapsed,
            left_minor=lapsed,
            expires_at=at + _grace(line.holding),
            granted_at=at,
        )


def _told(done: GivenBack) -> dict[str, Any]:
    return {
        "points_back": done.points_back,
        "points_short": done.points_short,
        "lines": [[line.holding, line.kind, line.amount_minor, line.use] for line in done.lines],
    }


def _as_told(known: Restoration) -> GivenBack:
    return GivenBack(
        tender_minor=known.tender_minor,
        lines=[
            BackLine(holding=holding, kind=Kind(kind), amount_minor=amount, use=use)
            for holding, kind, amount, use in known.told["lines"]
        ],
        points_back=known.told["points_back"],
        points_short=known.told["points_short"],
    )
