"""An item is held for a redemption, and sold or put back with its report."""

from hashlib import sha256
from typing import Final, NamedTuple

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
    if redemption.kind not in StockItem.Kind.values:
        return
    _one_report_at_a_time(redemption)
    item = _locked(redemption, "").held
    if item is not None:
        item.transition(_State.AVAILABLE, redemption=None)


def sell(redemption: Redemption, *, serial: str) -> str:
    """
    Sell the item held for a redemption, or the other one the machine says it handed out.

    Return the serial to keep with the payment. What is held for another redemption was only meant
    for it: handed out here, it is sold here, and the other one holds what this one held.

    :raises ItemUnknown: the shop has no such item of that denomination
    :raises ItemSold: it was sold before
    """
    if redemption.kind not in StockItem.Kind.values and not serial:
        return serial
    _one_report_at_a_time(redemption)
    items = _locked(redemption, serial)
    if items.held is None and items.named is None:
        _refuse_sold(redemption, serial)
        return serial
    item = items.held if items.held is not None and serial in {"", items.held.serial} else None
    if item is None:
        item = _instead(redemption, items)
    item.transition(_State.SOLD)
    return item.serial


def sold(*, merchant: Merchant) -> QuerySet[Redemption]:
    """Return what was paid out of a shop's serials."""
    rows = Redemption.objects.filter(merchant=merchant, state=Redemption.State.COMPLETED)
    return rows.exclude(item_serial="")


class _Items(NamedTuple):
    """The item held for a redemption, and the one its machine names; None where there is none."""

    held: StockItem | None
    named: StockItem | None


def _one_report_at_a_time(redemption: Redemption) -> None:
    """Let reports of a shop's items of one kind take turns: each may move what others hold."""
    digest = sha256(f"items {redemption.merchant_id} {redemption.kind}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)]
        )


def _locked(redemption: Redemption, serial: str) -> _Items:
    mine = Q(redemption=redemption, state=_State.HELD)
    named = Q(merchant=redemption.merchant, kind=redemption.kind, serial=serial)
    rows = StockItem.objects.select_for_update(no_key=True).filter(mine | named if serial else mine)
    found = list(rows.order_by("pk"))
    held = next((each for each in found if each.redemption_id == redemption.pk), None)
    return _Items(held, next((each for each in found if each.serial == serial), None))


def _instead(redemption: Redemption, items: _Items) -> StockItem:
    """Hold the item that was handed out; who had it has the one that was held, if any was."""
    held, named = items
    paid = (redemption.currency, redemption.amount_minor)
    worth = paid if held is None else (held.currency, held.amount_minor)
    if named is None or (named.currency, named.amount_minor) != worth:
        raise ItemUnknown
    if named.state not in {_State.AVAILABLE, _State.HELD}:
        raise ItemSold
    _refuse_sold(redemption, named.serial)
    other = named.redemption
    if held is not None:
        held.transition(_State.AVAILABLE, redemption=None)
    if other is not None:
        named.transition(_State.AVAILABLE, redemption=None)
    named.transition(_State.HELD, redemption=redemption)
    if held is not None and other is not None:
        held.transition(_State.HELD, redemption=other)
    return named


def _refuse_sold(redemption: Redemption, serial: str) -> None:
    """Refuse a serial that was paid out before."""
    before = sold(merchant=redemption.merchant).filter(kind=redemption.kind, item_serial=serial)
    if serial and before.exists():
        raise ItemSold
