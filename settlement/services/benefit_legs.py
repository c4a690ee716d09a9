"""What benefits paid of a purchase, in the ledger: sponsors, gift cards, and the shop that is paid.

A discount and points are owed by the sponsors, by their shares; a gift card pays from what is on
it, which stands in the ledger as a liability from its first use on.
"""

from collections.abc import Sequence
from typing import Final

from benefits.models import CostShare, Lock, Sponsor
from benefits.rules.vocabulary import Kind
from benefits.services import sponsors
from benefits.services.locks import Borne
from benefits.services.restoring import BackLine
from settlement.models import LedgerAccount, Transfer
from settlement.rules.requests import Request
from settlement.services import ledger
from settlement.services.ledger import Draft, Key

_Kind = LedgerAccount.Kind
_CODES: Final = {Kind.POINTS: Transfer.Code.POINTS, Kind.GIFT_CARD: Transfer.Code.GIFT_CARD}


def of_sale(request: Request, *, borne: Sequence[Borne]) -> list[Draft]:
    """Return the transfers of the lines just committed for ``request``, whose holdings are locked.

    Together with what the customer's card pays they are its amount.
    """
    shop = _shop(request)
    drafts: list[Draft] = []
    for each in borne:
        if not each.line.amount_minor:
            continue
        code = _CODES.get(each.kind, Transfer.Code.DISCOUNT)
        if each.kind == Kind.GIFT_CARD:
            drafts += _issued(request, each.line)
            drafts.append(
                Draft(code, _gift(request, each.line), shop, each.line.amount_minor, _id(request))
            )
            continue
        drafts += _moved(request, code, each.shares)
    return drafts


def of_refund(
    request: Request, *, code: Transfer.Code, lines: Sequence[BackLine], left_minor: int
) -> list[Draft]:
    """Return the transfers of a refund but for the card's part; ``left_minor``: their sum.

    The redemption is locked. Parts are rounded, so between two refunds units may be left over: they
    wait apart, and are gone once the whole is given back.
    """
    shop = _shop(request)
    drafts: list[Draft] = []
    due = {each.holding: each.amount_minor for each in lines}
    for line in _lines(request.reference):
        amount = due.get(line.holding.reference, 0)
        if amount and line.holding.kind == Kind.GIFT_CARD:
            drafts.append(Draft(code, shop, _gift(request, line), amount, _id(request)))
        elif amount:
            parts = [(who, -part) for who, part in _parts(line, amount)]
            drafts += _moved(request, code, parts)
    left = left_minor - sum(due.values())
    rounding = Key(_Kind.ROUNDING.value, request.shop.merchant, request.currency)
    if left:
        drafts.append(_signed(code, shop, rounding, left, _id(request)))
    return drafts


def _moved(
    request: Request, code: Transfer.Code, parts: Sequence[tuple[Sponsor, int]]
) -> list[Draft]:
    """Return what sponsors pay the shop, and where ``part`` is negative what they get back."""
    return [
        _signed(code, _sponsor(request, who), _shop(request), part, _id(request))
        for who, part in parts
        if part
    ]


def _signed(code: str, debit: Key, credit: Key, minor: int, payment_id: int) -> Draft:
    if minor < 0:
        return Draft(code, credit, debit, -minor, payment_id)
    return Draft(code, debit, credit, minor, payment_id)


def _parts(line: Lock, amount: int) -> list[tuple[Sponsor, int]]:
    """Return what of ``amount`` goes back to each sponsor, so that all refunds add up to its share.

    A part may be below zero by a unit: the sum up to now is what is split to the unit.
    """
    shares = _shares(line)
    now = sponsors.borne(amount_minor=line.restored_minor, shares=shares)
    before = sponsors.borne(amount_minor=line.restored_minor - amount, shares=shares)
    return [(who, new - old) for (who, new), (_who, old) in zip(now, before, strict=True)]


def _issued(request: Request, line: Lock) -> list[Draft]:
    """Return what brings the liability of a gift card up to what was on it before this line."""
    key = _gift(request, line)
    before = (line.holding.balance_minor or 0) + line.amount_minor
    missing = before - ledger.balance_at(key)
    return [
        Draft(
            Transfer.Code.GIFT_CARD_ISSUED,
            Key(_Kind.GIFT_FUNDING.value, who.owner, request.currency),
            key,
            part,
        )
        for who, part in sponsors.borne(amount_minor=missing, shares=_shares(line))
        if part
    ]


def _shares(line: Lock) -> list[CostShare]:
    of = CostShare.objects.filter(definition=line.holding.definition_id)
    return list(of.select_related("sponsor"))


def _lines(document: str) -> list[Lock]:
    rows = Lock.objects.filter(redemption__document=document).select_related("holding")
    return list(rows.order_by("turn"))


def _shop(request: Request) -> Key:
    return Key(_Kind.MERCHANT.value, request.shop.merchant, request.currency)


def _sponsor(request: Request, who: Sponsor) -> Key:
    return Key(_Kind.SPONSOR.value, who.owner, request.currency)


def _gift(request: Request, line: Lock) -> Key:
    return Key(_Kind.GIFT_CARD.value, line.holding.reference, request.currency)


def _id(request: Request) -> int:
    return request.payment_id
