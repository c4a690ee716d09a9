"""A machine presents a number: found, judged, checked again, and then it may pay out."""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from benefits.services import lookups
from config import references
from config.models import Device
from config.models.devices import DeviceKind
from config.refusals import Refused
from merchants.models import Equipment
from settlement.models import Preapproval, Redemption, ReversedRequest, StockItem
from settlement.rules import redeeming
from settlement.rules.redeeming import Machine, Number, Presented
from settlement.services import stock
from settlement.services.preapprovals import telling
from settlement.services.preapprovals.ending import expired
from settlement.services.preapprovals.numbers import pickup_hash
from settlement.services.redemptions import rechecking, refusals, tries
from settlement.services.redemptions.finding import locked_of_number, number_of

State = Preapproval.State


class Asked(NamedTuple):
    """What a machine presents: ``number`` typed or scanned, and what was keyed beside it.

    ``amount_minor`` of ``currency``, None and "" where nothing was; ``key``: the idempotency key of
    the request, "" for none.
    """

    number: str
    kind: str
    amount_minor: int | None = None
    currency: str = ""
    pickup_code: str = ""
    key: str = ""


def begin(*, device: Device, asked: Asked, at: datetime) -> Redemption:
    """
    Let machine ``device`` pay out what was approved under a number; nobody else may then.

    Everything is looked at again under the locks: the number, its place, amount and code, then
    card, account, phone and the issuer's limits, which end the number where they say no, then the
    shop's stock. A number that was taken before its time was up may finish after it.

    :raises NumberMalformed: not an approval number; counts nowhere
    :raises CashAtTill: only an ATM gives cash
    :raises LookupLocked: ten wrong numbers in 30 minutes at this machine
    :raises RequestReversed: the machine took this request back before it came
    :raises NumberUnknown, NumberExpired, NumberCancelled, NumberUsed: it is not good
    :raises KindMismatch, WrongTerminal, AmountMismatch, PickupCodeInvalid: it stays good
    :raises CardBlocked, AccountWasClosed, DeviceWasRevoked, LimitExceeded: it has ended
    :raises OutOfStock: it stays good
    """
    number = number_of(asked.number)
    if asked.kind == Preapproval.Kind.CASH and device.kind != DeviceKind.ATM:
        raise refusals.CashAtTill
    told = _begin(device, number, asked, at)
    if isinstance(told, Refused):
        raise told
    return told


@transaction.atomic
def _begin(device: Device, number: str, asked: Asked, at: datetime) -> Redemption | Refused:
    """Return the redemption, or a refusal: what it counted or ended stays."""
    lookups.refuse_locked(device=device, at=at)
    key = hashed_key(asked.key)
    if key is not None and ReversedRequest.objects.filter(device=device, request_key=key).exists():
        return refusals.RequestReversed()
    preapproval = locked_of_number(number)
    if preapproval is None:
        lookups.count_wrong(device=device, at=at)
        return refusals.NumberUnknown()
    place = Equipment.objects.select_related("merchant", "store", "device").get(device=device)
    refusal = _not_good(device, preapproval, at) or _misfit(device, place, preapproval, asked, at)
    if refusal is not None:
        return refusal
    presented = _presented(preapproval, asked)
    amount_minor = redeeming.to_pay(_number(preapproval), presented)
    try:
        item = stock.pick(
            merchant=place.merchant,
            kind=preapproval.kind,
            currency=preapproval.currency,
            amount_minor=amount_minor,
        )
    except stock.OutOfStock as none_left:
        return none_left
    refusal = rechecking.stopped(preapproval, amount_minor=amount_minor, at=at)
    if refusal is not None:
        return refusal
    return _taken(preapproval, place, amount_minor, item, at, request_key=key)


def hashed_key(key: str) -> bytes | None:
    """Return what is kept of an idempotency key: its SHA-256."""
    return hashlib.sha256(key.encode()).digest() if key else None


def _not_good(device: Device, preapproval: Preapproval, at: datetime) -> Refused | None:
    if tries.unknown_to(device=device, preapproval=preapproval):
        return refusals.NumberUnknown()
    if expired(preapproval, at=at) or preapproval.state == State.EXPIRED:
        return refusals.NumberExpired()
    if preapproval.state == State.CANCELLED:
        return refusals.OF_ENDING.get(preapproval.ending, refusals.NumberCancelled)()
    return None if preapproval.state == State.APPROVED else refusals.NumberUsed()


def _misfit(
    device: Device, place: Equipment, preapproval: Preapproval, asked: Asked, at: datetime
) -> Refused | None:
    """Judge what was keyed; a code that is missing is asked for, which is no try."""
    machine = Machine(device.kind, device.pk, place.merchant_id)
    bad = redeeming.bad_try(_number(preapproval), _presented(preapproval, asked), machine)
    if bad is None:
        return None
    if bad is redeeming.BadTry.PICKUP_CODE and not asked.pickup_code:
        return refusals.PickupCodeInvalid()
    return tries.count(device=device, preapproval=preapproval, bad=bad, at=at)


def _number(preapproval: Preapproval) -> Number:
    code = preapproval.pickup_hash
    return Number(
        kind=preapproval.kind,
        amount_minor=preapproval.amount_minor,
        currency=preapproval.currency,
        partial=preapproval.partial,
        bound_kind=preapproval.bound_kind,
        bound_merchant_id=preapproval.bound_merchant_id,
        bound_terminal_id=preapproval.bound_terminal_id,
        pickup_hash=None if code is None else bytes(code),
    )


def _presented(preapproval: Preapproval, asked: Asked) -> Presented:
    code = asked.pickup_code
    hashed = pickup_hash(reference=preapproval.reference, code=code) if code else None
    return Presented(asked.kind, asked.amount_minor, asked.currency, hashed)


def _taken(
    preapproval: Preapproval,
    place: Equipment,
    amount_minor: int,
    item: StockItem | None,
    at: datetime,
    **asked: Any,
) -> Redemption:
    preapproval.transition(State.IN_PROGRESS)
    made = Redemption.objects.create(
        reference=references.new("RDM"),
        preapproval=preapproval,
        state=Redemption.State.IN_PROGRESS,
        kind=preapproval.kind,
        merchant=place.merchant,
        store=place.store,
        device=place.device,
        amount_minor=amount_minor,
        currency=preapproval.currency,
        item_serial="" if item is None else item.serial,
        begun_at=at,
        **asked,
    )
    if item is not None:
        item.transition(item.State.HELD, redemption=made)
    told = telling.at_machine(made)
    telling.tell(preapproval=preapproval, kind="in_progress", at=at, **told)
    return made
