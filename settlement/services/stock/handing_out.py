"""An item is held for a redemption, and sold or put back with its report."""

from hashlib import sha256
from typing import Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from merchants.models import Merchant
from settlement.models import Redemption, StockItem
from settlement.services.stock.refusals import ItemSold, ItemUnknown, OutOfStock

_State = StockItem.State
_SAME_ITEM: Final = {"kind": OuterRef("kind"), "item_serial": OuterRef("serial")}


def pick(*, merchant: Merchant, kind: str, currency: str, amount_minor: int) -> StockItem | None:
    """
    Lock the next item of that denomination; None where the shop keeps no such stock here.

    Two machines at once take two items, and wait for nobody.

    :raises OutOfStock: it keeps stock of the kind, and none is left
    """
    if kind not in StockItem.Kind.values:
        return None
    kept = StockItem.objects.filter(merchant=merchant, kind=kind)
    of_worth = kept.filter(currency=currency, amount_minor=amount_minor, state=_State.AVAILABLE)
    # A serial that a machine sold of its own while the file came in is never sold again.
    left = of_worth.exclude(Exists(sold(merchant=merchant).filter(**_SAME_ITEM)))
    item = (
        left.select_for_update(no_key=True, skip_locked=True, of=("self",)).order_by("pk").first()
    )
    if item is None and kept.exists():
        raise OutOfStock
    return item


def give_back(redemption: Redemption) -> None:
    """Put the item held for a redemption back, if there is one."""
    item = _held(redemption)
    if item is not None:
        item.transition(_State.AVAILABLE, redemption=None)


def sell(redemption: Redemption, *, serial: str) -> str:
    """
    Sell the item held for a redemption, or the other one the machine says it handed out.

    Return the serial to keep with the payment.

    :raises ItemUnknown: the shop has no such item of that denomination
    :raises ItemSold: it was sold before
    """
    held, named = _locked(redemption, serial)
    if held is None and named is None:
        _refuse_sold(redemption, serial)
        return serial
    item = held if held is not None and serial in {"", held.serial} else None
    if item is None:
        item = _instead(redemption, held, named)
    item.transition(_State.SOLD)
    return item.serial


def sold(*, merchant: Merchant) -> QuerySet[Redemption]:
    """Return what was paid out of a shop's serials."""
    rows = Redemption.objects.filter(merchant=merchant, state=Redemption.State.COMPLETED)
    return rows.exclude(item_serial="")


def _locked(redemption: Redemption, serial: str) -> tuple[StockItem | None, StockItem | None]:
    """Lock the item held for a redemption and the one of that serial, in the order of their ids:
    two machines may each have handed out what the other one holds."""
    mine = Q(redemption=redemption, state=_State.HELD)
    named = Q(merchant=redemption.merchant, kind=redemption.kind, serial=serial)
    rows = StockItem.objects.select_for_update(no_key=True).filter(mine | named if serial else mine)
    found = list(rows.order_by("pk"))
    held = next((each for each in found if each.redemption_id == redemption.pk), None)
    return held, next((each for each in found if each.serial == serial), None)


def _instead(redemption: Redemption, held: StockItem | None, named: StockItem | None) -> StockItem:
    """Put the item that is held back, if any is, and hold the one that was handed out."""
    paid = (redemption.currency, redemption.amount_minor)
    worth = paid if held is None else (held.currency, held.amount_minor)
    if named is None or (named.currency, named.amount_minor) != worth:
        raise ItemUnknown
    if named.state != _State.AVAILABLE:
        raise ItemSold
    _refuse_sold(redemption, named.serial)
    if held is not None:
        held.transition(_State.AVAILABLE, redemption=None)
    return named.transition(_State.HELD, redemption=redemption)


def _refuse_sold(redemption: Redemption, serial: str) -> None:
    """Refuse a serial that was paid out; of two machines that report it at once one goes first."""
    if not serial:
        return
    digest = sha256(f"item {redemption.merchant_id} {redemption.kind} {serial}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)]
        )
    before = sold(merchant=redemption.merchant).filter(kind=redemption.kind, item_serial=serial)
    if before.exists():
        raise ItemSold


def _held(redemption: Redemption) -> StockItem | None:
    rows = StockItem.objects.select_for_update(no_key=True)
    return rows.filter(redemption=redemption, state=_State.HELD).first()
