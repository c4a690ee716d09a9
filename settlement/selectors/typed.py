"""What somebody typed into a search box, turned into the payments it may mean."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from django.db.models import Q, QuerySet

from config import money
from config.refusals import Refused
from config.wire import numbers
from settlement.models import Payment
from settlement.selectors.numbered import references_of

LOOK_BACK_DAYS: Final = 92  # for what is not unique: amounts, last fours and orders
REFERENCES: Final = ("PAY-", "CHK-")  # a payment bears the reference of its checkout
_CODE: Final = re.compile(r"[0-9A-Z]{6}", re.ASCII)
_SCANNED: Final = "T1."  # before a T-ID in a code (protocol §2)
_TID: Final = re.compile(r"T[0-9A-Z]{22}", re.ASCII)
_LAST4: Final = re.compile(r"[0-9]{4}", re.ASCII)


def payments_matching(
    rows: QuerySet[Payment], *, typed: str, currencies: Iterable[str], since: date
) -> QuerySet[Payment]:
    """
    Return the payments of ``rows`` that ``typed`` may mean.

    A reference, one of the five numbers typed or scanned, an approval code given online, an order,
    a last four or an amount. A number that is shown once finds its payment by its keyed hash.

    ``currencies``: what an amount may be in (ISO 4217). Orders, amounts and last fours are looked
    for from business day ``since`` on. Typed codes follow protocol §1: lower case, spaces and
    hyphens are taken, after the first character ``O`` reads 0, ``I`` and ``L`` read 1.
    """
    bare = re.sub(r"\s", "", typed).upper().removeprefix(_SCANNED)
    if bare.startswith(REFERENCES):
        return rows.filter(reference=bare)
    since_then = Q(business_date__gte=since)
    if number := numbers.shown_once(typed.strip()):
        # Nothing but its form tells an order number of a shop's own from it.
        order = Q(order__iexact=typed.strip()) & since_then
        return rows.filter(Q(reference__in=references_of(number=number)) | order)
    code = _as_code(bare)
    if _TID.fullmatch(code):
        return rows.filter(request__tid=code)
    meant = Q(pk__in=[])
    if _CODE.fullmatch(code):
        meant |= Q(approval_code=code)
    recent = _amounts(typed, currencies)
    if typed.strip():
        recent |= Q(order__iexact=typed.strip())
    if _LAST4.fullmatch(bare):
        recent |= Q(card__last4=bare)
    if recent:
        meant |= recent & since_then
    return rows.filter(meant)


def _as_code(bare: str) -> str:
    plain = bare.replace("-", "")
    return plain[:1] + plain[1:].translate(str.maketrans("OIL", "011"))


def _amounts(typed: str, currencies: Iterable[str]) -> Q:
    meant = Q()
    for currency in sorted(set(currencies)):
        try:
            meant |= Q(amount_minor=money.parse(typed, currency), currency=currency)
        except Refused:
            continue
    return meant
