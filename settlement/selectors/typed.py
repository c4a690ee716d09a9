"""What somebody typed into a search box, turned into the payments it may mean."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from django.db.models import Q, QuerySet

from config import money
from config.refusals import Refused
from settlement.models import Payment

LOOK_BACK_DAYS: Final = 92  # for what is not unique: amounts and last fours
_CODE: Final = re.compile(r"[0-9A-Z]{6}", re.ASCII)
_TID: Final = re.compile(r"T[0-9A-Z]{22}", re.ASCII)
_LAST4: Final = re.compile(r"[0-9]{4}", re.ASCII)


def payments_matching(
    rows: QuerySet[Payment], *, typed: str, currencies: Iterable[str], since: date
) -> QuerySet[Payment]:
    """
    Return the payments of ``rows`` that ``typed`` may mean.

    A reference, a T-ID, an approval code, a last four or an amount.

    ``currencies``: what an amount may be in (ISO 4217). Amounts and last fours are looked for from
    business day ``since`` on. Typed codes follow protocol §1: lower case, spaces and hyphens are
    taken, after the first character ``O`` reads 0, ``I`` and ``L`` read 1.
    """
    bare = re.sub(r"\s", "", typed).upper()
    if bare.startswith("PAY-"):
        return rows.filter(reference=bare)
    code = _as_code(bare)
    if _TID.fullmatch(code):
        return rows.filter(request__tid=code)
    meant = Q(pk__in=[])
    if _CODE.fullmatch(code):
        meant |= Q(approval_code=code)
    recent = _amounts(typed, currencies)
    if _LAST4.fullmatch(bare):
        recent |= Q(card__last4=bare)
    if recent:
        meant |= recent & Q(business_date__gte=since)
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
