"""What was held is committed with the payment, or released: one unit with it, in its transaction.

Locks as taking does: the phone's counter where a number becomes good again, plan, holdings, slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from benefits.models import CostShare, Holding, Lock, Lot, LotTake, Plan, Redemption, Sponsor
from benefits.rules.vocabulary import BALANCES, Kind
from benefits.services import budgets
from benefits.services.budgets import Want
from benefits.services.sponsors import borne
from config.refusals import Refused
from wallets.models import Phone


class NotHeld(Refused):
    code = "not_held"
    status = 409
    title = "Nothing is held for this payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Borne:
    """A committed line, and what of its amount each sponsor bears; minor units, together it."""

    line: Lock
    shares: Sequence[tuple[Sponsor, int]]

    @property
    def kind(self) -> Kind:
        """Return what the benefit is: a gift card's line is paid from its own liability."""
        return Kind(self.line.holding.kind)


@transaction.atomic
def commit(*, document: str, tender: str, at: datetime) -> list[Borne]:
    """
    Use up what is held for ``document``; the number is used with it. Repeated, it changes nothing.

    ``tender``: how the remainder was paid: CASH, CARD, PSN, or NONE where benefits covered all.

    :raises NotHeld: nothing was taken for it, or it was released
    """
    redemption = _locked(document)
    lines = _lines(redemption)
    if redemption.state == Redemption.State.COMMITTED:
        return _borne(lines)
    if redemption.state != Redemption.State.HELD:
        raise NotHeld
    for line in lines:
        _use_up(line)
    _write(lines, Lock.State.COMMITTED)
    redemption.transition(Redemption.State.COMMITTED, tender=tender, ended_at=at)
    redemption.plan.transition(Plan.State.CONSUMED, ended_at=at)
    return _borne(lines)


@transaction.atomic
def release(*, document: str, at: datetime) -> Redemption:
    """
    Give back what is held for ``document``. Repeated, it changes nothing.

    The number is good again until its time is over, unless its phone has made a newer one.

    :raises NotHeld: nothing was taken for it, or it was committed
    """
    phone = Redemption.objects.filter(document=document).values("plan__device")
    list(Phone.objects.select_for_update(no_key=True).filter(device__in=phone))
    redemption = _locked(document)
    if redemption.state == Redemption.State.RELEASED:
        return redemption
    if redemption.state != Redemption.State.HELD:
        raise NotHeld
    lines = _lines(redemption)
    for line in lines:
        _let_go(line)
    _write(lines, Lock.State.RELEASED)
    _return_lots(lines)
    budgets.give_back(
        taken=[(line.slot_id, Want(line.amount_minor, 1)) for line in lines if line.slot_id]
    )
    redemption.transition(Redemption.State.RELEASED, ended_at=at)
    _free(redemption.plan, at)
    return redemption


def _locked(document: str) -> Redemption:
    redemption = (
        Redemption.objects.select_for_update(no_key=True, of=("self", "plan"))
        .select_related("plan")
        .filter(document=document)
        .first()
    )
    if redemption is None:
        raise NotHeld
    return redemption


def _lines(redemption: Redemption) -> list[Lock]:
    """Lock the holdings by id; return the redemption's lines by turn, each with its holding."""
    rows = redemption.lines.select_related("holding").order_by("holding")
    locked = rows.select_for_update(no_key=True, of=("holding",))
    return sorted(locked, key=lambda line: line.turn)


def _use_up(line: Lock) -> None:
    holding = line.holding
    if holding.kind in BALANCES:
        holding.held_minor -= line.amount_minor
        holding.balance_minor = (holding.balance_minor or 0) - line.amount_minor
    elif line.amount_minor and holding.uses is not None:
        holding.uses_held -= 1
        holding.used += 1
        if holding.used == holding.uses:
            holding.state = Holding.State.USED


def _let_go(line: Lock) -> None:
    if line.holding.kind in BALANCES:
        line.holding.held_minor -= line.amount_minor
    elif line.amount_minor and line.holding.uses is not None:
        line.holding.uses_held -= 1


def _write(lines: Sequence[Lock], state: Lock.State) -> None:
    if not lines:
        return
    holdings = [line.holding for line in lines]
    Holding.objects.bulk_update(
        holdings, ["uses_held", "used", "held_minor", "balance_minor", "state"]
    )
    Lock.objects.filter(pk__in=[line.pk for line in lines]).update(state=state)
    for line in lines:
        line.state = state


def _return_lots(lines: Sequence[Lock]) -> None:
    takes = list(LotTake.objects.filter(lock__in=lines).select_related("lot").order_by("lot"))
    for take in takes:
        take.lot.left_minor += take.amount_minor
        take.back_minor = take.amount_minor
    if takes:
        Lot.objects.bulk_update([take.lot for take in takes], ["left_minor"])
        LotTake.objects.bulk_update(takes, ["back_minor"])


def _free(plan: Plan, at: datetime) -> None:
    if at >= plan.expires_at:
        plan.transition(Plan.State.EXPIRED, ended_at=at)
    elif Plan.objects.filter(device=plan.device_id, state=Plan.State.ISSUED).exists():
        plan.transition(Plan.State.CANCELLED, ending=Plan.Ending.NEWER_PLAN, ended_at=at)
    else:
        plan.transition(Plan.State.ISSUED)


def _borne(lines: Sequence[Lock]) -> list[Borne]:
    by_definition: dict[int, list[CostShare]] = {}
    definitions = {line.holding.definition_id for line in lines}
    for share in CostShare.objects.filter(definition__in=definitions).select_related("sponsor"):
        by_definition.setdefault(share.definition_id, []).append(share)
    return [
        Borne(
            line=line,
            shares=borne(
                amount_minor=line.amount_minor, shares=by_definition[line.holding.definition_id]
            ),
        )
        for line in lines
    ]
