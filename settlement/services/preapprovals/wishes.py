"""What a customer wishes to have approved, and whether the programme's terms allow it."""

from typing import Final, NamedTuple

from config.models import Device
from config.models.devices import DeviceKind
from config.refusals import NotFound
from issuers.rules.preapproving import Terms
from merchants.models import Merchant
from settlement.models import Preapproval
from settlement.services.preapprovals.refusals import (
    BoundInvalid,
    KindNotAllowed,
    PartialNotAllowed,
    PickupCodeRequired,
    ValidTooLong,
)

_CASH: Final = Preapproval.Kind.CASH.value
MACHINES: Final = (DeviceKind.ATM.value, DeviceKind.TERMINAL.value)


class Bound(NamedTuple):
    """Where alone a number works: a kind of machine, a merchant, one machine; "" for any."""

    kind: str = ""
    merchant: str = ""
    terminal: str = ""


class Wish(NamedTuple):
    """What the customer asks for. ``authentication``: proof of the holder, used up by it.

    ``card``: its token; ``amount_minor`` of ``currency``; ``valid_s``: None for the usual time;
    ``pickup_code``: four digits, "" for none.
    """

    authentication: str
    kind: str
    card: bytes
    amount_minor: int
    currency: str
    valid_s: int | None = None
    bound: Bound = Bound()
    partial: bool = False
    pickup_code: str = ""


class Place(NamedTuple):
    """The same, found."""

    kind: str
    merchant: Merchant | None
    terminal: Device | None


def refuse_unfit(*, wish: Wish, terms: Terms) -> None:
    """:raises KindNotAllowed, ValidTooLong, PartialNotAllowed, PickupCodeRequired: the terms"""
    if wish.kind not in terms.kinds:
        raise KindNotAllowed
    if wish.valid_s is not None and wish.valid_s > terms.valid_max_s:
        raise ValidTooLong(valid_max_s=terms.valid_max_s)
    if wish.partial and not terms.partial_allowed:
        raise PartialNotAllowed
    if terms.needs_code(wish.kind) and not wish.pickup_code:
        raise PickupCodeRequired


def place_of(*, wish: Wish) -> Place:
    """Return where the number will work; cash only at an ATM, whatever was said (protocol §3).

    :raises NotFound: no such merchant or machine
    :raises BoundInvalid: the parts exclude each other
    """
    kind = wish.bound.kind or (DeviceKind.ATM.value if wish.kind == _CASH else "")
    merchant = terminal = None
    if wish.bound.merchant:
        merchant = Merchant.objects.filter(reference=wish.bound.merchant).first()
    if wish.bound.terminal:
        machines = Device.objects.filter(kind__in=MACHINES, state=Device.State.ACTIVE)
        terminal = machines.filter(reference=wish.bound.terminal).first()
    if (wish.bound.merchant and merchant is None) or (wish.bound.terminal and terminal is None):
        raise NotFound
    fits = terminal is None or (
        kind in {"", terminal.kind} and (merchant is None or terminal.owner == merchant.reference)
    )
    if not fits or (wish.kind == _CASH and kind != DeviceKind.ATM):
        raise BoundInvalid
    return Place(kind, merchant, terminal)
